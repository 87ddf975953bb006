"""The kinds of row that Codex is known to write and that tell nothing that is kept, or tell it a second time."""

# Items of a response by which the model answers.
MODEL_ITEMS = frozenset(
    ("reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call")
)
ITEMS = frozenset(
    (
        "reasoning",
        "agent_message",
        "additional_tools",
        "ghost_snapshot",
        "compaction",
        "compaction_summary",
        "context_compaction",
        "compaction_trigger",
        "other",
    )
)
EVENTS = frozenset(
    (
        "agent_message",
        "agent_reasoning",
        "agent_reasoning_raw_content",
        "agent_reasoning_section_break",
        "background_event",
        "collab_agent_interaction_end",
        "collab_agent_spawn_end",
        "collab_close_end",
        "collab_resume_end",
        "collab_waiting_end",
        "context_compacted",
        "deprecation_notice",
        "dynamic_tool_call_request",
        "dynamic_tool_call_response",
        "entered_review_mode",
        "exec_command_begin",
        "exec_command_end",
        "exited_review_mode",
        "guardian_assessment",
        "guardian_warning",
        "hook_completed",
        "hook_started",
        "image_generation_end",
        "item_completed",
        "mcp_tool_call_begin",
        "mcp_tool_call_end",
        "model_reroute",
        "patch_apply_begin",
        "plan_update",
        "session_configured",
        "shutdown_complete",
        "sub_agent_activity",
        "thread_goal_updated",
        "thread_name_updated",
        "thread_rolled_back",
        "thread_settings_applied",
        "turn_diff",
        "undo_completed",
        "view_image_tool_call",
        "warning",
        "web_search_begin",
        "web_search_end",
    )
)
# Why a turn was aborted -> how it ended. A review that ended gave its result.
ENDS: dict[str, str | None] = {
    "interrupted": "interrupted",
    "replaced": "interrupted",
    "review_ended": None,
    "budget_limited": "partial",
}

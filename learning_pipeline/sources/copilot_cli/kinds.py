"""The types of event that Copilot is known to write and that tell nothing that is kept."""

import re

_IGNORED = re.compile(
    r"hook\.(?:start|end|progress)"
    r"|system\.(?:message|notification)"
    r"|assistant\.(?:turn_start|turn_end|intent|reasoning|reasoning_delta|message_start|message_delta|streaming_delta"
    r"|usage|idle|tool_call_delta)"
    r"|tool\.(?:user_requested|execution_partial_result|execution_progress)"
    r"|subagent\.(?:started|completed|failed|selected|deselected)"
    r"|skill\.invoked"
    r"|(?:permission|user_input|elicitation|external_tool|command|commands|exit_plan_mode|sampling|auto_mode_switch)"
    r"\.(?:requested|completed|queued|execute|changed)"
    r"|mcp\.[a-z_]+|mcp_[a-z_]+\.[a-z_]+|capabilities\.changed|pending_messages\.modified"
    r"|session\.(?:idle|info|warning|mode_changed|plan_changed|workspace_file_changed|handoff|truncation"
    r"|snapshot_rewind|usage_info|usage_checkpoint|compaction_start|compaction_complete|task_complete|title_changed"
    r"|tools_updated|background_tasks_changed|skills_loaded|custom_agents_updated|mcp_servers_loaded"
    r"|mcp_server_status_changed|extensions_loaded|permissions_changed|remote_steerable_changed|schedule_[a-z]+"
    r"|custom_notification|import_legacy|todos_changed|autopilot_[a-z_]+)"
)


def is_ignored(kind: str) -> bool:
    """Say whether events of this type are known, and tell nothing that is kept."""
    return _IGNORED.fullmatch(kind) is not None

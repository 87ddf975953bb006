"""The typed shape of a line of a Codex rollout, all versions.

What is not used is `raw()`: known, skipped, not built. What only some kinds of row use has no type here, because one
structure stands for all kinds of row; where it is used, it is checked.
"""

from typing import Any

from msgspec import Raw, Struct

from learning_pipeline.sources.typed import raw


class Usage(Struct, forbid_unknown_fields=True, gc=False):
    """Tokens. Input includes what came from the cache, output includes reasoning."""

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    total_tokens: int | None = None


class Info(Struct, forbid_unknown_fields=True, gc=False):
    """What a `token_count` says: the session's sum so far, and the last call's part of it."""

    total_token_usage: Usage | None = None
    last_token_usage: Usage | None = None
    model: Any = None
    model_context_window: Raw = raw()


class Payload(Struct, forbid_unknown_fields=True, gc=False):
    """What a row says; `type` tells the kinds of response_item and event_msg apart."""

    type: str | None = None
    turn_id: str | None = None
    # session_meta
    id: str | None = None
    session_id: Any = None  # of exec_command's process a number
    timestamp: Any = None
    cwd: Any = None
    cli_version: Any = None
    source: Any = None
    git: Any = None
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    agent_nickname: Any = None
    agent_role: Any = None
    # turn_context
    model: Any = None
    # token_count
    info: Info | None = None
    # messages and errors
    role: Any = None
    content: Raw = raw()
    message: Raw = raw()
    # tools
    call_id: str | None = None
    name: Any = None
    namespace: Any = None
    arguments: Raw = raw()
    input: Raw = raw()
    output: Raw = raw()
    action: Raw = raw()
    execution: Raw = raw()
    status: Any = None
    success: Any = None
    changes: Raw = raw()
    result: Raw = raw()
    duration: Any = None
    new_thread_id: Any = None
    # ends of turns
    reason: Any = None
    duration_ms: Any = None
    # Known, and not used.
    originator: Raw = raw()
    thread_source: Raw = raw()
    model_provider: Raw = raw()
    base_instructions: Raw = raw()
    instructions: Raw = raw()
    agent_path: Raw = raw()
    dynamic_tools: Raw = raw()
    memory_mode: Raw = raw()
    approval_policy: Raw = raw()
    sandbox_policy: Raw = raw()
    permission_profile: Raw = raw()
    workspace_roots: Raw = raw()
    current_date: Raw = raw()
    timezone: Raw = raw()
    comp_hash: Raw = raw()
    personality: Raw = raw()
    collaboration_mode: Raw = raw()
    collaboration_mode_kind: Raw = raw()
    multi_agent_version: Raw = raw()
    realtime_active: Raw = raw()
    effort: Raw = raw()
    summary: Raw = raw()
    user_instructions: Raw = raw()
    developer_instructions: Raw = raw()
    final_output_json_schema: Raw = raw()
    truncation_policy: Raw = raw()
    network: Raw = raw()
    file_system_sandbox_policy: Raw = raw()
    rate_limits: Raw = raw()
    images: Raw = raw()
    local_images: Raw = raw()
    text_elements: Raw = raw()
    kind: Raw = raw()
    phase: Raw = raw()
    memory_citation: Raw = raw()
    metadata: Raw = raw()
    internal_chat_message_metadata_passthrough: Raw = raw()
    encrypted_content: Raw = raw()
    text: Raw = raw()
    tools: Raw = raw()
    query: Raw = raw()
    invocation: Raw = raw()
    plugin_id: Raw = raw()
    connector_id: Raw = raw()
    link_id: Raw = raw()
    mcp_app_resource_uri: Raw = raw()
    auto_approved: Raw = raw()
    stdout: Raw = raw()
    stderr: Raw = raw()
    started_at: Raw = raw()
    completed_at: Raw = raw()
    last_agent_message: Raw = raw()
    time_to_first_token_ms: Raw = raw()
    model_context_window: Raw = raw()
    codex_error_info: Raw = raw()
    additional_details: Raw = raw()
    replacement_history: Raw = raw()
    window_id: Raw = raw()
    window_number: Raw = raw()
    first_window_id: Raw = raw()
    previous_window_id: Raw = raw()
    ghost_commit: Raw = raw()
    num_turns: Raw = raw()
    item: Raw = raw()
    thread_id: Raw = raw()
    user_facing_hint: Raw = raw()
    target: Raw = raw()
    review_output: Raw = raw()
    revised_prompt: Raw = raw()
    saved_path: Raw = raw()
    sender_thread_id: Raw = raw()
    prompt: Raw = raw()


class Row(Struct, forbid_unknown_fields=True, gc=False):
    """One line."""

    type: str
    payload: Payload | None = None
    timestamp: Any = None
    ordinal: Raw = raw()


class ToolInput(Struct, gc=False):
    """The few inputs of a tool that are kept; every tool has a shape of its own."""

    cmd: Any = None
    command: Any = None
    patch: Any = None
    input: Any = None
    path: Any = None
    message: Any = None
    agent_type: Any = None
    model: Any = None

"""The attributes of events that are known: what is not named here is counted by its name."""

from collections import Counter

from learning_pipeline.sources.otlp.wire import Attributes

# What is written beside every event: who, where, with which program. Personal ones are never kept.
_COMMON = """
    event.name event.timestamp event.sequence event.kind prompt.id session.id terminal.type app.version app.entrypoint
    user.id user.email user.account_uuid user.account_id organization.id installation.id workspace.host_paths
    conversation.id auth_mode auth_type slug model message.uuid originator interactive active_approval_mode
"""
_CLAUDE = """
    input_tokens output_tokens cache_read_tokens cache_creation_tokens cost_usd cost_usd_micros duration_ms ttft_ms
    request_id client_request_id speed query_source effort agent.name skill.name plugin.name marketplace.name
    mcp_server.name mcp_tool.name agent_id parent_agent_id response_length response decision source decision_type
    decision_source tool_name tool_use_id tool_source success tool_input_size_bytes tool_result_size_bytes
    tool_parameters tool_input error error_type status_code attempt prompt prompt_length command_name command_source
    mcp_server_scope total_attempts total_retry_duration_ms
"""
_CODEX = """
    input_token_count output_token_count cached_token_count reasoning_token_count tool_token_count duration_ms attempt
    http.response.status_code error.message prompt prompt_length tool_name call_id arguments success output decision
    source mcp_server mcp_server_origin endpoint
"""
_GEMINI = """
    prompt prompt_length prompt_id status_code duration_ms input_token_count output_token_count
    cached_content_token_count thoughts_token_count tool_token_count total_token_count response_text finish_reasons
    error error_type error.message error.type attempt_number retry_delay_ms function_name function_args success decision
    tool_type mcp_server_name extension_name extension_id content_length metadata start_time end_time role
"""
_KNOWN = {
    name: frozenset((_COMMON + own).split())
    for name, own in {"claude_code": _CLAUDE, "codex": _CODEX, "gemini_cli": _GEMINI}.items()
}


def unknown_fields(agent: str, event: str, given: Attributes, resource: Attributes, unknown: Counter[str]) -> None:
    """Count the attributes of an event that are not known; what the user added to the resource is his own."""
    if not given.keys() <= _KNOWN[agent]:
        for name in given.keys() - _KNOWN[agent] - resource.keys():
            unknown[f"field:{event}.{name[:100]}"] += 1

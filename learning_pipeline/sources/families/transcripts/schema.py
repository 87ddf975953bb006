"""What one line of any agent's transcript says, in one normal form.

A line makes one record, or several: an assistant's line makes a `call` and a `tool_use` per tool in it.
"""

import polars as pl

from learning_pipeline.sources.base import RECORD_COLUMNS

KINDS = (
    "prompt",  # a person asked the main agent
    "task",  # an agent asked a sub-agent
    "call",  # a part of a model's response, with the usage so far
    "tool_use",  # an agent called a tool
    "tool_result",  # what the tool gave back
    "interrupt",  # a person stopped the agent
    "api_error",  # a call failed for good
    "retry",  # a call failed and is tried again
    "turn_end",  # the agent's own measure of the turn
)

_Timestamp = pl.Datetime("us", "UTC")

SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    **RECORD_COLUMNS,
    "kind": pl.Enum(KINDS),
    "at": _Timestamp,
    "agent_id": pl.String,  # sub-agent's id within the session; null for the main agent
    "parent_tool_call_id": pl.String,  # tool call that started the sub-agent, where the line says
    "record_id": pl.String,  # of prompts and tasks: the line's own id
    "cwd": pl.String,
    "branch": pl.String,
    "agent_version": pl.String,
    # prompt, task, interrupt, api_error
    "text": pl.String,
    "text_hash": pl.String,
    # call
    "call_id": pl.String,
    "request_id": pl.String,
    "model": pl.String,
    "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "cache_read_tokens": pl.Int64,
    "cache_write_5m_tokens": pl.Int64,
    "cache_write_1h_tokens": pl.Int64,
    "web_searches": pl.Int64,
    "service_tier": pl.String,
    "stop_reason": pl.String,
    # tool_use
    "tool_call_id": pl.String,
    "tool_name": pl.String,
    "input_bytes": pl.Int64,
    "file_path": pl.String,
    "command_name": pl.String,
    "commits": pl.Boolean,  # the command makes a commit
    "subagent_type": pl.String,
    "requested_model": pl.String,
    # tool_result
    "is_error": pl.Boolean,
    "output_bytes": pl.Int64,
    "exit_code": pl.Int64,
    "decision": pl.String,
    "commit_prefix": pl.String,
    "result_agent_id": pl.String,
    "in_background": pl.Boolean,
    # tool_result, turn_end: as the log measured it
    "duration_ms": pl.Int64,
    # retry: how often so far
    "attempt": pl.Int64,
}

# Words of people and agents: redacted before anything is written.
TEXT_COLUMNS = ("text", "file_path", "cwd", "command_name")

"""What one line of any agent's transcript says, in one normal form.

A line makes one record, or several: an assistant's line makes a `call` and a `tool_use` per tool in it. Each kind of
record is a table of its own, with the columns that it uses.
"""

import polars as pl

from learning_pipeline.sources.base import RECORD_COLUMNS

_Type = type[pl.DataType] | pl.DataType
_Timestamp = pl.Datetime("us", "UTC")

# What a record of any kind has beyond RECORD_COLUMNS.
COMMON: dict[str, _Type] = {
    "at": _Timestamp,
    "agent_id": pl.String,  # sub-agent's id within the session; null for the main agent
    "parent_tool_call_id": pl.String,  # tool call that started the sub-agent, where the line says
    "agent_name": pl.String,  # who acts, where the log names him; else the agent that writes such logs
    "cwd": pl.String,
    "branch": pl.String,
    "agent_version": pl.String,
}

_ASKED: dict[str, _Type] = {
    "record_id": pl.String,  # the line's own id
    "text": pl.String,
    "text_hash": pl.String,
}

# What a record of each kind has beyond that.
OWN: dict[str, dict[str, _Type]] = {
    # A person asked the main agent; an agent asked a sub-agent.
    "prompt": _ASKED,
    "task": _ASKED,
    # A part of a model's response, with the usage so far.
    "call": {
        "call_id": pl.String,
        "request_id": pl.String,
        "model": pl.String,
        "stop_reason": pl.String,
        "input_tokens": pl.Int64,  # without what came from the cache
        "output_tokens": pl.Int64,
        "cache_read_tokens": pl.Int64,
        "cache_write_5m_tokens": pl.Int64,
        "cache_write_1h_tokens": pl.Int64,
        "web_searches": pl.Int64,
        "service_tier": pl.String,
        "reasoning_tokens": pl.Int64,  # part of output_tokens
        "reported_cost_usd": pl.String,  # the decimal as the log prints it
        "duration_ms": pl.Int64,
        "error_type": pl.String,  # of a call that failed
        "of_session": pl.Boolean,  # stands for what the session used beside its other calls: of no one execution
        "is_subagent": pl.Boolean,  # where the log says so, and not which sub-agent it was
        "attributes": pl.String,  # JSON object of what has no column
    },
    # An agent called a tool.
    "tool_use": {
        "tool_call_id": pl.String,
        "tool_name": pl.String,
        "input_bytes": pl.Int64,
        "file_path": pl.String,
        "command_name": pl.String,
        "commits": pl.Boolean,  # the command makes a commit
        "subagent_type": pl.String,
        "requested_model": pl.String,
        "text": pl.String,
        "text_hash": pl.String,
        "tool_kind": pl.String,  # where the log says it
    },
    # What the tool gave back.
    "tool_result": {
        "tool_call_id": pl.String,
        "is_error": pl.Boolean,
        "output_bytes": pl.Int64,
        "exit_code": pl.Int64,
        "decision": pl.String,
        "commit_prefix": pl.String,
        "result_agent_id": pl.String,
        "in_background": pl.Boolean,
        "duration_ms": pl.Int64,  # as the log measured it
        "error_type": pl.String,
    },
    # What an edit changed in a file.
    "change": {"file_path": pl.String, "lines_added": pl.Int64, "lines_removed": pl.Int64},
    # A person stopped the agent.
    "interrupt": {},
    # A call failed for good.
    "api_error": {"text": pl.String, "error_type": pl.String},
    # A call failed and is tried again; how often so far.
    "retry": {"attempt": pl.Int64},
    # The agent's own measure of the turn, and how it says that the turn ended (in the normal form of outcomes).
    "turn_end": {"duration_ms": pl.Int64, "outcome": pl.String},
    # A row of a side-chain that names no agent, and the row before it (see `asides`).
    "chain": {"row_id": pl.String, "parent_id": pl.String},
    # A task that worked in the background ended: an agent, or a command (see `asides`).
    "task_end": {
        "task_id": pl.String,
        "tool_call_id": pl.String,
        "outcome": pl.String,  # in the normal form
        "duration_ms": pl.Int64,
    },
    # A fact of the time it was noted: a pull request, a fallback to another model, a compaction, what git did.
    "note": {
        "name": pl.String,
        "value": pl.String,  # JSON object
        "call_id": pl.String,  # of the model call that it is about
    },
    # A session's own sum of something, which counts where nothing tells it call by call (see `sums`).
    "usage": {
        "told_by": pl.String,  # metric, or result (of a run, without a time)
        "model": pl.String,
        "measure": pl.String,  # what is summed up: a column of calls, or of changes
        "value": pl.String,  # the decimal as the log prints it
        "series": pl.String,  # of a metric, one process's count; of a result, its run
        "is_cumulative": pl.Boolean,  # the value is all since the series began, not what is new
        "is_subagent": pl.Boolean,
    },
    # Where in its trace something is that a span told (see `spans`).
    "span": {
        "span_id": pl.String,
        "parent_span_id": pl.String,
        "operation": pl.String,
        "own_id": pl.String,  # call_id, tool_call_id or record_id of what the span told
        "duration_ms": pl.Int64,
        "outcome": pl.String,
    },
}
# Kinds that tell of other records: they are used up before a session is put together.
ASIDE = ("chain", "task_end", "note", "usage", "span")
KINDS = tuple(OWN)
KIND = pl.Enum(KINDS)

SCHEMAS: dict[str, dict[str, _Type]] = {kind: {**RECORD_COLUMNS, **COMMON, **own} for kind, own in OWN.items()}

# Words of people and agents: redacted before anything is written.
TEXT_COLUMNS = ("text", "file_path", "cwd", "command_name")

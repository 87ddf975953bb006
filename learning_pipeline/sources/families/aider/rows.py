"""From messages to rows of the streams."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid5

import msgspec
import polars as pl

from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, SUCCESS_OF_OUTCOME
from learning_pipeline.sources.base import RECORD_COLUMNS
from learning_pipeline.sources.families.aider.sessions import NAMESPACE, Message, Row, Undo, days_of
from learning_pipeline.sources.normal import error_type, model_tier, provider

AGENT = "aider"

_encode = msgspec.json.Encoder(order="sorted").encode


def assemble(records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return an execution for each message, a model call for each that a model answered, and feedback for each undo."""
    days = days_of(records["event"])
    found = [message for day in days for message in day.messages]
    return {
        "executions": _frame(map(_execution, found), _EXECUTION),
        "llm_calls": _frame((_call(message) for message in found if _is_sent(message)), _CALL),
        "feedback": _frame((_feedback(undo) for day in days for undo in day.undos), _FEEDBACK),
    }


def _is_sent(message: Message) -> bool:
    return message.end is not None and message.end["event"] == "send"


_LINEAGE = ("group_key", "day", "source", "source_file", "source_line", "host")
_TEXT, _WHOLE, _FLAG, _TIME = pl.String(), pl.Int64(), pl.Boolean(), pl.Datetime("us", "UTC")
_OF_BOTH: dict[str, pl.DataType] = {
    "execution_id": _TEXT,
    "session_id": _TEXT,
    **{name: pl.Schema(RECORD_COLUMNS)[name] for name in _LINEAGE},
    "agent_name": _TEXT,
    "model": _TEXT,
    "provider": _TEXT,
    "started_at": _TIME,
    "duration_ms": _WHOLE,
    "input_tokens": _WHOLE,
    "output_tokens": _WHOLE,
    "reported_cost_usd": pl.Decimal(38, 12),
    "attributes": _TEXT,
}
_EXECUTION: dict[str, pl.DataType] = {
    **_OF_BOTH,
    "agent_version": _TEXT,
    "agent_kind": _TEXT,
    "model_tier": _TEXT,
    "user_hash": _TEXT,
    "ended_at": _TIME,
    "context_tokens": _WHOLE,
    "llm_calls": _WHOLE,
    "outcome": _TEXT,
    "success": _FLAG,
    "outcome_source": _TEXT,
    "label_weight": pl.Float64(),
    "error_type": _TEXT,
    "error_message": _TEXT,
    "user_accepted": _FLAG,
}
_CALL: dict[str, pl.DataType] = {
    **_OF_BOTH,
    "call_id": _TEXT,
    "is_subagent": _FLAG,
    "usage_at": _TIME,
    "output_tokens_final": _FLAG,
    "is_error": _FLAG,
}
_FEEDBACK: dict[str, pl.DataType] = {
    "feedback_id": _TEXT,
    "execution_id": _TEXT,
    "session_id": _TEXT,
    **{name: pl.Schema(RECORD_COLUMNS)[name] for name in _LINEAGE},
    "given_at": _TIME,
    "feedback_type": _TEXT,
    "comment": _TEXT,
    "author_hash": _TEXT,
}


def _frame(rows: Iterable[Row], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    found = list(rows)
    return pl.DataFrame([pl.Series(name, [row.get(name) for row in found], dtype) for name, dtype in schema.items()])


def _of_both(message: Message, first: Row) -> Row:
    start, end = message.start, message.end
    row = {name: first[name] for name in _LINEAGE}
    row |= {"execution_id": message.execution_id, "session_id": message.session, "agent_name": AGENT}
    if start is not None and end is not None:
        row["duration_ms"] = round((end["at"] - start["at"]).total_seconds() * 1000)
    if end is not None and end["event"] == "send":
        row |= {name: end[name] for name in ("model", "input_tokens", "output_tokens", "reported_cost_usd")}
        row["provider"] = provider(end["model"])
    return row


def _execution(message: Message) -> Row:
    start, end = message.start, message.end
    row = _of_both(message, message.first)
    row |= {
        "started_at": None if start is None else start["at"],
        "ended_at": None if end is None else end["at"],
        "agent_version": next((e["agent_version"] for e in (end, start) if e and e["agent_version"]), None),
        "agent_kind": "main",
        "model_tier": model_tier(row.get("model")),
        "user_hash": message.first["user_hash"],
        "context_tokens": row.get("input_tokens"),
        "llm_calls": int(_is_sent(message)),
        "attributes": _attributes(end, {"undone": message.undone or None}),
        "user_accepted": False if message.undone else None,
    }
    outcome, evidence = _outcome(message)
    row |= {
        "outcome": outcome,
        "success": SUCCESS_OF_OUTCOME[outcome],
        "outcome_source": evidence,
        "label_weight": LABEL_WEIGHTS[evidence],
    }
    if outcome == "interrupted":
        row["error_type"] = "interrupted"
    elif outcome == "failure":
        said = end["text"] if end is not None and end["event"] == "exception" else None
        row |= {"error_type": error_type(said), "error_message": said}
    return row


def _outcome(message: Message) -> tuple[str, str]:
    """Weigh what is known: what a person took back, an exception, an answer, an end by hand."""
    if message.undone:
        return "failure", "feedback"
    if message.end is not None:
        return ("success", "heuristic") if _is_sent(message) else ("failure", "reported")
    if message.stopped:
        return "interrupted", "reported"
    return ("open" if message.last else "unknown"), "none"


def _call(message: Message) -> Row:
    end = message.end
    assert end is not None
    row = _of_both(message, end)
    return row | {
        "call_id": str(uuid5(NAMESPACE, f"call\x1f{end['record_key']}")),
        "is_subagent": False,
        "started_at": message.first["at"],
        "usage_at": end["at"],
        "output_tokens_final": True,
        "is_error": False,
        "attributes": _attributes(end, {}),
    }


def _feedback(undo: Undo) -> Row:
    return {name: undo.row[name] for name in _LINEAGE} | {
        "feedback_id": str(uuid5(NAMESPACE, f"undo\x1f{undo.row['record_key']}")),
        "execution_id": None if undo.message is None else undo.message.execution_id,
        "session_id": undo.session,
        "given_at": undo.row["at"],
        "feedback_type": "negative",
        "comment": "/undo",
        "author_hash": undo.row["user_hash"],
    }


def _attributes(end: Row | None, more: dict[str, Any]) -> str | None:
    """Return what no column holds, as JSON."""
    names = ("reported_model", "edit_format", "weak_model", "editor_model") if end is not None else ()
    said = {name: end[name] for name in names if end is not None and end[name] is not None}
    said |= {name: value for name, value in more.items() if value is not None}
    return _encode(said).decode() if said else None

"""Transformation logs: how an agent became another, one JSON object a step."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.errors import ERROR_NAMES, failure
from learning_pipeline.sources.in_house.events import (
    Row,
    derived_id,
    first_objects,
    json_text,
    parse_events,
    required,
)
from learning_pipeline.sources.in_house.names import Names
from learning_pipeline.sources.in_house.read import Said
from learning_pipeline.sources.json_lines import LineError

KIND = "transformation_log"
FAMILY = "agent_transformations"
MODE = "append"
LINES_APART = True

_NAMES = Names(
    (
        ("event_id", values.label, ("event_id",), ("transformation_id", "id")),
        ("correlation_id", values.label, ("correlation_id",), ("trace_id",)),
        ("session_id", values.label, ("session_id",), ()),
        ("parent_event_id", values.label, ("parent_event_id",), ()),
        ("source_agent", values.label, ("source_agent", "from_agent"), ()),
        ("target_agent", values.label, ("target_agent", "to_agent"), ("agent_name",)),
        ("reason", values.text, ("transformation_reason", "reason"), ()),
        ("context_bytes", values.count, ("context_bytes", "context_size_bytes"), ()),
        ("user_request", values.text, ("user_request", "request_text"), ()),
        ("confidence", values.share, ("routing_confidence", "confidence", "confidence_score"), ()),
        ("strategy", values.label, ("routing_strategy", "strategy"), ()),
        ("transformation_ms", values.duration, ("transformation_duration_*", "transformation_*"), ()),
        ("initialization_ms", values.duration, ("initialization_duration_*", "initialization_*"), ()),
        ("total_ms", values.duration, ("total_execution_duration_*", "total_duration_*", "total_*"), ()),
        ("success", values.flag, ("success",), ()),
        ("quality_score", values.share, ("quality_score",), ()),
        ("definition_hash", values.label, ("definition_hash",), ()),
        ("started_at", values.time, ("started_at",), ("start_time",)),
        ("completed_at", values.time, ("completed_at", "ended_at"), ("end_time",)),
        ("written_at", values.time, (), ("timestamp", "created_at")),
    ),
    together=("event", "event_type", "context_snapshot", "context_keys", *ERROR_NAMES),
)
_WORDS = (
    ("start", ("start", "begin", "init", "request")),
    ("complete", ("complet", "finish", "end", "succe", "done")),
    ("failed", ("fail", "error", "abort", "timeout")),
)
_OWN = frozenset(
    ("transformation_reason", "context_snapshot", "transformation_id", "transformation_duration_ms", "definition_hash",
     "initialization_duration_ms", "routing_strategy", "routing_confidence")
)  # fmt: skip


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is a step of a transformation."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: Row) -> bool:
    """Say whether a line names an agent to become, and something that only such a log has."""
    names = {_NAMES.plain_name(name) for name in line}
    word = str(line.get("event_type") or line.get("event") or "").lower()
    return "target_agent" in names and ("transform" in word or bool(names & _OWN))


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `agent_transformations`."""
    return parse_events(KIND, FLAT[FAMILY], _NAMES, _row, lines, options)


def _row(said: Said) -> Row:
    row, together, attributes = said.columns, said.together, said.attributes
    required(row, "target_agent")
    told = failure({name: together[name] for name in ERROR_NAMES if name in together})
    row["error_message"] = told.message
    row["error_type"] = told.error_type
    if told.reported is not None:
        attributes["reported_error_type"] = told.reported
    row["event_type"] = _event_type(row, together)
    if row["event_type"] == "failed":
        if row.setdefault("success", False):
            raise LineError("contradiction", "the step failed, and success is true", "success", row["success"])
    elif row["event_type"] == "start" and row.get("success") is not None:
        attributes["success"] = row.pop("success")
    if row.get("success") is False and row["error_type"] is None and (told.message or told.reported):
        row["error_type"] = normal.error_type(f"{told.reported or ''} {told.message or ''}")
    _times(row)
    _context(row, together)
    request = row.pop("user_request", None)
    if request is not None:
        attributes["user_request"] = request
    if row.get("event_id") is None:
        names = ("event_type", "correlation_id", "session_id", "parent_event_id", "source_agent", "target_agent")
        row["event_id"] = derived_id(KIND, *(row.get(name) for name in names), row["at"].isoformat())
    return row


def _event_type(row: Row, together: Row) -> str:
    """Return which step it is; where no word says, an end or a verdict makes it the last.

    Raises:
        LineError: the word names no step.
    """
    word = next((together[name] for name in ("event_type", "event") if together.get(name) is not None), None)
    if word is None:
        if row.get("success") is False or row.get("error_message") or row.get("error_type"):
            return "failed"
        return "start" if row.get("completed_at") is None and row.get("success") is None else "complete"
    last = str(word).lower().replace("-", "_").rpartition("transform")[2].partition("_")[2]
    plain = last or str(word).lower()
    found = next((kind for kind, starts in _WORDS if any(start in plain for start in starts)), None)
    if found is None:
        raise LineError(
            "unknown_kind", f"event_type {str(word)[:100]!r} is no step of a transformation", "event_type", word
        )
    return found


def _times(row: Row) -> None:
    """Find the step's own time.

    Raises:
        LineError: there is none, or the end is before the start.
    """
    written: datetime | None = row.pop("written_at", None)
    is_start = row["event_type"] == "start"
    if written is not None and row.get("started_at") is None and row.get("completed_at") is None:
        row["started_at" if is_start else "completed_at"] = written
    started, completed = row.get("started_at"), row.get("completed_at")
    if started is None and completed is None:
        raise LineError("missing_field", "the line has neither a start nor an end", "started_at")
    if started is not None and completed is not None and completed < started:
        raise LineError(
            "end_before_start", f"it ends at {completed} and starts at {started}", "completed_at", completed
        )
    row["at"] = written or (started if is_start else completed) or started or completed


def _context(row: Row, together: Row) -> None:
    """Read names and size of the context, and nothing of what it holds.

    Raises:
        LineError: the names are no list.
    """
    snapshot: Any = together.get("context_snapshot")
    keys: Any = together.get("context_keys")
    if snapshot is not None:
        text = snapshot if isinstance(snapshot, str) else json_text(snapshot)
        row.setdefault("context_bytes", len(text.encode("utf-8", "replace")))
        if isinstance(snapshot, str):
            try:
                snapshot = msgspec.json.decode(snapshot)
            except msgspec.DecodeError:
                snapshot = None
        if keys is None and isinstance(snapshot, dict):
            keys = list(snapshot)
    if keys is None:
        return
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise LineError("type", "context_keys is not a list of names", "context_keys", keys)
    row["context_keys"] = json_text(sorted(set(keys)))

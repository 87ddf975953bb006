"""Interaction logs: one agent asks another, one JSON object an interaction."""

from collections.abc import Iterable
from typing import Any

from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
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

KIND = "interaction_log"
FAMILY = "interactions"
MODE = "append"
LINES_APART = True

_CONTENTS = {"message_content": "message_bytes", "response_content": "response_bytes"}
# Known, and without a column.
_KEPT = ("coordination_pattern", "dependency_chain")

_NAMES = Names(
    (
        ("interaction_id", values.label, ("interaction_id",), ("id",)),
        ("session_id", values.label, ("session_id",), ()),
        ("workflow_id", values.label, ("workflow_id",), ()),
        ("source_agent", values.label, ("source_agent", "from_agent"), ()),
        ("target_agent", values.label, ("target_agent", "to_agent"), ()),
        ("interaction_type", values.label, ("interaction_type",), ()),
        ("requested_at", values.time, ("requested_at", "request_timestamp"), ("timestamp", "created_at")),
        ("responded_at", values.time, ("responded_at", "response_timestamp"), ()),
        ("latency_ms", values.duration, ("latency_*", "response_time_*"), ()),
        ("success", values.flag, ("success",), ()),
        ("retries", values.count, ("retry_attempt", "retries", "retry_count"), ()),
        ("message_bytes", values.count, ("message_bytes", "message_size_bytes"), ()),
        ("response_bytes", values.count, ("response_bytes", "response_size_bytes"), ()),
    ),
    together=(*_CONTENTS, *_KEPT),
)
_OWN = frozenset(
    ("interaction_id", "interaction_type", "requested_at", "request_timestamp", "responded_at", "message_content",
     "response_content", "coordination_pattern", "dependency_chain", "retry_attempt")
)  # fmt: skip


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is an interaction."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: Row) -> bool:
    """Say whether a line names who asked whom, and something that only an interaction has."""
    names = {_NAMES.plain_name(name) for name in line}
    return {"source_agent", "target_agent"} <= names and bool(names & _OWN)


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `interactions`."""
    return parse_events(KIND, FLAT[FAMILY], _NAMES, _row, lines, options)


def _row(said: Said) -> Row:
    row, together, attributes = said.columns, said.together, said.attributes
    required(row, "requested_at", "source_agent", "target_agent")
    responded = row.get("responded_at")
    if responded is not None and responded < row["requested_at"]:
        raise LineError(
            "end_before_start",
            f"it was answered at {responded} and asked at {row['requested_at']}",
            "responded_at",
            responded,
        )
    for name, column in _CONTENTS.items():
        if together.get(name) is not None:
            row.setdefault(column, _size(together[name]))
    for name in _KEPT:
        if together.get(name) is not None:
            attributes[name] = together[name]
    row["at"] = responded or row["requested_at"]
    if row.get("interaction_id") is None:
        names = ("session_id", "workflow_id", "source_agent", "target_agent", "interaction_type", "retries")
        row["interaction_id"] = derived_id(
            KIND, row["requested_at"].isoformat(), *(row.get(name) for name in names), row.get("message_bytes")
        )
    return row


def _size(content: Any) -> int:
    """Return the bytes of a text, or of anything else as compact JSON: what was said is not kept."""
    return len((content if isinstance(content, str) else json_text(content)).encode("utf-8", "replace"))

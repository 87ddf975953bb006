"""The database that Copilot keeps its GenAI spans in: each span as the line that an exporter would have written."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import msgspec

from learning_pipeline.sources.base import Line

HEADER = b"SQLite format 3\x00"

_SPANS = """
    select rowid, span_id, trace_id, parent_span_id, name, start_time_ms, end_time_ms, status_code, status_message
    from spans order by rowid
"""
_ATTRIBUTES = "select span_id, key, value from span_attributes order by span_id, key"
_EVENTS = "select span_id, name, attributes from span_events order by id"
# Attributes that hold whole conversations and lists of tools: nothing of them is kept.
_BULKY = frozenset(
    ("gen_ai.tool.definitions", "gen_ai.system_instructions", "gen_ai.output.messages", "copilot_chat.request.options")
)

_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "copilot-chat"}}]}


def is_database(head: bytes) -> bool:
    """Say whether a file begins like a database of spans."""
    return head.startswith(HEADER) and b"CREATE TABLE span_attributes" in head and b"CREATE TABLE spans" in head


def lines(data: bytes) -> Iterator[Line]:
    """Yield each span of a database, which is given whole, as one line.

    Raises:
        sqlite3.DatabaseError: it is damaged, or has other tables.
    """
    with closing(sqlite3.connect(":memory:")) as db:
        # A database with a write-ahead log beside it says so at two bytes; in memory it has none.
        db.deserialize(data[:18] + b"\x01\x01" + data[20:])
        given: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for span, key, value in db.execute(_ATTRIBUTES):
            if key not in _BULKY:
                given[span].append(_pair(key, value))
        happened: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for span, name, attributes in db.execute(_EVENTS):
            if name == "user_message":
                happened[span].append({"name": name, "attributes": _pairs(attributes)})
        for number, span, trace, parent, name, start, end, code, message in db.execute(_SPANS):
            row = {
                "spanId": span,
                "traceId": trace,
                "parentSpanId": parent,
                "name": name,
                "startTimeUnixNano": _nanos(start),
                "endTimeUnixNano": _nanos(end),
                "status": {"code": code, "message": message},
                "attributes": given[span],
                "events": happened[span],
            }
            batch = {"resource": _RESOURCE, "scopeSpans": [{"spans": [row]}]}
            yield Line(number, 0, msgspec.json.encode({"resourceSpans": [batch]}))


def _nanos(milliseconds: int | float) -> str:
    """Return a time in nanoseconds; the column holds fractions in spite of its type."""
    return str(int(Decimal(repr(milliseconds)) * 1_000_000))


def _pair(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value if isinstance(value, str) else str(value)}}


def _pairs(text: str | None) -> list[dict[str, Any]]:
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return []
    return [_pair(key, value) for key, value in found.items()] if isinstance(found, dict) else []

"""The database that Copilot keeps its GenAI spans in: each span as the line that an exporter would have written."""

import math
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from learning_pipeline.sources.base import Line

HEADER = b"SQLite format 3\x00"

_SPANS = """
    select rowid, span_id, trace_id, parent_span_id, name, start_time_ms, end_time_ms, status_code, status_message
    from spans order by rowid
"""
# What holds whole conversations and lists of tools stays where it is: nothing of it is kept.
_ATTRIBUTES = """
    select key, value from span_attributes where span_id = ? and key not in (
        'gen_ai.tool.definitions', 'gen_ai.system_instructions', 'gen_ai.output.messages',
        'copilot_chat.request.options', 'copilot_chat.hook_input', 'copilot_chat.hook_output'
    )
    order by key
"""
_EVENTS = "select name, attributes from span_events where span_id = ? and name = 'user_message' order by id"
_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "copilot-chat"}}]}


def is_database(head: bytes) -> bool:
    """Say whether a file begins like a database of spans."""
    return head.startswith(HEADER) and b"CREATE TABLE span_attributes" in head and b"CREATE TABLE spans" in head


def lines(db: sqlite3.Connection) -> Iterator[Line]:
    """Yield each span of a database as one line, numbered by its row.

    Raises:
        sqlite3.DatabaseError: it is damaged, or has other tables.
    """
    db.text_factory = lambda data: data.decode("utf-8", "replace")
    for number, span, trace, parent, name, start, end, code, message in db.execute(_SPANS):
        row = {
            "spanId": span,
            "traceId": trace,
            "parentSpanId": parent,
            "name": name,
            "startTimeUnixNano": _nanos(start),
            "endTimeUnixNano": _nanos(end),
            "status": {"code": code, "message": message},
            "attributes": [_pair(key, value) for key, value in db.execute(_ATTRIBUTES, (span,))],
            "events": [{"name": event, "attributes": _pairs(given)} for event, given in db.execute(_EVENTS, (span,))],
        }
        batch = {"resource": _RESOURCE, "scopeSpans": [{"spans": [row]}]}
        yield Line(number, 0, msgspec.json.encode({"resourceSpans": [batch]}))


def _nanos(milliseconds: object) -> str:
    """Return a time in nanoseconds; the column holds fractions in spite of its type. What is no number stays."""
    if isinstance(milliseconds, int | float) and math.isfinite(milliseconds):
        return str(int(Decimal(repr(milliseconds)) * 1_000_000))
    return str(milliseconds)


def _pair(key: str, value: Any) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value if isinstance(value, str) else str(value)}}


def _pairs(text: str | None) -> list[dict[str, Any]]:
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return []
    return [_pair(key, value) for key, value in found.items()] if isinstance(found, dict) else []

"""From the lines of an analytics log to records of the family `aider`."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

import msgspec
import polars as pl

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.documents import joined
from learning_pipeline.sources.families.aider.sessions import SCHEMA, group_of
from learning_pipeline.sources.in_house.values import user_hash
from learning_pipeline.sources.json_lines import LineError, decode

KIND = "aider"
FAMILY = "aider"
MODE: Literal["document", "append"] = "append"
LINES_APART = True

# Events that make records, and the kind of record.
_KINDS = {
    "launched": "launched",
    "exit": "exit",
    "message_send_starting": "start",
    "message_send": "send",
    "message_send_exception": "exception",
    "command_undo": "undo",
}
# Events that tell nothing that is kept, and the name of the rule that says so.
_IGNORED = {
    "repo": "session_note",
    "no-repo": "session_note",
    "cli session": "session_note",
    "gui session": "session_note",
    "copy-paste mode": "session_note",
    "interactive help": "session_note",
    "auto_commits": "session_note",
    "auto_model_selection": "session_note",
    "model warning": "model_warning",
    "file_added": "file_added",
    "ai-comments file-add": "file_added",
    "ai-comments execute": "ai_comments",
}
# Families of events by the beginning of their names.
_IGNORED_STARTS = {"command_": "command", "oauth_": "oauth"}

_ENVELOPE = frozenset(("event", "properties", "user_id", "time"))
_SYSTEM = frozenset(
    (
        "python_version",
        "os_platform",
        "os_release",
        "machine",
        "aider_version",
        "$lib",
        "$lib_version",
        "$geoip_disable",
    )
)
_MODELS = frozenset(("main_model", "weak_model", "editor_model", "edit_format"))
_USAGE = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", "cost", "total_cost"))
# What is known of the properties of the events that make records.
_PROPERTIES = _SYSTEM | _MODELS | _USAGE | {"reason", "exception"}

_encode = msgspec.json.Encoder(order="sorted").encode


def sniff(head: bytes) -> bool:
    """Say whether the first line is an event of aider: its four fields, and no others."""
    try:
        first = decode(head.lstrip().split(b"\n", 1)[0])[0]
    except LineError:
        return False
    return first.keys() == _ENVELOPE and isinstance(first["event"], str) and isinstance(first["properties"], dict)


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read the events of one log. What is not kept is ignored under a rule; an unknown event is rejected."""
    parsed = Parsed()
    rows: list[dict[str, Any]] = []
    for line in joined(lines):
        parsed.lines_read += 1
        made = len(rows)
        rule = bad = None
        try:
            for event in decode(line.raw):
                try:
                    rule = _event(event, line.number, options, rows, parsed) or rule
                except LineError as error:  # what is glued behind it may still be good
                    bad = bad or error
        except LineError as error:
            bad = bad or error
        if bad is not None:
            parsed.rejects.append(
                Reject(line.number, line.offset, bad.check, bad.reason, line.raw, bad.column, bad.value)
            )
        elif len(rows) == made:
            parsed.ignored[rule or "empty"] += 1
    columns = ([row.get(name) for row in rows] for name in SCHEMA)
    parsed.records = pl.DataFrame(
        [pl.Series(name, values, dtype) for (name, dtype), values in zip(SCHEMA.items(), columns, strict=True)]
    )
    return parsed


def _event(
    event: dict[str, Any], number: int, options: Options, rows: list[dict[str, Any]], parsed: Parsed
) -> str | None:
    """Add the record of an event, or return the name of the rule by which it is ignored.

    Raises:
        LineError: it is no event of aider, of an unknown kind, or breaks a rule.
    """
    name, properties = event.get("event"), event.get("properties")
    if not isinstance(name, str) or not isinstance(properties, dict) or "time" not in event:
        names = ", ".join(sorted(event)[:6])
        raise LineError("foreign_document", f"no event of aider: an object of {names or 'nothing'}")
    parsed.unknown.update(f"field:{field[:100]}" for field in event.keys() - _ENVELOPE)
    kind = _KINDS.get(name)
    if kind is None:
        rule = _IGNORED.get(name) or next((r for start, r in _IGNORED_STARTS.items() if name.startswith(start)), None)
        if rule is None:
            parsed.unknown[f"kind:{name[:100]}"] += 1
            raise LineError("unknown_kind", f"events named {name[:100]!r} are not known", "event")
        return rule
    parsed.unknown.update(f"field:properties.{field[:100]}" for field in properties.keys() - _PROPERTIES)
    try:
        at = normal.timestamp(event["time"])
    except ValueError as error:
        raise LineError("timestamp", f"time: {error}", "time", event["time"]) from error
    given = event.get("user_id")
    user = None if given is None else user_hash("user_id", str(given), options)
    row: dict[str, Any] = {
        "record_key": key_of("aider", _encode(event).decode("utf-8", "replace")),
        "group_key": group_of(user, at),
        "day": at.date(),
        "source_line": number,
        "event": kind,
        "at": at,
        "user_hash": user,
        "agent_version": _word(properties.get("aider_version")),
    }
    if kind == "send":
        row |= _usage(properties)
    elif kind in ("exit", "exception"):
        row["text"] = _word(properties.get("reason" if kind == "exit" else "exception"))
    rows.append(row)
    return None


def _usage(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the model, tokens and cost of a message. Its cost is its own: `total_cost` adds them up.

    A model that aider's list has costs a fraction, 0.0 where it is free. The whole number 0 is what aider counts from:
    it stays where the list does not have the model, and says nothing.
    """
    model = properties.get("main_model")
    cost = properties.get("cost")
    return {
        "model": normal.model(model),
        "reported_model": _word(model) if normal.model(model) is None else None,
        "edit_format": _word(properties.get("edit_format")),
        "weak_model": normal.model(properties.get("weak_model")),
        "editor_model": normal.model(properties.get("editor_model")),
        "input_tokens": _count("prompt_tokens", properties),
        "output_tokens": _count("completion_tokens", properties),
        "reported_cost_usd": None if cost is None or _is_not_known(cost) else _money(cost),
    }


def _count(name: str, properties: dict[str, Any]) -> int | None:
    value = properties.get(name)
    try:
        return None if value is None else normal.integer(value)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", f"properties.{name}", value) from error


def _is_not_known(cost: object) -> bool:
    return type(cost) is int and cost == 0


def _money(value: object) -> Decimal:
    try:
        return normal.usd("cost", value)
    except (ValueError, ArithmeticError) as error:
        raise LineError("range", str(error), "properties.cost", value) from error


def _word(value: object) -> str | None:
    """Return a text that says something."""
    return value.strip() or None if isinstance(value, str) else None

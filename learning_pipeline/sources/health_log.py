"""Health logs: how agents are, one JSON object a sign."""

import hashlib
from collections.abc import Iterable
from typing import Any

from learning_pipeline.contracts.vocabulary import HEALTH_EVENT_TYPES
from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.errors import ERROR_NAMES, failure
from learning_pipeline.sources.in_house.events import Row, derived_id, first_objects, parse_events, required
from learning_pipeline.sources.in_house.names import Names
from learning_pipeline.sources.in_house.read import Said
from learning_pipeline.sources.json_lines import LineError

KIND = "health_log"
FAMILY = "health_events"
MODE = "append"
LINES_APART = True

_NAMES = Names(
    (
        ("event_id", values.label, ("event_id",), ("id",)),
        ("agent_name", values.label, ("agent_name", "agent"), ("agent_id", "service", "component")),
        ("status", values.label, ("status", "health_status"), ("state",)),
        ("occurred_at", values.time, ("occurred_at", "timestamp"), ("checked_at", "created_at")),
        ("message", values.text, ("message",), ("detail", "details")),
        ("retry_attempt", values.count, ("retry_attempt",), ("retries", "retry_count")),
        ("latency_ms", values.duration, ("latency_*", "response_time_*"), ()),
        ("cpu_ratio", values.percent, ("cpu_percent", "cpu_pct", "cpu_ratio"), ()),
        ("memory_mb", values.megabytes, ("memory_mb", "memory_usage_mb"), ()),
    ),
    together=("event", "event_type", "category", *ERROR_NAMES),
)

# Words for what happened, and for how an agent is -> the event.
_EVENTS = {name: name for name in HEALTH_EVENT_TYPES} | {
    word: event
    for event, words in {
        "started": ("start", "starting", "startup", "launched", "initialized", "online"),
        "stopped": ("stop", "stopping", "shutdown", "terminated", "offline", "disabled", "exited"),
        "heartbeat": ("stable", "healthy", "ok", "up", "alive", "running", "ready", "idle", "health_check", "ping"),
        "error": ("failed", "failure", "fail", "down", "unhealthy", "critical", "crashed", "config_issue", "broken"),
        "degraded": ("partial", "warning", "warn", "slow", "unstable", "limited", "retrying"),
        "recovered": ("recovery", "restored", "resolved", "healed"),
    }.items()
    for word in words
}
# Events that say only that a sign was given: the status says which.
_NEUTRAL = frozenset(("health_check", "ping", "status_change", "check", "health", "status"))
# Categories that the table of error types does not have.
_CATEGORIES = {"kafka": "network", "invalid_data": "validation", "config_issue": "validation", "config": "validation"}
_OWN = frozenset(("occurred_at", "health_status", "cpu_percent", "cpu_ratio", "memory_mb", "category", "retry_attempt"))
_FOREIGN = frozenset(
    ("execution_id", "task_id", "target_agent", "feedback_type", "selected_model", "repository", "run_id")
)


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is a sign of an agent's health."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: Row) -> bool:
    """Say whether a line says who, and how that agent is, with something that only such a log has."""
    names = {_NAMES.plain_name(name) for name in line}
    who = bool(names & {"agent_name", "agent"})
    how = bool(names & {"event_type", "status", "health_status"})
    return who and how and bool(names & _OWN) and not names & _FOREIGN


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `health_events`."""
    return parse_events(KIND, FLAT[FAMILY], _NAMES, _row, lines, options)


def _row(said: Said) -> Row:
    row, together, attributes = said.columns, said.together, said.attributes
    required(row, "occurred_at", "agent_name")
    word = next((together[name] for name in ("event_type", "event") if together.get(name) is not None), None)
    if word is None and row.get("status") is None:
        raise LineError("missing_field", "the line says neither what happened nor how the agent is", "event_type")
    row["event_type"] = _event_type(word, row.get("status"), attributes)
    _error(row, together, attributes)
    row["at"] = row["occurred_at"]
    if row.get("event_id") is None:
        message = hashlib.sha256((row.get("message") or "").encode("utf-8", "replace")).hexdigest()
        names = ("agent_name", "event_type", "status", "error_type", "retry_attempt", "latency_ms")
        row["event_id"] = derived_id(
            KIND, row["occurred_at"].isoformat(), word, *(row.get(name) for name in names), message
        )
    return row


def _word(value: Any) -> str:
    return str(value).strip().lower().replace("-", "_").replace(" ", "_").removeprefix("agent_")


def _event_type(word: Any, status: str | None, attributes: Row) -> str | None:
    """Return what happened, by the event's own word, else by the status; a word that none knows is kept."""
    event = None
    if word is not None:
        event = _EVENTS.get(_word(word))
        if event is None and _word(word) not in _NEUTRAL:
            attributes["reported_event_type"] = word
    if status is not None and (event is None or _word(word) in _NEUTRAL):
        event = _EVENTS.get(_word(status), event)
    return event


def _error(row: Row, together: Row, attributes: Row) -> None:
    """Find the kind of error: as it is named, by its category, and of an error by the words of its message."""
    told = failure({name: together[name] for name in ERROR_NAMES if name in together})
    category = together.get("category")
    if told.message is not None:
        row.setdefault("message", told.message)
    if told.reported is not None:
        attributes["reported_error_type"] = told.reported
    kind = told.error_type
    if category is not None:
        attributes["category"] = category
        kind = kind or _CATEGORIES.get(_word(category)) or normal.known_error_type(category)
    if kind is None and row["event_type"] == "error":
        kind = normal.error_type(f"{told.reported or ''} {category or ''} {row.get('message') or ''}")
    row["error_type"] = kind

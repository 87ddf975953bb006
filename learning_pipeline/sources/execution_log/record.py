"""From the object of a line to records: the execution, and one for each agent that it names."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from learning_pipeline.contracts.vocabulary import AGENT_KINDS, LABEL_WEIGHTS
from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Options, key_of
from learning_pipeline.sources.execution_log import fields, outcome
from learning_pipeline.sources.in_house.errors import ERROR_NAMES, failure
from learning_pipeline.sources.in_house.identity import json_text, key_of_object, uuid_of
from learning_pipeline.sources.in_house.read import read_fields
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.remember import remembered

# Namespace of the ids that are derived here.
NAMESPACE = UUID("6a1c53cf-2f0e-5a39-8c8a-1f6b4f2f3f21")
# Name of who ran several agents, where the log names only them.
ORCHESTRATOR = "orchestrator"

Row = dict[str, Any]

# What a child takes over from the line that names it.
_SHARED = (
    "session_id",
    "correlation_id",
    "workflow_id",
    "pool_type",
    "topology",
    "repository",
    "branch",
    "working_dir",
    "project",
    "user_hash",
)

# What an event's name may hold, the first that fits: the beginnings of its words.
_EVENT_WORDS = (
    ("started", ("start", "begin", "began")),
    ("completed", ("complet", "finish", "ended", "done", "fail", "succe", "timeout", "timed", "cancel")),
    ("record", ("record", "execut", "frame", "task", "run", "result", "change")),
)
_NO_LETTERS = re.compile(r"[^a-z]+")


def records(line: dict[str, Any], options: Options) -> tuple[list[Row], list[str]]:
    """Return the records of a line's object, and the names of fields that the table does not have.

    Raises:
        LineError: the line breaks a rule.
    """
    said, together, attributes, unknown = read_fields(line, fields.NAMES, options)
    event = _event(together)
    if event is None:
        return [], ["kind:" + str(_first(together, fields.EVENT_NAMES))[:100]]
    row = _row(said, together, attributes, event)
    row["record_key"] = key_of_object("execution_log", line)
    agents = _agents(together)
    children = [] if agents is None else _children(agents, row, options)
    _finish(row, attributes)
    return [row, *children], unknown


def _first(together: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in together:
            return together[name]
    return None


def _only(together: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of some names, in the order of these."""
    if together.keys().isdisjoint(names):
        return {}
    return {name: together[name] for name in names if name in together}


def _event(together: dict[str, Any]) -> str | None:
    """Return started, completed or record; None for an event that is none of an execution."""
    word = _first(together, fields.EVENT_NAMES)
    return "record" if word is None else _event_of(str(word))


@remembered
def _event_of(word: str) -> str | None:
    words = _NO_LETTERS.split(word.lower())
    return next((event for event, starts in _EVENT_WORDS if any(part.startswith(starts) for part in words)), None)


def _row(said: Row, together: dict[str, Any], attributes: dict[str, Any], event: str) -> Row:
    """Put together the columns of the execution in what was said of it; attributes are filled on the way."""
    row = said
    row["event"] = event
    error = failure(_only(together, ERROR_NAMES))
    # A code of an error is no verdict; an exit code of the run is.
    told = outcome.evidence(_only(together, fields.OUTCOME_NAMES), together.get("checks"), row.get("exit_code"))
    row["outcome"], row["outcome_source"] = told.outcome, told.source
    row["evidence"] = told.all()
    row["label_weight"] = None if told.source is None else LABEL_WEIGHTS[told.source]
    row["error_type"] = error.error_type
    row["error_message"] = error.message
    if error.reported is not None:
        attributes["reported_error_type"] = error.reported
    if error.message is not None or error.reported is not None:
        row["ruled_error_type"] = normal.error_type(f"{error.reported or ''} {error.message or ''}")
    row.setdefault("exit_code", error.exit_code)
    _keep_words(together, attributes)
    satisfaction = row.pop("user_satisfaction", None)
    if satisfaction is not None:
        row.setdefault("user_rating", satisfaction)
    total = row.pop("total_tokens", None)
    if total is not None:
        attributes["total_tokens"] = total
    _changes(together, row, attributes)
    if row.get("agent_kind") not in AGENT_KINDS:
        if "agent_kind" in row:
            attributes["agent_kind"] = row.pop("agent_kind")
        if row.get("parent_execution_id") is not None:
            row["agent_kind"] = "subagent"
        elif row.get("pool_type") is not None:
            row["agent_kind"] = "pool"
    _times(row, event)
    _identity(row, together)
    row["task_type"] = normal.task_type(row.get("task_text"), row.get("reported_task_type"))
    return row


def _keep_words(together: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Keep what the fields that are read together say beyond their columns."""
    for name in ("status", "outcome", "result", "verdict"):
        value = together.get(name)
        if value is None:
            continue
        if isinstance(value, dict | list) or (name == "result" and isinstance(value, str)):
            attributes[name] = value
        elif isinstance(value, str) and normal.outcome(value) == "unknown":
            attributes[f"reported_{name}"] = value
    for name in ("checks", "error"):
        if name in together and isinstance(together[name], dict | list):
            attributes[name] = together[name]


def _changes(together: dict[str, Any], row: Row, attributes: dict[str, Any]) -> None:
    """Read what a change frame adds: of the change itself only its size is kept."""
    delta = together.get("delta")
    if delta is not None:
        attributes["delta_bytes"] = len(
            delta.encode("utf-8", "replace") if isinstance(delta, str) else msgspec.json.encode(delta)
        )
    events = together.get("tool_events")
    if isinstance(events, list):
        row.setdefault("tool_calls", len(events))
        row.setdefault("tool_errors", sum(map(_is_error, events)))


def _is_error(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    code = event.get("exit_code")
    return bool(event.get("error") or event.get("is_error") or (isinstance(code, int) and code != 0))


def _times(row: Row, event: str) -> None:
    """Find the line's own time and its day; a start is computed where the line tells end and duration.

    Raises:
        LineError: the line has no time, or ends before it starts.
    """
    written = row.pop("written_at", None)
    if written is not None and row.get("started_at") is None and row.get("ended_at") is None:
        row["ended_at" if event == "completed" else "started_at"] = written
    started: datetime | None = row.get("started_at")
    ended: datetime | None = row.get("ended_at")
    first = started or ended
    if first is None:
        raise LineError("missing_field", "the line has neither a start nor an end", "started_at")
    if started is not None and ended is not None and ended < started:
        raise LineError("end_before_start", f"it ends at {ended} and starts at {started}", "ended_at", ended)
    if started is None and row.get("duration_ms") is not None:
        first = row["computed_start"] = first - timedelta(milliseconds=row["duration_ms"])
    row["at"] = written or ended or started
    row["day"] = first.date()


def _identity(row: Row, together: dict[str, Any]) -> None:
    """Settle agent and id; an id is derived from agent, start and task where the log has none.

    Raises:
        LineError: no agent is named, and no other line of the execution can name it.
    """
    agents = _agents(together)
    if row.get("agent_name") is None and agents:
        row["agent_name"] = _agent_name(agents[0]) if len(agents) == 1 else ORCHESTRATOR
    has_id = row.get("execution_id") is not None
    if row.get("agent_name") is None and not (has_id and row["event"] == "completed"):
        raise LineError("missing_field", "the line names no agent", "agent_name")
    if not has_id:
        time: datetime = row.get("started_at") or row.get("computed_start") or row["ended_at"]
        parts = (row["agent_name"], time.isoformat(), row.get("task_text") or "")
        row["execution_id"] = uuid_of(NAMESPACE, "\x1f".join(parts))
    row["group_key"] = row["execution_id"]


def _agents(together: dict[str, Any]) -> list[Any] | None:
    """Return the agents that a line names, in their order.

    Raises:
        LineError: the field holds something else than a list of agents.
    """
    found = _first(together, fields.AGENTS_NAMES)
    if found is None:
        return None
    if isinstance(found, str):
        found = [part.strip() for part in found.split(",")]
    if not isinstance(found, list):
        raise LineError("type", "agents is not a list", "agents", found)
    for agent in found:
        if _agent_name(agent) is None:
            raise LineError("type", "an agent in the list has no name", "agents", agent)
    return found


def _agent_name(agent: Any) -> str | None:
    if isinstance(agent, dict):
        agent = next((agent[name] for name in ("agent_name", "agent", "name", "agent_id") if agent.get(name)), None)
    return agent.strip() if isinstance(agent, str) and agent.strip() else None


def _children(agents: list[Any], parent: Row, options: Options) -> list[Row]:
    """Return one record per agent of the list, below the line's own execution."""
    if len(agents) == 1 and _agent_name(agents[0]) == parent["agent_name"] and not isinstance(agents[0], dict):
        return []
    children = []
    for position, agent in enumerate(agents, 1):
        name = _agent_name(agent)
        own = {key: value for key, value in agent.items() if key != "name"} if isinstance(agent, dict) else {}
        said, together, attributes, _ = read_fields({**own, "agent_name": name}, fields.NAMES, options)
        row: Row = {column: parent[column] for column in _SHARED if parent.get(column) is not None}
        row.update(said)
        if all(row.get(column) is None for column in ("started_at", "ended_at", "written_at")):
            # The log does not say when in the sequence: it is not earlier than its parent.
            row.update({key: parent[key] for key in ("started_at", "ended_at") if parent.get(key) is not None})
            if row.get("started_at") is not None:
                row.pop("ended_at", None)
        row.setdefault("execution_id", uuid_of(NAMESPACE, f"{parent['execution_id']}\x1f{position}\x1f{name}"))
        row["parent_execution_id"] = parent["execution_id"]
        row["agent_kind"] = "subagent"
        attributes["position"] = position
        row = _row(row, together, attributes, parent["event"])
        row["record_key"] = key_of(parent["record_key"], "child", position)
        _finish(row, attributes)
        children.append(row)
    return children


def _finish(row: Row, attributes: dict[str, Any]) -> None:
    row["attributes"] = json_text(attributes) if attributes else None

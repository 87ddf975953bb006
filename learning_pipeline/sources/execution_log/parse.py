"""Reads the lines of an execution log."""

import hashlib
from collections.abc import Iterable
from typing import Any

from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.execution_log import fields
from learning_pipeline.sources.execution_log.record import records
from learning_pipeline.sources.families.executions import SCHEMA
from learning_pipeline.sources.in_house.events import first_objects
from learning_pipeline.sources.in_house.frames import frame_of
from learning_pipeline.sources.json_lines import LineError, decode

# A line of this kind names an agent, and a run or how it went.
_AGENT_FIELDS = frozenset(("agent_name", "agent", "selected_agent", "adapter", "agents", "agents_invoked", "agent_id"))
_RUN_FIELDS = frozenset(("execution_id", "task_id", "run_id", "frame_id", *fields.OUTCOME_NAMES))
# Fields of other logs, which also name an agent.
_FOREIGN_FIELDS = frozenset(
    ("sessionId", "uuid", "routing_strategy", "selection_strategy", "target_agent", "feedback_type", "hook_event_name",
     "decided_at", "decision_id", "metric_type", "given_at", "requested_at", "occurred_at", "health_status")
)  # fmt: skip


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is an execution."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: dict[str, Any]) -> bool:
    """Say whether a line names an agent and a run."""
    if _FOREIGN_FIELDS & line.keys():
        return False
    names = {fields.NAMES.plain_name(name) for name in line}
    is_event = line.get("event") in ("started", "completed", "record") and bool(names & {"agent_name", "execution_id"})
    return is_event or "frame_id" in names or bool(names & _AGENT_FIELDS and names & _RUN_FIELDS)


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `executions`."""
    rows: list[dict[str, Any]] = []
    parsed = Parsed()
    for line in lines:
        parsed.lines_read += 1
        try:
            found = _rows(line, options, parsed)
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
            continue
        rows += found
    parsed.records = frame_of(rows, SCHEMA)
    return parsed


def _rows(line: Line, options: Options, parsed: Parsed) -> list[dict[str, Any]]:
    rows = []
    for value in decode(line.raw):
        found, unknown = records(value, options)
        if unknown:
            parsed.unknown.update(unknown)
        for row in found:
            row["source_line"] = line.number
            text = row.get("task_text")
            if text is not None:
                row["task_hash"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        rows += found
    if not rows:
        parsed.ignored["unknown_event"] += 1
    return rows

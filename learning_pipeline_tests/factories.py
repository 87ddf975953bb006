"""Valid rows for tests: say only what the test is about."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

_LINEAGE = {"source": "execution_log", "source_file": "log.jsonl", "source_line": 1, "landed_at": NOON, "host": "test"}
_TIME_COLUMN = {
    "executions": "started_at",
    "llm_calls": "started_at",
    "tool_calls": "started_at",
    "git_events": "occurred_at",
    "routing_decisions": "decided_at",
    "agent_transformations": "started_at",
    "interactions": "requested_at",
    "feedback": "given_at",
    "agent_definitions": "loaded_at",
    "health_events": "occurred_at",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "executions": {
        "agent_name": "alpha",
        "agent_kind": "main",
        "started_at": NOON,
        "ended_at": NOON + timedelta(minutes=1),
        "duration_ms": 60_000,
        "outcome": "success",
        "success": True,
        "outcome_source": "reported",
        "label_weight": 0.8,
    },
    "llm_calls": {"started_at": NOON, "model": "claude-sonnet-4-5", "provider": "anthropic", "is_subagent": False},
    "tool_calls": {"started_at": NOON, "tool_name": "Bash", "tool_kind": "shell", "is_error": False},
    "git_events": {"event_type": "commit", "occurred_at": NOON, "repository": "repo"},
    "routing_decisions": {"decided_at": NOON, "selected_agent": "alpha"},
    "agent_transformations": {"event_type": "start", "target_agent": "alpha", "started_at": NOON},
    "interactions": {"source_agent": "alpha", "target_agent": "beta", "requested_at": NOON},
    "feedback": {"given_at": NOON, "execution_id": "e", "feedback_type": "rating"},
    "agent_definitions": {"agent_name": "alpha", "path": "alpha.md", "definition": "{}", "loaded_at": NOON},
    "health_events": {"agent_name": "alpha", "event_type": "heartbeat", "occurred_at": NOON},
}


def events(stream: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Return rows of a stream, with defaults for what is not given and `day` from the event's time."""
    full = []
    for row in rows:
        complete = {**_LINEAGE, **_DEFAULTS[stream], **row}
        if "day" not in complete:
            complete["day"] = complete[_TIME_COLUMN[stream]].date()
        full.append(complete)
    return pl.DataFrame(full, schema=polars_schema(STREAMS[stream]))


def fill_lake(home: Path, **streams: Iterable[dict[str, Any]]) -> None:
    """Write rows into the lake of a home directory, as landing would leave them."""
    with State(home / "state.sqlite") as state:
        lake = Lake(home / "lake", state)
        for stream, rows in streams.items():
            for (day,), frame in events(stream, rows).group_by("day"):
                assert isinstance(day, date)
                lake.replace(stream, day, frame)

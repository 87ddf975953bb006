"""Transformation logs: steps, times, context without its content, errors."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from learning_pipeline_tests.sources.lines import is_conserved, parse, rows

AT, LATER = "2026-03-01T12:00:00Z", "2026-03-01T12:00:09Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = {"event_type": "transformation_complete", "started_at": AT, "target_agent": "b"}


def one(**fields: Any) -> dict[str, Any]:
    (row,) = rows(
        "transformation_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}]
    )
    return row


@pytest.mark.parametrize(
    ("column", "name", "value", "expected"),
    [
        ("source_agent", "source_agent", "a", "a"),
        ("reason", "transformation_reason", "why", "why"),
        ("confidence", "routing_confidence", 0.5, 0.5),
        ("strategy", "routing_strategy", "hybrid", "hybrid"),
        ("transformation_ms", "transformation_duration_ms", 5, 5),
        ("initialization_ms", "initialization_duration_s", 0.5, 500),
        ("total_ms", "total_execution_duration_ms", 5, 5),
        ("completed_at", "completed_at", LATER, datetime(2026, 3, 1, 12, 0, 9, tzinfo=UTC)),
        ("definition_hash", "definition_hash", "f" * 64, "f" * 64),
        ("parent_event_id", "parent_event_id", "p", "p"),
        ("quality_score", "quality_score", 1, 1.0),
        ("error_type", "error_type", "TimeoutError", "timeout"),
        ("success", "success", "true", True),
    ],
)
def test_names_and_units(column: str, name: str, value: object, expected: object) -> None:
    assert one(**{name: value})[column] == expected


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({"event_type": "transformation_start"}, "start"),
        ({"event_type": "transformation_complete"}, "complete"),
        ({"event_type": "transformation_failed"}, "failed"),
        ({"event_type": None, "event": "Failed"}, "failed"),
        ({"event_type": None}, "start"),
        ({"event_type": None, "completed_at": LATER}, "complete"),
        ({"event_type": None, "success": True}, "complete"),
        ({"event_type": None, "success": False}, "failed"),
        ({"event_type": None, "error_message": "broken"}, "failed"),
    ],
)
def test_steps(fields: dict[str, Any], step: str) -> None:
    assert one(**fields)["event_type"] == step


def test_of_the_context_only_names_and_size_are_kept() -> None:
    row = one(context_snapshot={"b": "secret words", "a": [1, 2]})
    assert (row["context_keys"], row["context_bytes"]) == (["a", "b"], len('{"a":[1,2],"b":"secret words"}'))
    assert "secret" not in str(row)
    assert one(context_snapshot='{"z": 1}')["context_keys"] == ["z"]
    assert one(context_snapshot="words")["context_keys"] is None


def test_a_failure_has_a_type_and_a_start_no_verdict() -> None:
    row = one(event_type="transformation_failed", error_message="connection refused")
    assert (row["success"], row["error_type"]) == (False, "network")
    assert one(success=False)["error_type"] == "unknown"
    row = one(event_type="transformation_start", success=True)
    assert (row["success"], json.loads(row["attributes"])) == (None, {"success": True})


def test_a_time_of_writing_is_the_start_of_a_start_and_the_end_of_an_end() -> None:
    row = one(event_type="transformation_start", started_at=None, timestamp=AT)
    assert (row["started_at"], row["completed_at"]) == (NOON, None)
    row = one(started_at=None, timestamp=AT)
    assert (row["started_at"], row["completed_at"], row["day"]) == (None, NOON, NOON.date())


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"target_agent": None}, "missing_field"),
        ({"started_at": None}, "missing_field"),
        ({"completed_at": "2026-03-01T11:00:00Z"}, "end_before_start"),
        ({"event_type": "transformation_dance"}, "unknown_kind"),
        ({"event_type": "transformation_failed", "success": True}, "contradiction"),
        ({"context_keys": "a"}, "type"),
        ({"total_execution_duration_ms": 5, "total_duration_s": 9}, "alias_conflict"),
        ({"quality_score": 70}, "range"),
    ],
)
def test_what_breaks_a_rule(fields: dict[str, Any], check: str) -> None:
    line = {name: value for name, value in {**FINE, **fields}.items() if value is not None}
    parsed = parse("transformation_log", [line])
    assert [found.check for found in parsed.rejects] == [check] and is_conserved(parsed, 1)


def test_the_start_of_a_transformation_that_tells_only_its_end_happened_then() -> None:
    line = {"event_type": "transformation_start", "completed_at": "2026-03-01T12:00:00Z", "target_agent": "b"}
    (row,) = rows("transformation_log", [line])
    assert row["completed_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert row["event_id"]

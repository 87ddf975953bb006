"""Health logs: words for what happened and how an agent is, kinds of error, shares."""

import json
from typing import Any

import pytest

from learning_pipeline_tests.sources.lines import is_conserved, parse, rows

AT = "2026-03-01T12:00:00Z"
FINE = {"occurred_at": AT, "agent_name": "a", "status": "stable"}


def one(**fields: Any) -> dict[str, Any]:
    (row,) = rows("health_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    return row


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"status": "stable"}, "heartbeat"),
        ({"status": "healthy"}, "heartbeat"),
        ({"status": "degraded"}, "degraded"),
        ({"status": "partial"}, "degraded"),
        ({"status": "failed"}, "error"),
        ({"status": "config issue"}, "error"),
        ({"status": "mysterious"}, None),
        ({"event_type": "recovered"}, "recovered"),
        ({"event_type": "agent_started"}, "started"),
        ({"event": "shutdown"}, "stopped"),
        ({"event_type": "health_check", "status": "failed"}, "error"),
        ({"event_type": "gc_pause", "status": "degraded"}, "degraded"),
        ({"event_type": "error", "status": None}, "error"),
    ],
)
def test_events(fields: dict[str, Any], event: str | None) -> None:
    assert one(**fields)["event_type"] == event


def test_a_word_that_is_not_known_is_kept() -> None:
    row = one(event_type="gc_pause", status="mysterious")
    assert (row["event_type"], row["status"]) == (None, "mysterious")
    assert json.loads(row["attributes"]) == {"reported_event_type": "gc_pause"}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"category": "kafka"}, "network"),
        ({"category": "api_timeout"}, "timeout"),
        ({"category": "invalid_data"}, "validation"),
        ({"category": "database"}, "database"),
        ({"category": "kafka", "error_type": "permission"}, "permission"),
        ({"status": "failed", "message": "rate limit reached"}, "rate_limit"),
        ({"status": "failed", "error": "timed out"}, "timeout"),
        ({"status": "failed"}, "unknown"),
    ],
)
def test_kinds_of_error(fields: dict[str, Any], kind: str | None) -> None:
    assert one(**fields)["error_type"] == kind


def test_numbers() -> None:
    row = one(cpu_percent=50, memory_mb=12.5, latency_s=0.2, retry_attempt=3)
    assert (row["cpu_ratio"], row["memory_mb"], row["latency_ms"], row["retry_attempt"]) == (0.5, 12.5, 200, 3)
    assert one(cpu_ratio=0.5)["cpu_ratio"] == 0.5


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"occurred_at": None}, "missing_field"),
        ({"agent_name": None}, "missing_field"),
        ({"status": None}, "missing_field"),
        ({"cpu_percent": 101}, "range"),
        ({"cpu_percent": 50, "cpu_ratio": 0.6}, "alias_conflict"),
        ({"memory_mb": -1}, "range"),
        ({"occurred_at": "noon"}, "type"),
    ],
)
def test_what_breaks_a_rule(fields: dict[str, Any], check: str) -> None:
    parsed = parse("health_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    assert [found.check for found in parsed.rejects] == [check] and is_conserved(parsed, 1)

"""Routing logs: names, parts of a confidence, verdicts that come later, metrics of the cache."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from learning_pipeline_tests.sources.lines import is_conserved, parse, rows

AT = "2026-03-01T12:00:00Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = {"decided_at": AT, "selected_agent": "a"}


def one(**fields: Any) -> dict[str, Any]:
    (row,) = rows("routing_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    return row


def reject(**fields: Any) -> tuple[str, str | None]:
    line = {name: value for name, value in {**FINE, **fields}.items() if value is not None}
    parsed = parse("routing_log", [line])
    (found,) = parsed.rejects
    assert is_conserved(parsed, 1)
    return found.check, found.column


@pytest.mark.parametrize(
    ("column", "name", "value", "expected"),
    [
        ("decided_at", "timestamp", AT, NOON),
        ("decided_at", "measured_at", AT, NOON),
        ("decided_at", "created_at", "2026-03-01T12:30:00Z", NOON),
        ("decision_id", "decision_id", 7, "7"),
        ("session_id", "session_id", "s", "s"),
        ("correlation_id", "correlation_id", "c", "c"),
        ("execution_id", "task_id", "e", "e"),
        ("request_text", "user_request", "fix it", "fix it"),
        ("request_text", "query_text", "fix it", "fix it"),
        ("request_hash", "request_text", "fix it", sha256(b"fix it").hexdigest()),
        ("selected_model", "selected_model", "gpt-5-mini", "gpt-5-mini"),
        ("selected_model", "intended_surface", "local-small", "local-small"),
        ("model_tier", "selected_model", "claude-haiku-4-5", "small"),
        ("model_tier", "model_tier", "PREMIUM", "large"),
        ("strategy", "routing_strategy", "hybrid", "hybrid"),
        ("strategy", "selection_strategy", "hybrid", "hybrid"),
        ("confidence", "confidence_score", "0.5", 0.5),
        ("trigger_confidence", "confidence_components", {"trigger": 0.5}, 0.5),
        ("historical_confidence", "confidence_components", {"historical_confidence": 0.25}, 0.25),
        ("propensity", "propensity", 0.1, 0.1),
        ("candidates_count", "alternatives", ["b", {"agent": "c"}, "b"], 3),
        ("cache_hit", "cache_hit", "yes", True),
        ("cache_age_ms", "cache_age_seconds", 1.5, 1500),
        ("routing_us", "routing_time_ms", 0.25, 250),
        ("routing_us", "routing_time_us", 250, 250),
        ("routing_us", "total_routing_time_us", 250, 250),
        ("routing_us", "routing_time_ns", 250_000, 250),
        ("cache_lookup_us", "cache_lookup_us", 3, 3),
        ("trigger_matching_us", "trigger_matching_us", 3, 3),
        ("scoring_us", "confidence_scoring_us", 3, 3),
        ("fallback", "fallback", False, False),
        ("fallback", "reroute_reason", "overloaded", True),
        ("fallback_reason", "reroute_reason", "overloaded", "overloaded"),
        ("expected_agent", "expected_agent", "b", "b"),
    ],
)
def test_names_and_units(column: str, name: str, value: object, expected: object) -> None:
    assert one(**{name: value})[column] == expected


def test_alternatives_are_objects_whatever_they_were() -> None:
    row = one(alternatives=["b", {"name": "c", "score": 0.25, "reason": "knows it"}])
    assert json.loads(row["alternatives"]) == [
        {"agent": "b", "confidence": None, "reason": None},
        {"agent": "c", "confidence": 0.25, "reason": "knows it"},
    ]


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"decided_at": None}, "missing_field"),
        ({"selected_agent": None}, "missing_field"),
        ({"confidence": 1.5}, "range"),
        ({"confidence": 0.5, "confidence_score": 0.6}, "alias_conflict"),
        ({"trigger_confidence": 0.5, "confidence_components": {"trigger": 0.6}}, "alias_conflict"),
        ({"confidence_components": {"trigger": "much"}}, "range"),
        ({"confidence_components": [1]}, "type"),
        ({"alternatives": "b"}, "type"),
        ({"alternatives": [{"confidence": 1}]}, "type"),
        ({"routing_time_ms": 9, "total_routing_time_us": 250}, "alias_conflict"),
        ({"routing_time_us": -1}, "range"),
        ({"decided_at": "2026-03-01T12:00:00"}, "naive_time"),
        ({"decided_at": 17}, "range"),
        ({"event": "heartbeat"}, "unknown_kind"),
        ({"metric_type": "cache_hit", "cache_hit": False}, "alias_conflict"),
    ],
)
def test_what_breaks_a_rule(fields: dict[str, Any], check: str) -> None:
    assert reject(**fields)[0] == check


def test_an_unknown_kind_is_counted_by_its_name() -> None:
    assert parse("routing_log", [{**FINE, "event_type": "heartbeat"}]).unknown == {"kind:heartbeat": 1}


def test_an_outcome_counts_only_where_somebody_validated_it() -> None:
    row = one(actual_success=True, actual_quality_score=0.9)
    assert (row["actual_success"], row["actual_quality"]) == (None, None)
    assert json.loads(row["attributes"]) == {"unvalidated_actual_success": True, "unvalidated_actual_quality": 0.9}
    assert one(actual_success=True, validated_at=AT)["actual_success"] is True
    assert one(actual_success="false", validation_source="tests")["actual_success"] is False


def test_a_verdict_comes_later_and_leaves_the_decision_as_it_was() -> None:
    decision = {**FINE, "decision_id": "d", "confidence": 0.5}
    verdict = {"decision_id": "d", "validated_at": "2026-03-02T12:00:00Z", "actual_success": False}
    for lines in ([decision, verdict], [verdict, decision]):
        (row,) = rows("routing_log", lines)
        assert (row["decided_at"], row["day"], row["selected_agent"]) == (NOON, NOON.date(), "a")
        assert (row["actual_success"], row["confidence"]) == (False, 0.5)


def test_metrics_of_the_cache_need_no_choice() -> None:
    hit, miss = rows("routing_log", [{"metric_type": name, "measured_at": AT} for name in ("cache_hit", "cache_miss")])
    assert {hit["cache_hit"], miss["cache_hit"]} == {True, False}


def test_surfaces_tell_a_fallback() -> None:
    assert one(intended_surface="a", executed_surface="b")["fallback"] is True
    assert one(intended_surface="a", executed_surface="a")["fallback"] is False
    assert one(intended_surface="a")["fallback"] is None

"""Interaction logs: names, sizes instead of contents, question and answer as lines of their own."""

from datetime import UTC, datetime
from typing import Any

import pytest

from learning_pipeline_tests.sources.lines import is_conserved, parse, rows

AT = "2026-03-01T12:00:00Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = {"requested_at": AT, "source_agent": "a", "target_agent": "b"}


def one(**fields: Any) -> dict[str, Any]:
    (row,) = rows("interaction_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    return row


@pytest.mark.parametrize(
    ("column", "name", "value", "expected"),
    [
        ("interaction_id", "interaction_id", "i", "i"),
        ("interaction_type", "interaction_type", "question", "question"),
        ("workflow_id", "workflow_id", "w", "w"),
        ("responded_at", "responded_at", "2026-03-01T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("latency_ms", "responded_at", "2026-03-01T12:00:00.5Z", 500),
        ("latency_ms", "latency_s", 0.25, 250),
        ("success", "success", 0, False),
        ("retries", "retry_attempt", 2, 2),
        ("message_bytes", "message_content", "é", 2),
        ("response_bytes", "response_content", {"a": 1}, 7),
    ],
)
def test_names_and_units(column: str, name: str, value: object, expected: object) -> None:
    assert one(**{name: value})[column] == expected


def test_what_was_said_is_not_kept() -> None:
    row = one(message_content="words", response_content="more words", coordination_pattern="chain")
    assert row["attributes"] == '{"coordination_pattern":"chain"}'
    assert "words" not in str(row)


def test_question_and_answer_are_one_interaction() -> None:
    question = {**FINE, "interaction_id": "i"}
    answer = {**question, "responded_at": "2026-03-01T12:00:02Z", "success": True, "message_content": None}
    (row,) = rows("interaction_log", [answer, question])
    assert (row["latency_ms"], row["success"], row["requested_at"]) == (2000, True, NOON)


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"requested_at": None}, "missing_field"),
        ({"source_agent": None}, "missing_field"),
        ({"target_agent": " "}, "missing_field"),
        ({"responded_at": "2026-03-01T11:00:00Z"}, "end_before_start"),
        ({"latency_ms": -1}, "range"),
        ({"latency_ms": 5, "latency_s": 9}, "alias_conflict"),
        ({"request_timestamp": "2026-03-01T13:00:00Z"}, "alias_conflict"),
        ({"success": "perhaps"}, "type"),
    ],
)
def test_what_breaks_a_rule(fields: dict[str, Any], check: str) -> None:
    line = {name: value for name, value in {**FINE, **fields}.items() if value is not None}
    parsed = parse("interaction_log", [line])
    assert [found.check for found in parsed.rejects] == [check] and is_conserved(parsed, 1)

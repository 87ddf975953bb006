"""Feedback: marks on any scale, words, what it is about, and what it is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.sources import feedback
from learning_pipeline.sources.base import Options, split_lines
from learning_pipeline_tests.homes import land_all, read
from learning_pipeline_tests.sources.lines import is_conserved, parse, raw, rows

AT = "2026-03-01T12:00:00Z"
FINE = {"given_at": AT, "execution_id": "e", "rating": 4}


def one(**fields: Any) -> dict[str, Any]:
    (row,) = rows("feedback", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    return row


@pytest.mark.parametrize(
    ("fields", "rating"),
    [
        ({"rating": 5}, 5),
        ({"rating": "3"}, 3),
        ({"rating": 10, "rating_scale": 10}, 5),
        ({"rating": 1, "rating_scale": "1-10"}, 1),
        ({"rating": 50, "rating_scale": 100}, 3),
        ({"rating": 0, "rating_scale": [0, 4]}, 1),
        ({"rating": 7, "rating_scale": {"min": 1, "max": 7}}, 5),
        ({"rating": "excellent"}, 5),
        ({"rating": None, "satisfaction": "good"}, 4),
        ({"rating": None, "satisfaction": "Fair"}, 2),
        ({"rating": None, "satisfaction": "poor"}, 1),
        ({"rating": 4, "satisfaction": "good"}, 4),
    ],
)
def test_marks(fields: dict[str, Any], rating: float) -> None:
    assert one(**fields)["rating"] == rating


def test_the_configuration_gives_the_scale_that_the_line_does_not() -> None:
    parsed = feedback.parse(split_lines(raw({**FINE, "rating": 10})), Options(scales={"rating": (1, 10)}))
    assert parsed.records["rating"].to_list() == [5.0]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "rating"),
        ({"feedback_type": "positive"}, "positive"),
        ({"feedback_type": "Thumbs Down"}, "negative"),
        ({"rating": None, "expected_agent": "b"}, "correction"),
        ({"rating": None, "comment": "hm"}, None),
        ({"feedback_type": "suggestion", "rating": None}, "suggestion"),
    ],
)
def test_kinds(fields: dict[str, Any], kind: str | None) -> None:
    assert one(**fields)["feedback_type"] == kind


def test_names() -> None:
    row = one(given_at=None, timestamp=AT, execution_id=None, task_id="t", session_id="s", user_id="Robin")
    assert (row["given_at"], row["execution_id"]) == (datetime(2026, 3, 1, 12, tzinfo=UTC), "t")
    assert row["author_hash"] == one(user_id="robin")["author_hash"] != "robin"
    row = one(issue_type="wrong model", comment="words", visibility="team")
    assert (row["issue_type"], row["comment"], row["visibility"]) == ("wrong_model", "words", "team")
    row = one(issue_type="smells")
    assert (row["issue_type"], json.loads(row["attributes"])) == ("other", {"reported_issue_type": "smells"})


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"given_at": None}, "missing_field"),
        ({"execution_id": None}, "missing_field"),
        ({"rating": None}, "missing_field"),
        ({"rating": 7}, "range"),
        ({"rating": 0}, "range"),
        ({"rating": "superb"}, "type"),
        ({"rating": 11, "rating_scale": 10}, "range"),
        ({"rating_scale": "stars"}, "range"),
        ({"rating_scale": [5, 1]}, "range"),
        ({"satisfaction": "poor"}, "alias_conflict"),
        ({"feedback_type": "applause"}, "unknown_kind"),
        ({"task_id": "other"}, "alias_conflict"),
    ],
)
def test_what_breaks_a_rule(fields: dict[str, Any], check: str) -> None:
    parsed = parse("feedback", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    assert [found.check for found in parsed.rejects] == [check] and is_conserved(parsed, 1)


def test_a_landing_goes_by_the_configured_scale(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(raw({**FINE, "rating": 10}) + b"\n")
    land_all(tmp_path / "home", tmp_path / "log.jsonl", kind="feedback", scales={"feedback": {"rating": (1, 10)}})
    assert read(tmp_path / "home", "feedback")["rating"].to_list() == [5.0]

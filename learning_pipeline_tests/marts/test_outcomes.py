"""How executions ended: what counts as evidence, what is stronger, and that all of it is kept."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, SUCCESS_OF_OUTCOME
from learning_pipeline.marts.build import build, stale_days
from learning_pipeline.marts.outcomes import fct_outcomes, resolved, stuck
from learning_pipeline.marts.reader import read
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, events, fill_lake
from learning_pipeline_tests.marts.conftest import NOW, commit_id

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNKNOWN = {"outcome": "unknown", "success": None, "outcome_source": "none", "label_weight": 0.0}
OPEN = UNKNOWN | {"outcome": "open", "ended_at": None, "duration_ms": None}


def work(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Build, and return outcome, success, source and weight by execution."""
    build(settings, now=NOW)
    rows = read(settings, "fct_executions").select(
        "execution_id", "outcome", "success", "outcome_source", "label_weight"
    )
    return {row[0]: row[1:] for row in rows.collect().iter_rows()}


def evidence(settings: Settings) -> list[tuple[Any, ...]]:
    columns = ("execution_id", "outcome_source", "evidence", "outcome", "is_decisive")
    return sorted(read(settings, "fct_outcomes").select(columns).collect().rows())


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"rating": 4.0}, "success"),
        ({"rating": 2.0}, "failure"),
        ({"rating": 3.0}, None),
        ({"feedback_type": "positive"}, "success"),
        ({"feedback_type": "negative"}, "failure"),
        ({"feedback_type": "correction"}, "failure"),
        ({"feedback_type": "correction", "rating": 5.0}, "failure"),
        ({"feedback_type": "negative", "rating": 5.0}, "success"),
        ({"feedback_type": "neutral"}, None),
        ({"feedback_type": "suggestion"}, None),
        ({"feedback_type": None, "comment": "hm"}, None),
    ],
)
def test_what_feedback_tells(settings: Settings, given: dict[str, Any], outcome: str | None) -> None:
    fill_lake(settings.home, executions=[{"execution_id": "e", **UNKNOWN}], feedback=[{"feedback_id": "f", **given}])
    expected = (outcome, SUCCESS_OF_OUTCOME[outcome], "feedback", 1.0) if outcome else ("unknown", None, "none", 0.0)
    assert work(settings) == {"e": expected}
    assert evidence(settings) == ([("e", "feedback", "f", outcome, True)] if outcome else [])


def test_feedback_finds_what_it_is_about(settings: Settings) -> None:
    work_of = [
        {"execution_id": "by-id", "session_id": "s"},
        {"execution_id": "parent", "correlation_id": "c", "parent_execution_id": "elsewhere"},
        {"execution_id": "child", "correlation_id": "c", "parent_execution_id": "parent"},
        {"execution_id": "first", "session_id": "t"},
        {"execution_id": "second", "session_id": "t", "started_at": NOON + HOUR, "ended_at": NOON + 2 * HOUR},
        {"execution_id": "sub", "session_id": "t", "started_at": NOON + HOUR, "ended_at": NOON + 2 * HOUR,
         "parent_execution_id": "second"},
        {"execution_id": "third", "session_id": "t", "started_at": NOON + 5 * HOUR, "ended_at": NOON + 6 * HOUR},
    ]  # fmt: skip
    nobody = {"execution_id": None, "given_at": NOON + 3 * HOUR, "rating": 1.0}
    fill_lake(
        settings.home,
        executions=[row | UNKNOWN for row in work_of],
        feedback=[
            nobody | {"feedback_id": "1", "execution_id": "by-id", "session_id": "t"},
            nobody | {"feedback_id": "2", "correlation_id": "c"},
            nobody | {"feedback_id": "3", "session_id": "t"},
            nobody | {"feedback_id": "4", "execution_id": "no such", "session_id": "t"},
            nobody | {"feedback_id": "5", "session_id": "no such"},
            nobody | {"feedback_id": "6", "session_id": "t", "given_at": NOON - HOUR},
        ],
    )
    work(settings)
    about = {(row[2], row[0]) for row in evidence(settings)}
    assert about == {("1", "by-id"), ("2", "parent"), ("3", "second"), ("4", "second")}


def test_the_strongest_evidence_decides_and_all_is_kept(settings: Settings) -> None:
    check = {
        "outcome": "failure",
        "success": False,
        "outcome_source": "check",
        "label_weight": 1.0,
        "error_type": "tool",
    }
    tool = {"outcome": "failure", "success": False, "outcome_source": "tool_result", "label_weight": 0.5,
            "error_type": "tool"}  # fmt: skip
    stopped = {"outcome": "interrupted", "success": None}
    fill_lake(
        settings.home,
        executions=[
            {"execution_id": "checked", **check, "evidence": ["check:failure", "reported:success"]},
            {"execution_id": "judged", **check, "user_rating": 5.0},
            {"execution_id": "committed", **tool},
            {"execution_id": "reverted", **tool},
            {"execution_id": "both", **UNKNOWN},
            {"execution_id": "stopped", **stopped},
        ],
        tool_calls=[
            {"tool_call_id": str(n), "execution_id": name, "commit_prefix": commit_id(commit)[:8]}
            for n, (name, commit) in enumerate(
                [("committed", 1), ("reverted", 2), ("both", 2), ("both", 3), ("stopped", 4)]
            )
        ],
        git_events=[
            {"event_id": f"g{n}", "commit": commit_id(n), "occurred_at": NOON + HOUR} for n in (1, 2, 3, 4)
        ]
        + [{"event_id": "undo", "event_type": "revert", "commit": commit_id(9), "reverts_commit": commit_id(2),
            "occurred_at": NOON + DAY}],
    )  # fmt: skip
    assert work(settings) == {
        "checked": ("failure", False, "check", 1.0),
        "judged": ("success", True, "feedback", 1.0),
        "committed": ("success", True, "git", 0.7),
        "reverted": ("failure", False, "git", 0.7),
        "both": ("success", True, "git", 0.7),
        "stopped": ("interrupted", None, "reported", 0.8),
    }
    found = evidence(settings)
    assert ("checked", "reported", "execution_log", "success", False) in found
    assert ("reverted", "tool_result", "execution_log", "failure", False) in found
    assert ("both", "git", commit_id(2), "failure", False) in found
    assert ("stopped", "git", commit_id(4), "success", False) in found
    failed = read(settings, "fct_executions").filter(pl.col("success").eq(False)).collect()
    assert failed["error_type"].null_count() == 0


def test_a_guess_where_a_commit_came_from_is_no_evidence(settings: Settings) -> None:
    fill_lake(
        settings.home,
        executions=[{"execution_id": "e", "repository": "repo", "branch": "b", **UNKNOWN}],
        git_events=[
            {"event_id": "g", "commit": commit_id(1), "branch": "b", "occurred_at": NOON, "co_authored_agent": "alpha"}
        ],
    )
    assert work(settings)["e"][2] == "none"


def test_late_feedback_rebuilds_the_day_of_the_work(settings: Settings) -> None:
    fill_lake(settings.home, executions=[{"execution_id": "e"}, {"execution_id": "x", "started_at": NOON + DAY,
                                                                "ended_at": NOON + DAY}])  # fmt: skip
    assert work(settings)["e"][0] == "success"
    before = read(settings, "fct_executions", [(NOON + DAY).date()]).collect()
    fill_lake(settings.home, feedback=[{"feedback_id": "f", "rating": 1.0, "given_at": NOON + 9 * DAY}])
    assert stale_days(settings) == [NOON.date(), (NOON + 9 * DAY).date()]
    assert work(settings)["e"] == ("failure", False, "feedback", 1.0)
    assert read(settings, "fct_executions", [(NOON + DAY).date()]).collect().equals(before)
    assert stale_days(settings) == []


def test_what_is_open_is_stuck_by_the_newest_event_and_stays_open(settings: Settings) -> None:
    def marked() -> dict[str, tuple[str, bool]]:
        build(settings, now=NOW)
        rows = read(settings, "fct_executions").select("execution_id", "outcome", "is_stuck").collect()
        return {name: (outcome, is_stuck) for name, outcome, is_stuck in rows.iter_rows()}

    fill_lake(settings.home, executions=[{"execution_id": "old", **OPEN}, {"execution_id": "done"}])
    assert marked() == {"old": ("open", False), "done": ("success", False)}
    fill_lake(settings.home, health_events=[{"event_id": "h", "occurred_at": NOON + DAY + HOUR}])
    assert stale_days(settings) == [NOON.date(), (NOON + DAY).date()]
    assert marked() == {"old": ("open", True), "done": ("success", False)}
    later = load_settings(settings.home, stuck_after_minutes=2 * 1440)
    assert stale_days(later) == [NOON.date()]
    build(later, now=NOW)
    assert not read(later, "fct_executions").filter("is_stuck").collect().height


def test_an_open_execution_that_somebody_judged_is_not_stuck(settings: Settings) -> None:
    fill_lake(
        settings.home,
        executions=[{"execution_id": "e", **OPEN}],
        feedback=[{"feedback_id": "f", "rating": 5.0, "given_at": NOON + 9 * DAY}],
    )
    build(settings, now=NOW)
    row = read(settings, "fct_executions").select("outcome", "is_stuck").collect().row(0)
    assert row == ("success", False)


EVIDENCE = st.tuples(st.sampled_from(list(LABEL_WEIGHTS)[:-1]), st.sampled_from(["success", "failure", "partial"]))


@settings(max_examples=80, deadline=None)
@given(own=st.none() | EVIDENCE, told=st.lists(EVIDENCE, max_size=6), order=st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_matter(
    own: tuple[str, str] | None, told: list[tuple[str, str]], order: Any
) -> None:
    source, outcome = own or ("none", "unknown")
    execution = events(
        "executions",
        [{"execution_id": "e", "outcome": outcome, "success": SUCCESS_OF_OUTCOME[outcome], "outcome_source": source,
          "label_weight": LABEL_WEIGHTS[source], "error_type": "tool"}],
    )  # fmt: skip
    rows = [
        {"day": NOON.date(), "execution_id": "e", "outcome": outcome, "outcome_source": source, "evidence": f"x{n}",
         "observed_at": NOON + n * HOUR}
        for n, (source, outcome) in enumerate(told)
    ]  # fmt: skip
    schema = {"observed_at": pl.Datetime("us", "UTC"), "day": pl.Date, "execution_id": pl.String, "outcome": pl.String,
              "outcome_source": pl.String, "evidence": pl.String}  # fmt: skip

    def settled() -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        outcomes = fct_outcomes(execution.lazy(), pl.LazyFrame(rows, schema=schema)).collect()
        nothing = stuck(execution.lazy(), None, 1).lazy()
        row = resolved(execution.lazy(), outcomes.lazy(), nothing).select("outcome_source", "outcome", "label_weight")
        return sorted(outcomes.rows()), row.collect().row(0)

    first = settled()
    order.shuffle(rows)
    assert settled() == first
    assert len(first[0]) == len(told) + (own is not None)
    weights = [LABEL_WEIGHTS[source] for source, _ in (*told, *([own] if own else []))]
    assert first[1][2] == max(weights, default=0.0)

"""A label is an observed outcome; the future teaches nothing about the past."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, OUTCOMES, SUCCESS_OF_OUTCOME
from learning_pipeline.routing.labels import LABELLED_OUTCOMES, split
from learning_pipeline.routing.text import words
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.routing.world import rows, seen


@st.composite
def executions(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(1, 12))):
        outcome = draw(st.sampled_from(OUTCOMES))
        source = draw(st.sampled_from(sorted(LABEL_WEIGHTS)))
        start = NOON + timedelta(minutes=draw(st.integers(0, 30)))
        found.append(
            {
                "execution_id": f"run-{number}",
                "task_hash": draw(st.sampled_from(["a", "b", "c", "d", "e", None])),
                "outcome": outcome,
                "success": SUCCESS_OF_OUTCOME[outcome],
                "outcome_source": source,
                "label_weight": LABEL_WEIGHTS[source],
                "started_at": start,
                "ended_at": start,
                "reported_cost_usd": Decimal("0.5"),
            }
        )
    return found


@given(executions())
def test_only_observed_outcomes_become_labels(given_rows: list[dict[str, Any]]) -> None:
    found = {row["execution_id"]: row for row in seen(given_rows).to_dicts()}
    assert set(found) == {row["execution_id"] for row in given_rows}
    for row in given_rows:
        label = found[row["execution_id"]]
        observed = row["outcome"] in LABELLED_OUTCOMES and row["outcome_source"] != "none"
        assert label["labelled"] is observed
        assert label["label"] == (row["success"] if observed else None)
        assert label["weight"] == (row["label_weight"] if observed else 0)


@given(executions())
def test_unfinished_executions_tell_no_cost_or_time(given_rows: list[dict[str, Any]]) -> None:
    found = {row["execution_id"]: row for row in seen(given_rows).to_dicts()}
    for row in given_rows:
        if row["outcome"] in ("open", "interrupted", "abandoned"):
            assert found[row["execution_id"]]["duration_ms"] is None
            assert found[row["execution_id"]]["cost_usd"] is None


@given(executions(), st.floats(0.1, 0.9))
def test_no_task_is_on_both_sides_and_training_is_older(given_rows: list[dict[str, Any]], older: float) -> None:
    train, test = split(seen(given_rows), older)
    assert not set(train["task"]) & set(test["task"])
    assert test["labelled"].all()
    if test.height:
        assert train["at"].max() is None or train["at"].max() <= test["at"].min()  # type: ignore[operator]


def test_split_gives_the_older_share_of_tasks() -> None:
    train, test = split(seen(rows(100)))
    assert (train.height, test.height) == (80, 20)


def test_text_is_not_kept_but_counted() -> None:
    given_rows = [{**row, "task_text": None} for row in rows(10)]
    assert seen(given_rows)["labelled"].all()
    assert seen([{**rows(1)[0], "task_text": " \n "}])["task_text"].to_list() == [None]


def test_the_text_says_nothing_of_the_outcome() -> None:
    """Equal tasks with opposite outcomes look the same to the text features."""
    won = {**rows(1)[0], "outcome": "success", "success": True, "error_type": None}
    lost = {**won, "outcome": "failure", "success": False, "error_type": "tool", "error_message": "exploded"}
    texts = [seen([row])["task_text"][0] for row in (won, lost)]
    assert words(texts[0]) == words(texts[1])

"""No feature moves when the future changes; a feature that does is caught."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.routing import history
from learning_pipeline.routing.counting import candidates_of, count
from learning_pipeline.routing.features import KEYS, NAMES, table
from learning_pipeline.routing.text import Array
from learning_pipeline_tests.routing.world import rows, seen

ROWS = seen(rows(160))


def moved_by_the_future(features: Callable[[pl.DataFrame], Array], cut: int) -> bool:
    """Say whether the features of the first `cut` executions change with what is known only later."""
    moment = ROWS["at"][cut]
    later = pl.col("known_at") >= moment
    other = ROWS.with_columns(
        label=pl.when(later).then(1 - pl.col("label")).otherwise("label"),
        weight=pl.when(later).then(0.3).otherwise("weight"),
    )
    asked = (ROWS["at"] <= moment).to_numpy()
    same = np.array_equal(features(ROWS)[asked], features(other)[asked])
    fewer = ROWS.filter(pl.col("at") <= moment)
    return not (same and np.array_equal(features(ROWS)[asked], features(fewer)))


@given(st.integers(1, 150))
def test_history_knows_nothing_of_the_future(cut: int) -> None:
    assert not moved_by_the_future(history.history, cut)


@given(st.integers(1, 150))
def test_the_feature_table_knows_nothing_of_the_future(cut: int) -> None:
    assert not moved_by_the_future(lambda rows_: table(rows_).select(NAMES).to_numpy(), cut)


def test_a_leaking_feature_is_caught() -> None:
    """The candidate's rate over all executions, later ones and its own included."""

    def leaking(rows_: pl.DataFrame) -> Array:
        return rows_.select(pl.col("label").mean().over("agent_name", "model")).to_numpy()

    assert moved_by_the_future(leaking, 80)


def test_its_own_outcome_is_not_history() -> None:
    first = ROWS.head(1)
    assert np.array_equal(history.history(first), history.history(first.with_columns(label=1 - pl.col("label"))))


def test_history_at_the_end_is_what_the_counts_say() -> None:
    last = ROWS.tail(1)
    later = last.with_columns(
        at=pl.col("at") + timedelta(days=1), known_at=pl.col("known_at") + timedelta(days=1), labelled=pl.lit(False)
    )
    found = history.history(pl.concat([ROWS, later]))[-1]
    statistics = count(ROWS)
    now = history.present(statistics, later["task_type"].to_list(), later["repository"].to_list())
    number = history.number_of(candidates_of(ROWS))[later["agent_name"][0], later["model"][0]]
    np.testing.assert_allclose(found, now[0, number], rtol=1e-6)


def test_the_table_has_one_row_an_outcome() -> None:
    found = table(ROWS)
    assert found.columns == [*KEYS, *NAMES]
    assert found.height == ROWS.filter("labelled").height

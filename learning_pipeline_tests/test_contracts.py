"""The contracts themselves: every column is described, and nobody can change a shared schema."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pandera.errors
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from learning_pipeline.contracts.base import Table, column_comments, description, key_columns, polars_schema
from learning_pipeline.contracts.keeps import keeps
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.marts.registry import TABLES

PERCENTILE = re.compile(r"(?:^|_)p\d\d_ms$")
ALL: dict[str, type[Table]] = {**STREAMS, **{name: spec.contract for name, spec in TABLES.items()}}
ALL["routing_recommendations"] = RoutingRecommendations


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_table_and_column_is_described(name: str) -> None:
    assert description(ALL[name])
    assert key_columns(ALL[name])
    assert all(comment and comment != "None" for comment in column_comments(ALL[name]).values())


def test_a_schema_that_was_handed_out_can_be_changed_without_harm() -> None:
    polars_schema(RoutingRecommendations)["expected_duration_ms"] = pl.String()
    assert polars_schema(RoutingRecommendations)["expected_duration_ms"] == pl.Int64()


@pytest.mark.parametrize("name", sorted(ALL))
def test_units_are_in_the_names_of_columns(name: str) -> None:
    for column, dtype in polars_schema(ALL[name]).items():
        if isinstance(dtype, pl.Datetime):
            # Of an alert: since when it stands so, and as of when.
            assert column.endswith("_at") or column in ("since", "as_of"), column
        # What is estimated, or lies between two durations, is not a whole number.
        if column.endswith("_usd") and not column.startswith("expected_"):
            assert isinstance(dtype, pl.Decimal), column
        if column.endswith(("_tokens", "_ms", "_bytes")):
            assert dtype == pl.Int64() or (PERCENTILE.search(column) and dtype == pl.Float64()), column


# Values of each type, of which some break what some contracts say: too small, too large, no number, of no list.
_NUMBERS = [0, 1, 0, 1, 0, 1, -1, 7]
_VALUES: dict[type[pl.DataType], list[object]] = {
    pl.Int64: _NUMBERS,
    pl.Float64: [0.0, 0.5, 1.0, 0.25, -0.5, 7.5, float("nan")],
    pl.Decimal: [Decimal(number) for number in _NUMBERS],
    pl.String: ["a", "success", "abcdef01" * 5, "abcdef01" * 8, "", "\N{SNOWMAN}"],
    pl.Boolean: [True, False],
    pl.Date: [date(1970, 1, 1), date(2026, 1, 2)],
    pl.Datetime: [datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)],
    pl.List: [[], ["a"], [None]],
}


@cache
def _values(name: str, column: str) -> tuple[list[object], list[object]]:
    """Return the values that a column may have, and others of its type."""
    rule, dtype = ALL[name].to_schema().columns[column], polars_schema(ALL[name])[column]
    listed = next((list(check.statistics["allowed_values"]) for check in rule.checks if check.name == "isin"), [])
    values = [*listed, *_VALUES[type(dtype)], None]
    fits = [_fits(rule, dtype, value) for value in values]
    return (
        [value for value, fit in zip(values, fits, strict=True) if fit],
        [value for value, fit in zip(values, fits, strict=True) if not fit] or [None],
    )


def _fits(rule: Any, dtype: pl.DataType, value: object) -> bool:
    alone = pa.DataFrameSchema({"x": pa.Column(dtype, checks=rule.checks, nullable=rule.nullable)})
    try:
        alone.validate(pl.DataFrame({"x": pl.Series([value], dtype=dtype)}))
    except pandera.errors.SchemaError:
        return False
    return True


@st.composite
def _frames(draw: st.DrawFn) -> tuple[str, pl.DataFrame]:
    """Draw rows that keep a contract but for a value or two, and for the types of some."""
    name = draw(st.sampled_from(sorted(ALL)))
    schema = polars_schema(ALL[name])
    rows = draw(st.integers(0, 3))
    columns = {
        column: draw(st.lists(st.sampled_from(_values(name, column)[0]), min_size=rows, max_size=rows))
        for column in schema
    }
    if rows:
        for column in draw(st.sets(st.sampled_from(list(schema)), max_size=2)):
            columns[column][0] = draw(st.sampled_from(_values(name, column)[1]))
    frame = pl.DataFrame(columns, schema=schema)
    change = draw(st.integers(0, 20))
    column = draw(st.sampled_from(list(schema)))
    if change == 0:
        frame = frame.drop(column)
    elif change == 1:
        frame = frame.with_columns(pl.lit("x").alias(column))
    elif change == 2:
        frame = frame.select(reversed(frame.columns))
    return name, frame


@given(_frames())
@settings(max_examples=150)
def test_one_query_says_of_a_frame_what_pandera_says(drawn: tuple[str, pl.DataFrame]) -> None:
    name, frame = drawn
    try:
        ALL[name].validate(frame, lazy=True)
        expected = True
    except pandera.errors.SchemaErrors:
        expected = False
    event(str(expected))
    assert keeps(frame, ALL[name]) is expected

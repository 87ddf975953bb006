"""The contracts themselves: every column is described, and nobody can change a shared schema."""

import re

import polars as pl
import pytest

from learning_pipeline.contracts.base import Table, column_comments, description, key_columns, polars_schema
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

"""Reads staged tables."""

from collections.abc import Iterable
from datetime import date

import polars as pl

from learning_pipeline.contracts.base import conform, polars_schema
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.errors import UsageError
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.staging import opened
from learning_pipeline.settings import Settings


def read(settings: Settings, table: str, days: Iterable[date] | None = None) -> pl.LazyFrame:
    """Return a staged table in its contract's schema: all of it, or the given days of a fact or daily mart.

    Nothing is left out for its age: that is done in marts.duckdb only.

    Raises:
        UsageError: there is no such table.
    """
    if table not in TABLES:
        raise UsageError(f"there is no table {table!r}; there are {', '.join(sorted(TABLES))}")
    spec = TABLES[table]
    with opened(settings.staging_dir) as staging:
        frame = staging.read(table, polars_schema(spec.contract), days if spec.by_day else None)
    return conform(frame, spec.contract)


def days_with_rows(settings: Settings, table: str) -> dict[date, int]:
    """Return how many rows a fact or daily mart has on each of its days, in order."""
    with opened(settings.staging_dir) as staging:
        return dict(sorted((day, part.rows) for day, part in staging.parts(table).items() if day is not None))


def retained_days(settings: Settings, table: str) -> list[date]:
    """Return the days of a fact or daily mart that are no older than facts stay in marts.duckdb, and the undated."""
    days = list(days_with_rows(settings, table))
    return [day for day in days if day == UNDATED or (days[-1] - day).days <= settings.retention_days]

"""Marts on the data itself."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from learning_pipeline.contracts.base import (
    Table,
    column_units,
    description,
    key_columns,
    polars_schema,
)
from learning_pipeline.contracts.marts_quality import MartDataDictionary, MartFreshness

_COUNTS = ("lines_read", "event_lines", "duplicates", "quarantined", "ignored", "bytes_read")


def data_quality(ledger: pl.LazyFrame) -> pl.LazyFrame:
    """Sum the ledger of landing by source and day."""
    parts = ("event_lines", "duplicates", "quarantined", "ignored")
    return (
        ledger.group_by("source", "day")
        .agg(pl.col(_COUNTS).sum(), pl.col("source_file").n_unique().cast(pl.Int64).alias("files"))
        .with_columns(
            quarantined_ratio=pl.when(pl.col("lines_read") > 0).then(pl.col("quarantined") / pl.col("lines_read")),
            is_conserved=pl.sum_horizontal(parts) == pl.col("lines_read"),
        )
    )


def quarantine_reason(quarantine: pl.LazyFrame) -> pl.LazyFrame:
    """Count rejected lines by source, day and rule."""
    return quarantine.group_by("source", "day", "check", "column").agg(
        pl.len().cast(pl.Int64).alias("rejects"),
        pl.col("resolved_at").null_count().cast(pl.Int64).alias("open_rejects"),
        pl.col("source_file").n_unique().cast(pl.Int64).alias("files"),
        pl.col("reason").min(),
    )


def _counted(counters: pl.LazyFrame, *grain: str) -> pl.LazyFrame:
    return counters.group_by(*grain).agg(
        pl.col("n").sum(), pl.col("day").min().alias("first_day"), pl.col("day").max().alias("last_day")
    )


def unknown_fields(counters: pl.LazyFrame) -> pl.LazyFrame:
    """List fields and kinds that no reader knows."""
    unknown = counters.filter(pl.col("kind").is_in(["unknown_field", "unknown_kind"]))
    return _counted(unknown, "source", "kind", "name").rename({"n": "occurrences"})


def ignored_rule(counters: pl.LazyFrame) -> pl.LazyFrame:
    """Count the lines that each rule leaves out."""
    ignored = counters.filter(pl.col("kind") == "ignored")
    return _counted(ignored, "source", "name").rename({"name": "rule", "n": "lines"})


def freshness(tables: Mapping[str, tuple[int, datetime | None, date | None]], now: datetime) -> pl.LazyFrame:
    """Tell how old each table is, from its rows, newest event and newest day."""

    def age(newest_at: datetime | None, newest_day: date | None) -> float | None:
        if newest_at is None and newest_day is not None:
            newest_at = datetime.combine(newest_day + timedelta(days=1), time(), UTC)
        return None if newest_at is None else max((now - newest_at) / timedelta(hours=1), 0.0)

    rows = [
        (name, rows, newest_at, newest_day, age(newest_at, newest_day), now)
        for name, (rows, newest_at, newest_day) in sorted(tables.items())
    ]
    return pl.LazyFrame(rows, schema=polars_schema(MartFreshness), orient="row")


def ordered_columns(table: type[Table]) -> list[str]:
    """Return the columns as they stand in the database: the grain first, then in declared order."""
    keys = key_columns(table)
    return [*keys, *(name for name in polars_schema(table) if name not in keys)]


def data_dictionary(tables: Mapping[str, tuple[str, type[Table]]]) -> pl.LazyFrame:
    """List every table (its kind and contract by name) and column, and what it means."""
    rows = []
    for name, (kind, table) in sorted(tables.items()):
        units, declared, keys = column_units(table), table.to_schema().columns, key_columns(table)
        schema, meaning = polars_schema(table), description(table)
        for position, column in enumerate(ordered_columns(table), 1):
            rows.append(
                {
                    "table_name": name,
                    "column_name": column,
                    "position": position,
                    "type": duckdb_type(schema[column]),
                    "unit": units[column],
                    "meaning": str(declared[column].description),
                    "is_key": column in keys,
                    "is_nullable": bool(declared[column].nullable),
                    "table_kind": kind,
                    "table_meaning": meaning,
                    "grain": ", ".join(keys),
                }
            )
    return pl.LazyFrame(rows, schema=polars_schema(MartDataDictionary))


_DUCKDB_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Int64: "BIGINT",
    pl.Int32: "INTEGER",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP WITH TIME ZONE",
}


def duckdb_type(dtype: pl.DataType) -> str:
    """Return the DuckDB type of a contract's column."""
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return duckdb_type(inner if isinstance(inner, pl.DataType) else inner()) + "[]"
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    return _DUCKDB_TYPES[type(dtype)]

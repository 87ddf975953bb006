"""What a table contract is made of.

One Pandera model per table states its columns, types, units, ranges, natural key and one-line meanings.
Validation, the Parquet schema, the DuckDB and PostgreSQL comments and the data dictionary are all derived
from it; nothing else states a schema.
"""

from functools import cache
from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

Timestamp = Annotated[pl.Datetime, "us", "UTC"]
Usd = Annotated[pl.Decimal, 38, 12]
# Programs print costs as binary floating-point numbers: up to 17 digits, which are all kept.
ReportedUsd = Annotated[pl.Decimal, 38, 24]
StringList = Annotated[pl.List, pl.String]
Text = pl.String
Integer = pl.Int64
Real = pl.Float64
Flag = pl.Boolean
Day = pl.Date


def field(description: str, *, unit: str | None = None, null: bool = True, **checks: Any) -> Any:
    """Declare a column: its one-line meaning, its unit, whether it may be null, and Pandera checks."""
    return pa.Field(description=description, nullable=null, metadata={"unit": unit}, **checks)


def key_field(description: str, **checks: Any) -> Any:
    """Declare a column of the natural key: never null."""
    return pa.Field(description=description, nullable=False, metadata={"unit": None, "key": True}, **checks)


def count_field(description: str, *, unit: str | None = None, null: bool = True) -> Any:
    """Declare an integer that is at least 0."""
    return field(description, unit=unit, null=null, ge=0)


def share_field(description: str, *, null: bool = True) -> Any:
    """Declare a number from 0 to 1."""
    return field(description, unit="ratio", null=null, ge=0, le=1)


class Table(pa.DataFrameModel):
    """Base of all contracts: exactly the declared columns, in any order."""

    class Config:
        strict = True
        # Facts and marts with a `day` in their grain are kept and rebuilt per day.
        metadata: dict[str, Any] | None = None


def description(table: type[Table]) -> str:
    """Return the one-line meaning of the table: the first line of its docstring."""
    return (table.__doc__ or "").strip().splitlines()[0]


@cache
def _schema(table: type[Table]) -> pl.Schema:
    return pl.Schema((name, field.dtype.type) for name, field in table.to_schema().columns.items())


def polars_schema(table: type[Table]) -> pl.Schema:
    """Return the Polars schema of the table, in declared order: the caller's own, to change as it likes."""
    return pl.Schema(_schema(table), check_dtypes=False)  # a build asks 2,000 times: they are checked once


@cache
def key_columns(table: type[Table]) -> tuple[str, ...]:
    """Return the names of the natural key's columns, in declared order."""
    columns = table.to_schema().columns
    return tuple(name for name, field in columns.items() if (field.metadata or {}).get("key"))


@cache
def column_comments(table: type[Table]) -> dict[str, str]:
    """Return the comment of every column: its meaning, and its unit in square brackets where it has one."""
    comments = {}
    for name, field in table.to_schema().columns.items():
        unit = (field.metadata or {}).get("unit")
        comments[name] = f"{field.description} [{unit}]" if unit else str(field.description)
    return comments


@cache
def column_units(table: type[Table]) -> dict[str, str | None]:
    """Return the unit of every column, null where it has none."""
    return {name: (field.metadata or {}).get("unit") for name, field in table.to_schema().columns.items()}


def empty(table: type[Table]) -> pl.DataFrame:
    """Return a frame of the table's schema without rows."""
    return pl.DataFrame(schema=polars_schema(table))


def conform(frame: pl.LazyFrame, table: type[Table]) -> pl.LazyFrame:
    """Give the frame the table's columns, order and types; columns that it lacks become null."""
    schema = polars_schema(table)
    present = set(frame.collect_schema().names())
    return frame.select(
        (pl.col(name) if name in present else pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items()
    )

"""Makes a frame of rows that are dictionaries."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def frame_of(rows: Sequence[dict[str, Any]], schema: Mapping[str, type[pl.DataType] | pl.DataType]) -> pl.DataFrame:
    """Return rows as a frame of the schema; what a row does not tell is null, and what the schema lacks is left out.

    A log tells few of the columns that there may be: those that no row has are not looked for in each.
    """
    told = set().union(*rows)
    nothing = dict.fromkeys(name for name in schema if name in told)
    # What a row tells takes its place among the nulls, so all rows have their values in one order.
    values = zip(*[tuple((nothing | row).values()) for row in rows], strict=False)
    columns = dict(zip(nothing, values, strict=False))
    return pl.DataFrame(
        [
            _column(name, dtype, columns[name])
            if name in columns
            else pl.Series(name, [None], dtype=dtype).new_from_index(0, len(rows))
            for name, dtype in schema.items()
        ]
    )


def _column(name: str, dtype: type[pl.DataType] | pl.DataType, values: Sequence[Any]) -> pl.Series:
    if isinstance(dtype, pl.Datetime):
        micros = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
        return pl.Series(name, micros, dtype=pl.Int64).cast(dtype)
    return pl.Series(name, values, dtype=dtype)

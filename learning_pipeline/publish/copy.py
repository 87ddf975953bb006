"""Binary COPY of frames."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from learning_pipeline.contracts.base import Table, polars_schema
from learning_pipeline.publish.schema import JSON_COLUMNS

_CHUNK = 2_000
_NAMES: dict[Any, str] = {
    pl.String: "text", pl.Int64: "int8", pl.Float64: "float8", pl.Boolean: "bool", pl.Date: "date",
    pl.Datetime: "timestamptz", pl.Decimal: "numeric", pl.List: "text[]",
}  # fmt: skip


def types_of(table: type[Table]) -> dict[str, str]:
    """Return PostgreSQL's name of each column's type."""
    return {
        name: "jsonb" if name in JSON_COLUMNS else _NAMES[dtype.base_type()]
        for name, dtype in polars_schema(table).items()
    }


def copy_rows(
    connection: psycopg.Connection[Any], frame: pl.DataFrame, target: sql.Composable, types: Mapping[str, str]
) -> Iterator[int]:
    """Copy the frame's rows in binary form; yield the rows of each chunk."""
    frame = frame.select(list(types))
    as_json = [number for number, kind in enumerate(types.values()) if kind == "jsonb"]
    as_vector = [number for number, kind in enumerate(types.values()) if kind == "vector"]
    columns = sql.SQL(", ").join(map(sql.Identifier, types))
    query = sql.SQL("copy {} ({}) from stdin (format binary)").format(target, columns)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(list(types.values()))
        for chunk in frame.iter_slices(_CHUNK):
            series = [column.to_list() if number not in as_vector else column.to_numpy()
                      for number, column in enumerate(chunk.iter_columns())]  # fmt: skip
            for number in as_json:
                series[number] = [None if text is None else Jsonb(text, dumps=str) for text in series[number]]
            for row in zip(*series, strict=True):
                copy.write_row(row)
            yield chunk.height

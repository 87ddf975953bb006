"""What an asset shows in Dagster: column schema, a preview of rows, tables, images."""

import base64
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from learning_pipeline.contracts.base import Table, column_comments, key_columns

PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 12
CELL_CHARACTERS = 60
SCHEMA_KEY = "dagster/column_schema"
ROWS_KEY = "dagster/row_count"
PARTITION_ROWS_KEY = "dagster/partition_row_count"


def column_schema(contract: type[Table]) -> dg.TableSchema:
    """Return the contract's columns in Dagster's form: types, meanings, which are null and which are the key."""
    comments = column_comments(contract)
    keys = key_columns(contract)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(column.dtype),
                description=comments[name],
                constraints=dg.TableColumnConstraints(
                    nullable=bool(column.nullable), unique=keys == (name,), other=["key"] if name in keys else None
                ),
            )
            for name, column in contract.to_schema().columns.items()
        ]
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; long cells are cut."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def preview(frame: pl.DataFrame | pl.LazyFrame) -> dg.MarkdownMetadataValue:
    """Return the first rows, the columns that hold something in front."""
    head = frame.lazy().head(PREVIEW_ROWS).collect()
    filled = [name for name in head.columns if head[name].null_count() < head.height]
    shown = head.select((filled or head.columns)[:PREVIEW_COLUMNS])
    return dg.MetadataValue.md(markdown_table(shown.columns, shown.rows()))


def counts_table(counts: Mapping[str, int], name: str, value: str) -> dg.MarkdownMetadataValue:
    """Return counts by name, the largest first."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dg.MetadataValue.md(markdown_table([name, value], rows))


def image(title: str, png: bytes) -> dg.MarkdownMetadataValue:
    """Return a PNG that the value itself holds."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")

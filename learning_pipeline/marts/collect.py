"""Computes a table in its contract's form."""

import pandera.errors
import polars as pl

from learning_pipeline.contracts.base import Table, conform, key_columns
from learning_pipeline.contracts.keeps import keeps
from learning_pipeline.errors import PipelineError


def collect(table: str, contract: type[Table], frame: pl.LazyFrame) -> pl.DataFrame:
    """Compute a table in its contract's form, in the order of its key, and hold it against the contract.

    Raises:
        PipelineError: rows break the contract; the message names table, column and check.
    """
    keys = key_columns(contract)
    rows = conform(frame, contract).sort(keys, nulls_last=True).collect()
    if not keeps(rows, contract):
        try:
            contract.validate(rows, lazy=True)
        except pandera.errors.SchemaErrors as error:
            first = error.failure_cases.row(0, named=True)
            raise PipelineError(
                f"{table} breaks its contract: column {first['column']}, check {first['check']}, "
                f"value {first['failure_case']!r} ({error.failure_cases.height} in all); please report this"
            ) from error
    if keys and rows.select(keys).is_duplicated().any():
        twice = rows.filter(rows.select(keys).is_duplicated()).select(keys).row(0, named=True)
        raise PipelineError(f"{table} breaks its contract: {twice} is there twice")
    return rows

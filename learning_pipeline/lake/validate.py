"""Holds rows against their contract; what breaks it goes to quarantine."""

from dataclasses import dataclass

import pandera.polars as pa
import polars as pl

from learning_pipeline.contracts.base import Table, polars_schema
from learning_pipeline.contracts.keeps import keeps


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that broke a contract: where it came from, and the first rule that it broke."""

    source: str
    source_file: str
    source_line: int
    check: str
    column: str | None
    value: str | None


def validate(frame: pl.DataFrame, contract: type[Table]) -> tuple[pl.DataFrame, list[Violation]]:
    """Return the rows that keep the contract, and a violation for each row that does not.

    Columns beyond the contract's are kept as they are.
    """
    held = frame.select(polars_schema(contract).names())
    if keeps(held, contract):
        return frame, []
    try:
        contract.validate(held, lazy=True)
        return frame, []
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    broken = cases.filter(pl.col("index").is_not_null())
    if broken.height < cases.height:
        # Not a row but the table is wrong: the program's own fault, never the data's.
        raise AssertionError(f"{contract.__name__}: {cases.filter(pl.col('index').is_null()).to_dicts()[:3]}")
    violations = []
    first = broken.sort("index", "schema_context", "column", "check").unique("index", keep="first", maintain_order=True)
    for case in first.iter_rows(named=True):
        row = frame.row(case["index"], named=True)
        on_table = case["schema_context"] == "DataFrameSchema"
        violations.append(
            Violation(
                source=row["source"],
                source_file=row["source_file"],
                source_line=row["source_line"],
                check=str(case["check"]),
                column=None if on_table else case["column"],
                value=None if on_table else str(case["failure_case"]),
            )
        )
    return frame.filter(~pl.int_range(pl.len()).is_in(first["index"].implode())), violations

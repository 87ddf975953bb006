"""The line ledger: what every run read, and what became of each line."""

from collections import Counter
from datetime import date

import polars as pl

from learning_pipeline.lake.state import State
from learning_pipeline.settings import Settings

LEDGER_SCHEMA = {
    "source": pl.String,
    "source_file": pl.String,
    "day": pl.Date,
    "lines_read": pl.Int64,
    "event_lines": pl.Int64,
    "duplicates": pl.Int64,
    "quarantined": pl.Int64,
    "ignored": pl.Int64,
    "bytes_read": pl.Int64,
}
COUNTER_SCHEMA = {"kind": pl.String, "source": pl.String, "day": pl.Date, "name": pl.String, "n": pl.Int64}


def ledger(settings: Settings) -> pl.DataFrame:
    """Return one row per file and run: source, source_file, day of landing, and the number of lines of each fate."""
    with State(settings.state_path) as state:
        columns = ", ".join(LEDGER_SCHEMA)
        rows = state.query(
            f"select {columns} from (select 0 as origin, rowid as n, {columns} from ledger"
            f" union all select origin, rowid, {columns} from merged_ledger)"
            " order by day, source, source_file, origin, n"
        )
    frame = pl.DataFrame(rows, schema={**LEDGER_SCHEMA, "day": pl.String}, orient="row")
    return frame.with_columns(pl.col("day").str.to_date())


def counters(settings: Settings) -> pl.DataFrame:
    """Return how often, by day of landing and source, a named thing was seen.

    The kinds are `ignored` (lines, by rule), `reject` (lines, by check), `unknown_field` and `unknown_kind`.
    """
    with State(settings.state_path) as state:
        rows = state.query(
            "select kind, source, day, name, sum(n) from (select kind, source, day, name, n from counters"
            " union all select kind, source, day, name, n from merged_counters)"
            " group by kind, source, day, name order by kind, source, day, name"
        )
    frame = pl.DataFrame(rows, schema={**COUNTER_SCHEMA, "day": pl.String}, orient="row")
    return frame.with_columns(pl.col("day").str.to_date())


def add_counters(
    counted: dict[tuple[str, str], Counter[str]], day: date
) -> tuple[str, list[tuple[str, str, str, str, int]]]:
    """Return the statement that adds counts, by (kind, source), and its parameters."""
    rows = [
        (kind, source, day.isoformat(), name, n)
        for (kind, source), names in sorted(counted.items())
        for name, n in sorted(names.items())
    ]
    return (
        "insert into counters (kind, source, day, name, n) values (?, ?, ?, ?, ?) "
        "on conflict (kind, source, day, name) do update set n = n + excluded.n",
        rows,
    )

"""What a second computation may look at: marts.duckdb, the lake as views, what landing wrote down, and a few tests.

The lake and the ledger are read without the program's own code: DuckDB reads the Parquet files, sqlite3 the ledger.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from scipy import stats

from learning_pipeline.contracts.base import key_columns, polars_schema
from learning_pipeline.contracts.routing import MartRouterEvaluation, RouterPredictions
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.marts.quality import duckdb_type
from learning_pipeline.settings import Settings

LEDGERS = {
    "ledger": "source, source_file, day, lines_read, event_lines, duplicates, quarantined, ignored, bytes_read",
    "counters": "kind, source, day, name, n",
}


@contextmanager
def looked_at(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a home's marts for a second computation."""
    with duckdb.connect(str(settings.marts_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set threads = 1")
        for stream, contract in STREAMS.items():
            as_view(connection, f"lake_{stream}", settings.lake_dir / stream, "*/*.parquet", contract)
        as_view(connection, "told_evaluations", settings.models_dir, "*/evaluation.parquet", MartRouterEvaluation)
        _answers(connection, settings)
        _ledgers(connection, settings)
        _configured(connection, settings)
        add_tests(connection)
        yield connection


def as_view(connection: duckdb.DuckDBPyConnection, name: str, folder: Any, files: str, contract: Any) -> None:
    """Show Parquet files of a folder as a temporary view; without any it has no rows."""
    columns = {column: duckdb_type(dtype) for column, dtype in polars_schema(contract).items()}
    if any(folder.glob(files)):
        source = f"from read_parquet('{folder}/{files}', hive_partitioning = false)"
        picked = ", ".join(f'"{column}"' for column in columns)
    else:
        source = "where false"
        picked = ", ".join(f'null::{kind} as "{column}"' for column, kind in columns.items())
    connection.execute(f"create temp view {name} as select {picked} {source}")


def _answers(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    columns = {column: duckdb_type(dtype) for column, dtype in polars_schema(RouterPredictions).items()}
    named = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    connection.execute(f"create temp table told_predictions ({named})")
    folder = settings.models_dir / "predictions"
    if any(folder.glob("*.jsonl")):
        kinds = ", ".join(f"{column}: '{kind}'" for column, kind in columns.items())
        connection.execute(
            f"insert into told_predictions by name select distinct on (prediction_id) * "
            f"from read_json('{folder}/*.jsonl', columns = {{{kinds}}}, format = 'newline_delimited')"
        )


def _ledgers(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    state = sqlite3.connect(f"{settings.state_path.absolute().as_uri()}?mode=ro", uri=True)
    for name, columns in LEDGERS.items():
        rows = state.execute(f"select {columns} from {name} union all select {columns} from merged_{name}").fetchall()
        kinds = [
            f"{column} {'date' if column == 'day' else 'varchar' if column in _WORDS else 'bigint'}"
            for column in columns.split(", ")
        ]
        _table(connection, name, kinds, rows)
    landed = [row for row in state.execute("select max(id) from landings") if row[0] is not None]
    _table(connection, "landings_us", ["us bigint"], landed)
    connection.execute("create temp view landings as select make_timestamptz(us) as landed from landings_us")
    state.close()


_WORDS = ("source", "source_file", "kind", "name")


def _configured(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    kinds = ["budget varchar", "limit_usd decimal(38, 12)", "period varchar", "source varchar", "model varchar"]
    rows = [(one.name, one.limit_usd, one.period, one.source, one.model) for one in settings.budgets]
    _table(connection, "budgets", kinds, rows)


def _table(connection: duckdb.DuckDBPyConnection, name: str, kinds: list[str], rows: list[Any]) -> None:
    connection.execute(f"create temp table {name} ({', '.join(kinds)})")
    if rows:
        connection.executemany(f"insert into {name} values ({', '.join('?' * len(kinds))})", rows)


def add_tests(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the distributions and tests that SQL lacks, as SciPy has them."""

    def number(found: Any) -> float | None:
        return None if found != found else float(found)

    def add(name: str, function: Any, kinds: list[str], result: str = "DOUBLE") -> None:
        connection.create_function(name, function, kinds, result, null_handling="special")

    add("below", lambda z: None if z is None else number(stats.norm.cdf(z)), ["DOUBLE"])
    add(
        "fisher",
        lambda k, n, k2, n2: number(stats.fisher_exact([[k, n - k], [k2, n2 - k2]]).pvalue),
        ["BIGINT"] * 4,
    )
    add("binomial", lambda k, n, p: number(stats.binomtest(k, n, p).pvalue), ["BIGINT", "BIGINT", "DOUBLE"])
    add(
        "student",
        lambda t, f: None if t is None or f is None or t != t or f != f else number(2 * stats.t.sf(abs(t), f)),
        ["DOUBLE", "DOUBLE"],
    )
    add("rank_sum", _rank_sum, ["DOUBLE[]", "DOUBLE[]"])
    add("weekdays_differ", lambda groups: number(stats.kruskal(*groups).pvalue), ["DOUBLE[][]"])


def _rank_sum(one: list[float] | None, other: list[float] | None) -> float | None:
    if not one or not other:
        return None
    if len({*one, *other}) == 1:
        return 1.0
    return float(stats.mannwhitneyu(one, other, use_continuity=False, method="asymptotic").pvalue)


def keys_of(contract: Any) -> list[str]:
    """Return the quoted columns of the grain."""
    return [f'"{name}"' for name in key_columns(contract)]

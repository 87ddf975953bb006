"""Reads what the page is made from: marts.duckdb and the newest router version, read-only."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts.stats import wilson_interval
from learning_pipeline.report.parts import Chart, Question, Row
from learning_pipeline.routing.registry import EVALUATION, Registry
from learning_pipeline.settings import Settings

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "512MB",
    "threads": 1,  # sums of floating-point numbers then always come in the same order
}
# What the page also reads of the newest router version, under these names.
ROUTER, RELIABILITY = "router_evaluation", "router_reliability"
_RELIABILITY_COLUMNS = ("from", "to", "n", "predicted", "observed")


NO_ROWS = "there are no rows yet"


@dataclass(frozen=True)
class Answer:
    """Rows of a chart; without any, `why` says what keeps them from being there."""

    rows: list[Row]
    sql: str = ""
    why: str = NO_ROWS


class Reader:
    """Asks one version of the marts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.columns: dict[str, set[str]] = {}
        for table, column in self.raw("select table_name, column_name from duckdb_columns() where not internal"):
            self.columns.setdefault(table, set()).add(column)

    def raw(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        return self._connection.execute(sql).fetchall()

    def rows(self, sql: str) -> list[Row]:
        """Return the rows of a statement by column name."""
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def missing(self, question: Question) -> str:
        """Return what a question needs and the marts do not have; an empty text where they have it all."""
        for table, needed in question.needs.items():
            if table not in self.columns:
                return table
            absent = [column for column in needed if column not in self.columns[table]]
            if absent:
                return f"{table}.{absent[0]}"
        return ""

    def answer(self, chart: Chart) -> Answer:
        """Return the rows by the first question of a chart that can be asked and has an answer.

        A question that is wrong for the marts costs its own chart only, and the page says so.
        """
        nothing: list[Answer] = []
        for question in chart.asked:
            lacks = self.missing(question)
            if lacks:
                nothing.append(Answer([], why=f"the marts have no {lacks}"))
                continue
            try:
                rows = self.rows(question.sql)
            except duckdb.Error as error:
                nothing.append(Answer([], question.sql, f"it cannot be asked: {' '.join(str(error).split())}"))
                continue
            if rows:
                return Answer([_with_rate(row, chart.rate) for row in rows], question.sql)
            nothing.append(Answer([], question.sql))
        return nothing[-1]


def _with_rate(row: Row, rate: tuple[str, str] | None) -> Row:
    if rate is None:
        return row
    k, n = (int(row[name] or 0) for name in rate)
    low, high = wilson_interval(k, n) or (None, None)
    return {**row, "rate": k / n if n else None, "low": low, "high": high}


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """Open the marts and the newest router version. What is not there is absent from `Reader.columns`.

    Raises:
        PipelineError: one of the files is there and cannot be read; the message names it.
    """
    path = settings.marts_path
    with duckdb.connect(config=_CONFIG) as connection:
        connection.execute("set timezone = 'UTC'")
        try:
            if path.exists():
                connection.execute(f"attach {_text(str(path))} as marts (read_only)")
                connection.execute("use marts")
        except duckdb.Error as error:
            raise PipelineError(
                f"cannot read {path}: {str(error).splitlines()[0]}; learning-pipeline refresh builds it again"
            ) from error
        _add_router(connection, settings)
        yield Reader(connection)


@contextmanager
def reading_router(settings: Settings) -> Iterator[Reader]:
    """Open the newest router version alone: it is there before the marts are, and when they cannot be read.

    Raises:
        PipelineError: its evaluation is there and cannot be read; the message names it.
    """
    with duckdb.connect(config=_CONFIG) as connection:
        _add_router(connection, settings)
        yield Reader(connection)


def _add_router(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    newest = Registry(settings.models_dir).latest()
    if newest is None:
        return
    path = newest.path / EVALUATION
    if path.exists():
        try:
            connection.execute(f"create temp table {ROUTER} as from read_parquet({_text(str(path))})")
        except duckdb.Error as error:
            raise PipelineError(f"cannot read {path}: {str(error).splitlines()[0]}; train a new one") from error
    connection.execute(
        f"create temp table {RELIABILITY} (bin_from double, bin_to double, n bigint, predicted double, observed double)"
    )
    bins = list(_bins(newest.manifest.get("reliability")))
    if bins:
        connection.executemany(f"insert into {RELIABILITY} values (?, ?, ?, ?, ?)", bins)


def _bins(found: object) -> Iterator[list[Any]]:
    for row in found if isinstance(found, list) else []:
        if isinstance(row, dict) and all(isinstance(row.get(name), int | float) for name in _RELIABILITY_COLUMNS):
            yield [row[name] for name in _RELIABILITY_COLUMNS]


def router_text(settings: Settings) -> str | None:
    """Return a sentence on the newest router version, None where there is none."""
    newest = Registry(settings.models_dir).latest()
    if newest is None:
        return None
    labelled, held_out = (json.dumps(newest.manifest.get(name)) for name in ("labelled", "held_out"))
    return (
        f"Router {newest.version}, stage {newest.stage} ({newest.reason}): made from {labelled} labelled executions, "
        f"judged on {held_out} newer ones that it had not seen."
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def names(values: Iterable[str]) -> str:
    """Return SQL texts, separated by commas."""
    return ", ".join(_text(value) for value in values)

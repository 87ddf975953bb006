"""What changed, put into a copy of the marts.duckdb that is there: a refresh costs what is new, not what there is.

The copy is another file: the one that readers have open is never written into. Of a table, days whose rows are new or
others are taken out and added at its end. So its rows lie in the order of time but for what came late, which costs no
more than it is; a file that is made whole has them all in order.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from learning_pipeline.contracts.base import Table, column_comments, polars_schema
from learning_pipeline.marts.quality import duckdb_type, ordered_columns
from learning_pipeline.marts.staging import Part

Parts = dict[tuple[str, date | None], Part]
Days = Mapping[date | None, Part]

# Beyond this, a file that is made whole is as fast, and has no holes.
_MOST_CHANGED = 0.5
_MOST_WASTED = 0.5


def order(day: date | None) -> str:
    """Return by what the parts of a table are ordered in the file."""
    return str(day)


@dataclass(frozen=True)
class Change:
    """What is to be done to one table: the days whose rows go, and those whose parts are written, in order."""

    removed: tuple[date | None, ...]
    written: tuple[date | None, ...]
    empties: bool  # whether no row that it holds stays
    rows: int


def change(had: Mapping[date | None, tuple[str, int]], wanted: Days) -> Change | None:
    """Compare what a table holds, digest and rows by day, with what it shall hold; None where that is the same."""
    same = {day for day, part in wanted.items() if day in had and had[day][0] == part.digest}
    new = {day for day, part in wanted.items() if day not in same and part.rows}
    gone = {day for day in had if day not in same and had[day][1]}
    if not new and not gone:
        return None
    written, removed = tuple(sorted(new, key=order)), tuple(sorted(gone, key=order))
    empties = bool(removed) and all(day in removed for day, (_, rows) in had.items() if rows)
    changed = sum(wanted[day].rows for day in written) + sum(had[day][1] for day in removed)
    return Change(removed, written, empties, changed)


class Held:
    """What the file at a path holds, by its own account."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, database: str) -> None:
        self.parts: dict[str, dict[date | None, tuple[str, int]]] = {}
        self.columns: dict[str, list[tuple[str, str, str | None]]] = {}
        self._connection, self._database = connection, database
        told = connection.execute(f"select table_name, day, digest, rows from {database}._partitions").fetchall()
        for table, day, digest, rows in told:
            self.parts.setdefault(table, {})[day] = (digest, rows)
        for table, *column in connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() where database_name = ? "
            "order by table_name, column_index",
            [database],
        ).fetchall():
            self.columns.setdefault(table, []).append((column[0], column[1], column[2]))

    def is_ours(self, contracts: Mapping[str, type[Table]]) -> bool:
        """Say whether it has just these tables in their form of today, with as many rows as were written."""
        if self.columns.keys() != contracts.keys():
            return False
        for name, contract in contracts.items():
            found = self._connection.execute(f'select count(*) from {self._database}."{name}"').fetchone()
            rows = sum(rows for _, rows in self.parts.get(name, {}).values())
            expected = rows if name != "_partitions" else sum(len(days) for days in self.parts.values())
            if self.columns[name] != _declared(contract) or found != (expected,):
                return False
        return True


def declared_types(contract: type[Table]) -> list[tuple[str, str]]:
    """Return names and DuckDB types of a table's columns, in order."""
    schema = polars_schema(contract)
    return [(column, duckdb_type(schema[column])) for column in ordered_columns(contract)]


def _declared(contract: type[Table]) -> list[tuple[str, str, str | None]]:
    comments = column_comments(contract)
    return [(name, kind, comments[name]) for name, kind in declared_types(contract)]


def changes(held: Held, parts: Parts, tables: Collection[str] | None = None) -> dict[str, Change] | None:
    """Return what is to be done to these tables, default all; None where the file is better made whole."""
    wanted: dict[str, dict[date | None, Part]] = {}
    for (name, day), part in parts.items():
        wanted.setdefault(name, {})[day] = part
    names = wanted.keys() | held.parts.keys() if tables is None else tables
    found = {name: change(held.parts.get(name, {}), wanted.get(name, {})) for name in names}
    todo = {name: one for name, one in sorted(found.items()) if one is not None}
    total = sum(part.rows for part in parts.values())
    return todo if sum(one.rows for one in todo.values()) <= _MOST_CHANGED * total else None


def wastes(connection: duckdb.DuckDBPyConnection, database: str) -> bool:
    """Say whether much of the file are holes that removed rows have left."""
    row = connection.execute(
        "select total_blocks, free_blocks from pragma_database_size() where database_name = ?", [database]
    ).fetchone()
    return row is not None and row[1] > _MOST_WASTED * row[0]

"""What a new marts.duckdb takes over from the one before: the parts that are the same in both.

Rows that DuckDB holds are copied much faster than thousands of small Parquet files are read, so a refresh costs what
is new rather than what there is.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from learning_pipeline.marts.staging import Part

OLD = "before"


class Before:
    """The database before, attached to a connection as `before`; nothing is carried where it cannot be read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self._connection = connection
        self._parts: dict[str, dict[date | None, tuple[str, int]]] = {}
        self._columns: dict[str, list[tuple[str, str]]] = {}
        self.is_open = False
        if not path.exists():
            return
        try:
            text = str(path).replace("'", "''")
            connection.execute(f"attach '{text}' as {OLD} (read_only)")
            self.is_open = True
            told = connection.execute(f"select table_name, day, digest, rows from {OLD}._partitions").fetchall()
            columns = connection.execute(
                "select table_name, column_name, data_type from duckdb_columns() where database_name = ? "
                "order by table_name, column_index",
                [OLD],
            ).fetchall()
        except duckdb.Error:
            return  # not a file of ours, or not whole
        for table, day, digest, rows in told:
            self._parts.setdefault(table, {})[day] = (digest, rows)
        for table, column, kind in columns:
            self._columns.setdefault(table, []).append((column, kind))

    def carry(self, table: str, columns: list[tuple[str, str]], wanted: Mapping[date | None, Part]) -> set[date | None]:
        """Copy the parts that are the same into the table of the same name; return their days.

        Rows lie in the order of time, so nothing is copied where an older day than these has changed.

        Args:
            table: quoted as it is, for names of tables are plain.
            columns: names and types that the new table has; it is only copied from one of just these.
            wanted: the parts that the table is to have, by day.
        """
        had = self._parts.get(table, {})
        same = {day for day, part in wanted.items() if day in had and had[day][0] == part.digest}
        if not any(had[day][1] for day in same) or self._columns.get(table) != columns:
            return set()
        latest = max(str(day) for day in same)
        if any(part.rows and str(day) < latest for day, part in wanted.items() if day not in same):
            return set()
        found = self._connection.execute(f'select count(*) from {OLD}."{table}"').fetchone()
        if found is None or found[0] != sum(rows for _, rows in had.values()):
            return set()  # somebody else wrote into it
        gone = [day for day in had if day not in same]
        names = ", ".join(f'"{name}"' for name, _ in columns)
        copy = f'insert into "{table}" select {names} from {OLD}."{table}"'
        if gone:
            self._connection.execute(f"{copy} where not list_contains(?::date[], day)", [gone])
        else:
            self._connection.execute(copy)
        return same

    def close(self) -> None:
        if self.is_open:
            self._connection.execute(f"detach {OLD}")

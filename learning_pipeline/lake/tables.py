"""Reads tables row by row, as lines: CSV, Parquet, SQLite and DuckDB files."""

import csv
import gzip
import io
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import duckdb
import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.read import head
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Line, Parsed, Reject
from learning_pipeline.sources.json_lines import MAX_LINE_BYTES
from learning_pipeline.sources.table import header
from learning_pipeline.sources.table_map import (
    AS_IS,
    TableMap,
    find_map,
    kind_of_log,
    magic,
    to_line,
)

_ROWS = 20_000
OTHER = TableMap(kind="other")  # of a table in a database that is of no kind that is known
_BROKEN = (OSError, EOFError, zlib.error, UnicodeError, sqlite3.DatabaseError, duckdb.Error, pl.exceptions.PolarsError)

Row = tuple[tuple[str, Any], ...]


class TableReader:
    """The rows of one file as lines, one after another; afterwards, what could not be read of it.

    A database may hold tables of other kinds: those that a map gives to another kind of log are not looked at, and
    rows of those that no map names and that are no executions are counted as ignored.
    """

    def __init__(self, path: str, size: int, kind: str, maps: Sequence[TableMap]) -> None:
        self.path = path
        self.name = Path(path).name
        self.kind = kind_of_log(kind)
        self.maps = maps
        self.offset = size  # a table is read whole
        self.number = 0
        self.bytes_read = size
        self.unfinished: Line | None = None
        self.failure: str | None = None
        self._bad: list[Reject] = []
        self._others = 0

    def __iter__(self) -> Iterator[Line]:
        kind = magic(head(self.path))
        try:
            if kind == "parquet":
                yield from self._parquet()
            elif kind == "sqlite":
                yield from self._sqlite()
            elif kind == "duckdb":
                yield from self._duckdb()
            else:
                yield from self._csv()
        except _BROKEN as error:
            words = " ".join(str(error).split())[:300]
            if "database is locked" in words or "set lock" in words:
                raise PipelineError(f"cannot read {self.path}: another program holds it ({words})") from error
            self.failure = f"cannot read on: {words}"

    def account(self, parsed: Parsed) -> None:
        """Add the rows that were not handed over to what was parsed."""
        parsed.lines_read += len(self._bad) + self._others
        parsed.rejects += self._bad
        parsed.ignored += Counter({"other_table": self._others})

    def _lines(self, rows: Iterator[Row], how: TableMap) -> Iterator[Line]:
        for row in rows:
            self.number += 1
            yield Line(self.number, 0, to_line(row, how))

    def _map(self) -> TableMap:
        """Return the map of a file that is one table."""
        return find_map([each for each in self.maps if each.kind == self.kind], self.name, None) or AS_IS

    def _parquet(self) -> Iterator[Line]:
        table = pl.scan_parquet(self.path, glob=False, hive_partitioning=False)
        height = table.select(pl.len()).collect().item()
        for start in range(0, height, _ROWS):
            part = table.slice(start, _ROWS).collect()
            yield from self._lines(
                (tuple(zip(part.columns, row, strict=True)) for row in part.iter_rows()), self._map()
            )

    def _sqlite(self) -> Iterator[Line]:
        with closing(sqlite3.connect(f"file:{quote(self.path)}?{_mode(self.path)}", uri=True, timeout=1)) as db:
            db.execute("pragma trusted_schema = off")
            db.text_factory = lambda data: data.decode("utf-8", "replace")
            wanted = "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'"
            for (name,) in db.execute(f"{wanted} order by name").fetchall():
                table = _quoted(name)
                columns = [row[1] for row in db.execute(f"pragma table_info({table})")]
                how = self._wanted(name, columns)
                if how is OTHER:
                    self._others += db.execute(f"select count(*) from {table}").fetchone()[0]
                elif how is not None:
                    rows = db.execute(f"select * from {table}")
                    yield from self._lines((tuple(zip(columns, row, strict=True)) for row in rows), how)

    def _duckdb(self) -> Iterator[Line]:
        with closing(duckdb.connect(self.path, read_only=True, config={"enable_external_access": "false"})) as db:
            wanted = "select schema_name, table_name from duckdb_tables() where not internal order by all"
            for schema, name in db.execute(wanted).fetchall():
                table = f"{_quoted(schema)}.{_quoted(name)}"
                types = {row[0]: row[1] for row in db.execute(f"describe {table}").fetchall()}
                how = self._wanted(name, list(types))
                if how is OTHER:
                    self._others += (db.execute(f"select count(*) from {table}").fetchone() or (0,))[0]
                elif how is not None:
                    chosen = ", ".join(_selected(column, kind) for column, kind in types.items())
                    rows = db.execute(f"select {chosen} from {table}")
                    while part := rows.fetchmany(_ROWS):
                        yield from self._lines((tuple(zip(types, row, strict=True)) for row in part), how)

    def _wanted(self, table: str, columns: list[str]) -> TableMap | None:
        """Return how a table of a database is read: OTHER where it is of no kind that is known.

        None where a map gives it to another kind of log.
        """
        how = find_map(self.maps, self.name, table)
        if how is not None:
            return how if how.kind == self.kind else None
        names = json.dumps(dict.fromkeys(columns)).encode()
        return AS_IS if registry.source(self.kind).sniff(names) else OTHER

    def _csv(self) -> Iterator[Line]:
        how = self._map()
        csv.field_size_limit(MAX_LINE_BYTES)
        with gzip.open(self.path, "rb") if self.path.endswith(".gz") else open(self.path, "rb") as raw:
            start = head(self.path)
            errors = "surrogateescape"
            text = io.TextIOWrapper(cast(Any, raw), header.encoding(start), errors, newline="")
            sign = header.separator(start.decode(header.encoding(start), "replace").split("\n", 1)[0])
            reader = csv.reader((line.replace("\x00", "") for line in text), delimiter=sign)
            columns: list[str] | None = None
            for cells in self._cells(reader):
                self.number = reader.line_num
                if not cells or cells == [""]:
                    continue
                if columns is None:
                    columns = header.names(cells)
                elif len(cells) > len(columns):
                    reason = f"the row has {len(cells)} cells, the header {len(columns)}"
                    self._reject("ragged_row", reason, sign.join(cells))
                elif not _is_unicode(cells):
                    self._reject("utf8", "the row is not UTF-8", sign.join(cells))
                else:
                    yield Line(self.number, 0, to_line(zip(columns, cells, strict=False), how))

    def _cells(self, reader: Any) -> Iterator[list[str]]:
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.number = reader.line_num
                self._reject("csv", f"not a row of the table: {error}", "")

    def _reject(self, check: str, reason: str, row: str) -> None:
        raw = row.encode("utf-8", "surrogateescape")
        self._bad.append(Reject(self.number, 0, check, reason, raw))


def _mode(path: str) -> str:
    """Return how a SQLite database is opened.

    One in WAL mode without a log beside it has nothing else to be read, and may be where nothing can be written.
    """
    wal = head(path)[18:19] == b"\x02"
    return "mode=ro&immutable=1" if wal and not Path(f"{path}-wal").exists() else "mode=ro"


def _is_unicode(cells: list[str]) -> bool:
    """Say whether a row is what its encoding promised: a byte that is not stands there as half a surrogate pair."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _selected(column: str, kind: str) -> str:
    """Return a column as it is selected: a time with a zone as a text in UTC."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({_quoted(column)} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    return _quoted(column)

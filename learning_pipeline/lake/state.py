"""What landing remembers, in `state.sqlite`: partitions, file cursors, the line ledger, groups.

`merged_*` are the counts of other homes whose lakes were merged into this one, by the home's first landing.

All of it is committed after the data it speaks of, so that a crash repeats work and never loses any.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from learning_pipeline.errors import PipelineError, TransientError

_SCHEMA = """
create table if not exists partitions (
    stream text not null, day text not null, digest text not null, rows integer not null,
    primary key (stream, day)
) without rowid;
create table if not exists files (
    source text not null, path text not null, size integer not null, mtime_ns integer not null,
    fingerprint text not null, offset integer not null, line integer not null,
    primary key (source, path)
) without rowid;
create table if not exists tips (repository text not null, commit_id text not null);
create table if not exists group_days (
    family text not null, group_key text not null, day text not null,
    primary key (family, group_key, day)
) without rowid;
create table if not exists ledger (
    source text not null, source_file text not null, day text not null,
    lines_read integer not null, event_lines integer not null, duplicates integer not null,
    quarantined integer not null, ignored integer not null, bytes_read integer not null
);
create table if not exists merged_ledger (
    origin integer not null,
    source text not null, source_file text not null, day text not null,
    lines_read integer not null, event_lines integer not null, duplicates integer not null,
    quarantined integer not null, ignored integer not null, bytes_read integer not null
);
create table if not exists merged_counters (
    origin integer not null,
    kind text not null, source text not null, day text not null, name text not null, n integer not null
);
create table if not exists landings (id integer primary key) without rowid;
create table if not exists facts (name text primary key, value text not null) without rowid;
create table if not exists counters (
    kind text not null, source text not null, day text not null, name text not null, n integer not null,
    primary key (kind, source, day, name)
) without rowid;
"""


def _damaged(path: Path, error: Exception) -> str:
    return f"cannot use {path}: {error}; move it away: the next refresh makes it again from the lake"


class State:
    """One connection to the landing state of a home directory."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            if read_only:
                self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise PipelineError(_damaged(path, error)) from error

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "State":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one transaction: all of it is kept, or nothing."""
        with self._explained():
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple]:
        """Run a select and return its rows."""
        with self._explained():
            return self._db.execute(sql, parameters).fetchall()

    def fact(self, name: str) -> str | None:
        """Return a remembered value by its name."""
        rows = self.query("select value from facts where name = ?", (name,))
        return str(rows[0][0]) if rows else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise TransientError(f"cannot use {self.path}: {error}; try again when no other run uses it") from error
        except sqlite3.DatabaseError as error:
            raise PipelineError(_damaged(self.path, error)) from error

    def partition_digests(self, stream: str) -> dict[date, str]:
        """Return the content digest of each day's partition of a stream."""
        rows = self.query("select day, digest from partitions where stream = ? order by day", (stream,))
        return {date.fromisoformat(day): digest for day, digest in rows}

"""What is staged: Parquet parts, and in `staged.sqlite` beside them what each was made from.

A part's record is removed before its file is replaced and written after it. So a record always speaks of the
file that is there, and a kill at any moment leaves at worst a part without a record, which is made again.
"""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.parquet import write_parquet
from learning_pipeline.lake.store import content_digest

_MAGIC = b"PAR1"
_FILE = "rows.parquet"
_SCHEMA = """
create table if not exists parts (
    table_name text not null, day text not null, made_from text not null, reads_to text,
    digest text not null, rows integer not null,
    primary key (table_name, day)
) without rowid;
create table if not exists clean (fingerprint text not null);
"""


def digest_of(*parts: object) -> str:
    """Return a digest of the parts: the same parts always give the same digest."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Part:
    """One staged file: what it was made from, the last day of calls that it read, its content and size."""

    made_from: str
    reads_to: date | None
    digest: str
    rows: int


def part_path(staging_dir: Path, table: str, day: date | None) -> Path:
    """Return where a part is; day is None for a table in one piece."""
    folder = staging_dir / table
    return (folder if day is None else folder / f"day={day.isoformat()}") / _FILE


class Staging:
    """The staged parts of one home directory."""

    def __init__(self, staging_dir: Path) -> None:
        self.dir = staging_dir
        path = staging_dir / "staged.sqlite"
        try:
            staging_dir.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._db.executescript(_SCHEMA)
            rows = self._db.execute("select table_name, day, made_from, reads_to, digest, rows from parts").fetchall()
        except sqlite3.Error as error:
            raise PipelineError(
                f"cannot use {path}: {error}; remove {staging_dir} to build everything again"
            ) from error
        self._parts: dict[str, dict[date | None, Part]] = {}
        self._whole: set[tuple[str, date | None]] = set()
        self._looked_at: set[str] = set()  # tables of which every part is whole
        for table, day, made_from, reads_to, digest, n in rows:
            part = Part(made_from, date.fromisoformat(reads_to) if reads_to else None, digest, n)
            self._parts.setdefault(table, {})[date.fromisoformat(day) if day else None] = part

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def parts(self, table: str) -> dict[date | None, Part]:
        """Return the records of a table by day, without those whose file is gone or broken."""
        found = self._parts.get(table, {})
        if table not in self._looked_at:
            found = {day: part for day, part in found.items() if self._is_whole(table, day)}
            if len(found) == len(self._parts.get(table, {})):
                self._looked_at.add(table)
        return dict(found)

    def part(self, table: str, day: date | None) -> Part | None:
        """Return one record, None where there is none or its file is gone or broken."""
        found = self._parts.get(table, {}).get(day)
        return found if found is not None and self._is_whole(table, day) else None

    def _is_whole(self, table: str, day: date | None) -> bool:
        """Say whether a part's file is there, and begins and ends as a Parquet file does (looked at once)."""
        if (table, day) in self._whole:
            return True
        # Of tens of thousands: without paths and file objects, which take longer than the look.
        folder = f"{self.dir}/{table}" if day is None else f"{self.dir}/{table}/day={day.isoformat()}"
        try:
            file = os.open(f"{folder}/{_FILE}", os.O_RDONLY)
        except OSError:
            return False
        try:
            end = os.fstat(file).st_size - len(_MAGIC)
            whole = end >= len(_MAGIC) and os.pread(file, len(_MAGIC), 0) == os.pread(file, len(_MAGIC), end) == _MAGIC
        finally:
            os.close(file)
        if whole:
            self._whole.add((table, day))
        return whole

    def drop_unreadable(self) -> list[Path]:
        """Remove the parts whose files cannot be read to their end, so that they are made again; return the files."""
        broken = []
        for table, days in list(self._parts.items()):
            for day in list(days):
                path = part_path(self.dir, table, day)
                try:
                    pl.read_parquet(path, hive_partitioning=False, glob=False)
                except (OSError, pl.exceptions.PolarsError):
                    self.drop(table, day)
                    broken.append(path)
        return broken

    def is_intact(self) -> bool:
        """Say whether every part that is recorded is there."""
        return all(self._is_whole(table, day) for table, days in self._parts.items() for day in days)

    def read(self, table: str, schema: pl.Schema, days: Iterable[date] | None = None) -> pl.LazyFrame:
        """Return the rows of a table on the given days (default: all that is staged)."""
        wanted = self.parts(table) if days is None else {day: None for day in days if self.part(table, day)}
        return scan([part_path(self.dir, table, day) for day in sorted(wanted, key=str)], schema)

    def put(self, table: str, frames: dict[date | None, tuple[pl.DataFrame, Part]]) -> None:
        """Make these frames the parts of the table. A frame whose content is staged already is not written."""
        if not frames:
            return
        before = {day: self.part(table, day) for day in frames}
        self._looked_at.discard(table)
        keys = [(table, "" if day is None else day.isoformat()) for day in frames]
        with self._transaction():
            self._db.execute("delete from clean")
            self._db.executemany("delete from parts where table_name = ? and day = ?", keys)
        for day, (frame, part) in frames.items():
            self._parts.get(table, {}).pop(day, None)
            known = before[day]
            path = part_path(self.dir, table, day)
            # A digest is of rows: it does not tell of columns that no row has, as in a part without any.
            if known is None or known.digest != part.digest or pl.read_parquet_schema(path) != frame.schema:
                write_parquet(frame, path)
        with self._transaction():
            self._db.executemany(
                "insert into parts (table_name, day, made_from, reads_to, digest, rows) values (?, ?, ?, ?, ?, ?)",
                [
                    (*key, part.made_from, part.reads_to and part.reads_to.isoformat(), part.digest, part.rows)
                    for key, (_, part) in zip(keys, frames.values(), strict=True)
                ],
            )
        self._parts.setdefault(table, {}).update({day: part for day, (_, part) in frames.items()})

    def put_by_day(
        self,
        table: str,
        frame: pl.DataFrame,
        made_from: Mapping[date, str],
        reads_to: Mapping[date, date | None] = MappingProxyType({}),
    ) -> None:
        """Make the frame's rows of each of these days a part of the table; a day without rows has an empty part."""
        by_day = frame.partition_by("day", as_dict=True)
        parts: dict[date | None, tuple[pl.DataFrame, Part]] = {}
        for day, digest in made_from.items():
            rows = by_day.get((day,), frame.clear())
            parts[day] = (rows, Part(digest, reads_to.get(day), content_digest(rows), rows.height))
        self.put(table, parts)

    def drop(self, table: str, day: date | None) -> None:
        """Remove a part and its record."""
        self._looked_at.discard(table)
        with self._transaction():
            self._db.execute("delete from clean")
            self._db.execute(
                "delete from parts where table_name = ? and day = ?", (table, "" if day is None else day.isoformat())
            )
        self._parts.get(table, {}).pop(day, None)
        path = part_path(self.dir, table, day)
        path.unlink(missing_ok=True)
        if day is not None:
            with suppress(OSError):
                path.parent.rmdir()

    @property
    def clean(self) -> str | None:
        """Fingerprint of the inputs for which nothing was found to be stale, until a part is put."""
        row = self._db.execute("select fingerprint from clean").fetchone()
        return row[0] if row else None

    @clean.setter
    def clean(self, fingerprint: str) -> None:
        with self._transaction():
            self._db.execute("delete from clean")
            self._db.execute("insert into clean (fingerprint) values (?)", (fingerprint,))

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("commit" if kind is None else "rollback")


_shared: tuple[int, Staging] | None = None


@contextmanager
def sharing(staging_dir: Path) -> Iterator[None]:
    """Let all that is done inside, in this thread, look at what is staged once: of a year, there are 25,000 parts."""
    global _shared
    with Staging(staging_dir) as staging:
        _shared = (threading.get_ident(), staging)
        try:
            yield
        finally:
            _shared = None


@contextmanager
def opened(staging_dir: Path) -> Iterator[Staging]:
    """Give what is staged in a directory: the one that is shared, or one of its own."""
    if _shared is not None and _shared[0] == threading.get_ident() and _shared[1].dir == staging_dir:
        yield _shared[1]
        return
    with Staging(staging_dir) as staging:
        yield staging


def is_shared(staging: Staging) -> bool:
    """Say whether others use it too."""
    return _shared is not None and _shared[1] is staging


def scan(paths: list[Path], schema: pl.Schema) -> pl.LazyFrame:
    """Read parts of one table."""
    if not paths:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(paths, hive_partitioning=False, glob=False)

"""The Parquet lake: one file per stream and day, replaced whole."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl

from learning_pipeline.contracts.base import conform, key_columns, polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.parquet import look_at, write_parquet
from learning_pipeline.lake.state import State

# Columns that say when a row was written, not what it says: they are not part of a partition's content.
_SEED = 20260101
_NOT_CONTENT = ("landed_at", "rejected_at")


def content_digest(frame: pl.DataFrame) -> str:
    """Return a digest of the rows in their order, without the columns that describe the run.

    It is made from a hash of each row's values. Another version of Polars may hash otherwise: then everything
    differs once, and is written and built again to the same content.
    """
    hashes = frame.drop(_NOT_CONTENT, strict=False).hash_rows(seed=_SEED)
    return hashlib.blake2b(hashes.to_numpy().tobytes(), digest_size=16).hexdigest()


class Lake:
    """The event streams of one home directory."""

    def __init__(self, root: Path, state: State) -> None:
        self.root = root
        self.state = state

    def path(self, stream: str, day: date) -> Path:
        return self.root / stream / f"day={day.isoformat()}" / "events.parquet"

    def digests(self, stream: str) -> dict[date, str]:
        """Return the content digest of each day of a stream: what says that a day has changed."""
        return self.state.partition_digests(stream)

    def days(self) -> list[date]:
        """Return all days that have an event, in order."""
        rows = self.state.query(
            "select distinct day from partitions where rows > 0 and stream <> 'quarantine' order by 1"
        )
        return [date.fromisoformat(day) for (day,) in rows]

    def read(self, stream: str, days: Iterable[date] | None = None) -> pl.LazyFrame:
        """Return the events of the given days (default: all), in the schema of the stream's contract."""
        contract = STREAMS[stream]
        wanted = sorted(self.digests(stream) if days is None else set(days))
        paths = [path for path in (self.path(stream, day) for day in wanted) if path.exists()]
        if not paths:
            return pl.LazyFrame(schema=polars_schema(contract))
        # A partition written by an older version lacks newer columns: they read as null.
        for path in paths:
            look_at(path)
        frames = [pl.scan_parquet(path, hive_partitioning=False, glob=False) for path in paths]
        return conform(pl.concat(frames, how="diagonal_relaxed"), contract)

    def replace(self, stream: str, day: date, frame: pl.DataFrame) -> bool:
        """Make these rows the whole partition; return whether its content changed."""
        return bool(self.replace_days(stream, {day: frame.sort(key_columns(STREAMS[stream]))}))

    def replace_days(self, stream: str, frames: Mapping[date, pl.DataFrame]) -> set[date]:
        """Make these rows the whole partition of each day; return the days whose content changed.

        Args:
            frames: sorted by natural key, so that equal rows give equal digests however they came.
        """
        known = self.digests(stream)

        def write(item: tuple[date, pl.DataFrame]) -> tuple[date, str, int] | None:
            day, frame = item
            digest = content_digest(frame)
            path = self.path(stream, day)
            if known.get(day) == digest and path.exists():
                return None
            write_parquet(frame, path)
            return day, digest, frame.height

        # Sorting, hashing and compressing leave the interpreter free: two days at a time pay.
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            written = [result for result in pool.map(write, sorted(frames.items(), key=lambda item: item[0])) if result]
        with self.state.transaction() as db:
            db.executemany(
                "insert or replace into partitions (stream, day, digest, rows) values (?, ?, ?, ?)",
                [(stream, day.isoformat(), digest, rows) for day, digest, rows in written],
            )
        return {day for day, _, _ in written}

"""The records of a family: a table for each kind in memory, one Parquet file a day on disk."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from learning_pipeline.lake.parquet import put_in_place, read_parquet, write_beside
from learning_pipeline.sources.base import RECORD_COLUMNS

# The records of each kind.
Records = Mapping[str, pl.DataFrame]

# What names a line.
LINE = ("source", "source_file", "source_line")

_TYPES = {**RECORD_COLUMNS, "landing": pl.Int64()}
_LITTLE_MORE = 1.25  # of what a span may hold, in all
_COUNT = {"day": pl.Date(), "len": pl.UInt32()}


def united(parts: Iterable[Records]) -> dict[str, pl.DataFrame]:
    """Return the records of some tables as one."""
    frames: dict[str, list[pl.DataFrame]] = {}
    for part in parts:
        for kind, frame in part.items():
            frames.setdefault(kind, []).append(frame)
    return {kind: pl.concat(found) for kind, found in frames.items()}


def column(records: Records, *names: str) -> pl.DataFrame:
    """Return columns that every kind has, of all kinds, each combination of values once."""
    none = pl.DataFrame(schema={name: _TYPES[name] for name in names})
    return pl.concat([none, *(frame.select(names) for frame in records.values())]).unique()


def of_days(records: Records, days: set[date]) -> dict[str, pl.DataFrame]:
    """Return the records of some days."""
    wanted = pl.Series(sorted(days), dtype=pl.Date).implode()
    found = {kind: frame.filter(pl.col("day").is_in(wanted)) for kind, frame in records.items()}
    return {kind: frame for kind, frame in found.items() if frame.height}


def pieces(records: Records, known: Mapping[date, int], most: int) -> Iterator[dict[str, pl.DataFrame]]:
    """Cut records into spans of days that have, with what is known of them, not many more than `most` bytes each.

    Where there is little more than that in all, they are not cut: each span costs a tenth of a second.

    Args:
        known: records that each of the days has by now.
    """
    total = sum(frame.height for frame in records.values())
    row_bytes = sum(frame.estimated_size() for frame in records.values()) / max(total, 1)
    counts = pl.concat([pl.DataFrame(schema=_COUNT), *(frame.group_by("day").len() for frame in records.values())])
    by_day = counts.group_by("day").agg(pl.col("len").sum()).sort("day")
    spans: list[set[date]] = [set()]
    taken = whole = 0.0
    for day, n in by_day.iter_rows():
        size = (n + known.get(day, 0)) * row_bytes
        if spans[-1] and taken + size > most:
            spans.append(set())
            taken = 0.0
        spans[-1].add(day)
        taken += size
        whole += size
    if whole <= _LITTLE_MORE * most:
        spans = [set()]
    yield from [dict(records)] if len(spans) == 1 else (of_days(records, days) for days in spans)


class RecordStore:
    """The records of one family, by day.

    `landing` is the id of the landing that brought a record: where it was never committed, that landing was
    killed, and its lines still count as new.
    """

    def __init__(self, root: Path, family: Any) -> None:
        self.root = root / "_records" / family.NAME
        self.kind = pl.Enum(list(family.SCHEMAS))
        self.schemas = {kind: {**schema, "landing": pl.Int64()} for kind, schema in family.SCHEMAS.items()}

    def path(self, day: date) -> Path:
        return self.root / f"day={day.isoformat()}" / "records.parquet"

    def days(self) -> set[date]:
        """Return the days that have records."""
        return {date.fromisoformat(path.parent.name[4:]) for path in self.root.glob("day=*/records.parquet")}

    def heights(self, days: Iterable[date]) -> dict[date, int]:
        """Return how many records each of some days has; a file that cannot be read counts as empty here."""
        found = {}
        for day in (day for day in days if self.path(day).exists()):
            try:
                found[day] = pl.scan_parquet(self.path(day), hive_partitioning=False).select(pl.len()).collect().item()
            except (pl.exceptions.PolarsError, OSError):
                continue  # reading it tells what to do
        return found

    def read(self, days: Iterable[date]) -> dict[str, pl.DataFrame]:
        """Return the records of some days; a column that a day's file does not have is null."""
        return united(self._split(read_parquet(path)) for path in map(self.path, sorted(days)) if path.exists())

    def _split(self, wide: pl.DataFrame) -> dict[str, pl.DataFrame]:
        found = {}
        for kind in wide["kind"].unique():
            part = wide.filter(pl.col("kind").cast(pl.String) == kind)
            found[kind] = part.select(
                (pl.col(name) if name in part.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in self.schemas[kind].items()
            )
        return found

    @contextmanager
    def written(self, records: Records, days: set[date]) -> Iterator[None]:
        """Make these records the whole of some days once what is done inside is done, and write them meanwhile.

        Records of other days are passed over.
        """
        with ThreadPoolExecutor(1) as pool:
            parts = pool.submit(self._write_beside, records, days)
            yield
            for path, part in parts.result().items():
                put_in_place(part, path)

    def _write_beside(self, records: Records, days: set[date]) -> dict[Path, Path]:
        parts: dict[date, list[pl.DataFrame]] = {day: [] for day in days}
        for kind, frame in records.items():
            # Left out: columns that none of these records has.
            held = frame.select(s.name for s in frame if s.name == "day" or s.null_count() < frame.height)
            labelled = held.with_columns(pl.lit(kind, dtype=self.kind).alias("kind"))
            for (day,), part in labelled.partition_by("day", as_dict=True).items():
                if day in parts:
                    parts[day].append(part)

        paths = {self.path(day): found for day, found in parts.items() if found}
        return {path: write_beside(pl.concat(found, how="diagonal"), path) for path, found in paths.items()}

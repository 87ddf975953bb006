"""Unites new records with those that are known, and brings the streams in line with them.

The order of writing makes a crash harmless: first the index of groups (a superset does no harm), then the
streams, then the records. Whatever a killed run left undone, the next run finds its records new again.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from learning_pipeline.contracts.base import key_columns, polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake, read_parquet, write_parquet
from learning_pipeline.lake.validate import Violation, validate

# What tells one copy of a record from another; the least of them is the one that counts.
_COPY = ("group_key", "source", "source_file", "source_line")

# What names a line.
LINE = ("source", "source_file", "source_line")


@dataclass(slots=True)
class Merged:
    """What a merge did."""

    fresh: pl.DataFrame  # source, source_file, source_line of the lines that brought a record that was not known
    settled: pl.DataFrame  # the same of all lines of the groups that were put together again
    violations: list[Violation] = field(default_factory=list)
    days: set[date] = field(default_factory=set)


class RecordStore:
    """The records of one family, by day.

    `landing` is the id of the landing that brought a record: where it was never committed, that landing was
    killed, and its lines still count as new.
    """

    def __init__(self, root: Path, family: Any) -> None:
        self.root = root / "_records" / family.NAME
        self.schema = pl.Schema({**family.SCHEMA, "landing": pl.Int64})

    def path(self, day: date) -> Path:
        return self.root / f"day={day.isoformat()}" / "records.parquet"

    def days(self) -> set[date]:
        """Return the days that have records."""
        return {date.fromisoformat(path.parent.name[4:]) for path in self.root.glob("day=*/records.parquet")}

    def read(self, days: Iterable[date]) -> pl.DataFrame:
        """Return the records of some days; a column that a day's file does not have is null."""
        frames = [pl.DataFrame(schema=self.schema)]
        frames += [read_parquet(path) for path in map(self.path, sorted(days)) if path.exists()]
        return pl.concat([conform_to(frame, self.schema) for frame in frames])

    def write(self, records: pl.DataFrame, days: set[date]) -> None:
        """Make these records the whole of some days; those of other days are passed over."""
        parts = [(day, part) for (day,), part in records.group_by("day") if day in days]
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            for _ in pool.map(lambda part: write_parquet(_filled(part[1]), self.path(part[0])), parts):
                pass


def conform_to(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Give a frame the columns and types of a schema; what it lacks is null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def _filled(records: pl.DataFrame) -> pl.DataFrame:
    """Leave out the columns that no record of these has: most records use few of the columns."""
    return records.select(name for name in records.columns if records[name].null_count() < records.height)


def landing_id(now: datetime) -> int:
    """Return the id of the landing that began at a time: its microseconds since 1970."""
    return int(now.timestamp() * 1_000_000)


def merge(lake: Lake, family: Any, new: pl.DataFrame, now: datetime) -> Merged:
    """Bring the lake in line with new records of a family; return what was new, and what broke a contract."""
    this = landing_id(now)
    new = _without_copies(new).with_columns(pl.lit(this, dtype=pl.Int64).alias("landing"))
    store = RecordStore(lake.root, family)
    days = set(new["day"].unique())
    old = store.read(days)
    if old.height:
        before = old.select("record_key", "landing", *_COPY)
        before = before.rename({name: f"_{name}" for name in ("landing", *_COPY)})
        new = new.join(before, on="record_key", how="left", maintain_order="left")
        counted = [this, *(number for (number,) in lake.state.query("select id from landings"))]
        landed = pl.col("_landing").is_in(counted).fill_null(False)
        better = _less([(name, f"_{name}") for name in _COPY]).fill_null(False)
        fresh = new.filter(~landed)
        changed = new.filter(~landed | better).with_columns(
            pl.when(landed).then("_landing").otherwise("landing").alias("landing")
        )
        groups = pl.concat([changed["group_key"], changed["_group_key"].drop_nulls()])
        changed = changed.select(*store.schema)
        known = pl.concat([old.join(changed.select("record_key"), on="record_key", how="anti"), changed])
    else:
        changed = fresh = known = new.select(*store.schema)
        groups = changed["group_key"]
    merged = Merged(fresh=fresh.select(LINE), settled=known.clear().select(LINE))
    if changed.height:
        index_groups(lake.state, family.NAME, changed)
        touched = set(changed["day"].unique())
        groups = groups.unique().sort()
        # The tables are wide: what is not needed any more goes before the large work.
        del new, old, fresh, changed
        put_together(lake, family, merged, known, days, groups, now)
        store.write(known, touched)
    return merged


def put_together(
    lake: Lake, family: Any, merged: Merged, known: pl.DataFrame, days: set[date], groups: pl.Series, now: datetime
) -> None:
    """Put some groups together from all that is known of them, and replace their rows in the streams.

    Args:
        known: all records of `days`; those of the groups' other days are read.
    """
    group_days = _days_of(lake.state, family.NAME, groups)
    others = group_days - days
    records = pl.concat([known, RecordStore(lake.root, family).read(others)]) if others else known
    if records["group_key"].n_unique() > groups.len():
        records = records.filter(pl.col("group_key").is_in(groups.implode()))
    records = records.drop("landing")
    merged.settled = records.select(LINE).unique()
    rows = family.assemble(records)
    for stream in family.STREAMS:
        frame = _stream_rows(rows[stream], stream, now)
        frame, violations = validate(frame, STREAMS[stream])
        merged.violations += violations
        merged.days |= _replace_groups(lake, stream, groups, group_days | days, frame)


def _without_copies(records: pl.DataFrame) -> pl.DataFrame:
    """Keep the least copy of each record. Only the columns that tell copies apart are sorted: the rest is wide."""
    narrow = records.select("record_key", *_COPY).with_row_index("_at")
    kept = narrow.sort(_COPY).unique("record_key", keep="first")["_at"]
    return records if kept.len() == records.height else records[kept.sort()]


def _less(pairs: list[tuple[str, str]]) -> pl.Expr:
    """Say whether one tuple of columns comes before another."""
    result: pl.Expr = pl.lit(False)
    for left, right in reversed(pairs):
        result = (pl.col(left) < pl.col(right)) | ((pl.col(left) == pl.col(right)) & result)
    return result


def index_groups(state: State, family: str, records: pl.DataFrame) -> None:
    """Record the days on which groups have records."""
    pairs = records.select("group_key", "day").unique().sort("group_key", "day")
    rows = [(family, group, day.isoformat()) for group, day in pairs.iter_rows()]
    with state.transaction() as db:
        db.executemany("insert or ignore into group_days (family, group_key, day) values (?, ?, ?)", rows)


def _days_of(state: State, family: str, groups: pl.Series) -> set[date]:
    """Return all days on which some groups have records."""
    with state.transaction() as db:
        db.execute("create temp table if not exists wanted (group_key text primary key) without rowid")
        db.execute("delete from temp.wanted")
        db.executemany("insert into temp.wanted values (?)", [(group,) for group in groups])
        found = db.execute(
            "select distinct day from group_days where family = ? and group_key in (select group_key from temp.wanted)",
            (family,),
        ).fetchall()
    return {date.fromisoformat(day) for (day,) in found}


def _stream_rows(frame: pl.DataFrame, stream: str, now: datetime) -> pl.DataFrame:
    """Give rows the columns of their stream's contract, and their group's key behind them."""
    schema = polars_schema(STREAMS[stream])
    present = set(frame.columns)
    return frame.with_columns(pl.lit(now).alias("landed_at")).select(
        *(
            (pl.col(name) if name in present or name == "landed_at" else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in schema.items()
        ),
        pl.col("group_key"),
    )


def _replace_groups(lake: Lake, stream: str, groups: pl.Series, days: set[date], rows: pl.DataFrame) -> set[date]:
    """Put these rows in the place of all that the groups had in a stream; return the days that changed.

    Where two groups claim one key, the group whose own key is least has it: a choice that no order changes.
    """
    key = list(key_columns(STREAMS[stream]))
    by_day = {day: part for (day,), part in rows.group_by("day")}
    frames: dict[date, pl.DataFrame] = {}
    for day in sorted(days | set(by_day)):
        part = by_day.get(day, rows.clear())
        path = lake.path(stream, day)
        if path.exists():
            before = read_parquet(path)
            lacking = [
                pl.lit(None, dtype=rows.schema[name]).alias(name) for name in set(rows.columns) - {*before.columns}
            ]
            before = before.with_columns(lacking).select(rows.columns)
            landed = before.select(*key, pl.col("landed_at").alias("_landed"))
            part = (
                part.join(landed, on=key, how="left")
                .with_columns(pl.coalesce("_landed", "landed_at").alias("landed_at"))
                .drop("_landed")
            )
            part = pl.concat([before.filter(~pl.col("group_key").is_in(groups.implode())), part])
        elif part.is_empty():
            continue
        frames[day] = part.sort(*key, "group_key").unique(key, keep="first", maintain_order=True)
    return lake.replace_days(stream, frames)

"""Unites new records with those that are known, and brings the streams in line with them.

The order of writing makes a crash harmless: first the index of groups (a superset does no harm), then the
streams, then the records. Whatever a killed run left undone, the next run finds its records new again.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl

from learning_pipeline.contracts.base import key_columns, polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.parquet import read_parquet
from learning_pipeline.lake.records import LINE, Records, RecordStore, column, united
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.lake.validate import Violation, validate

# What tells one copy of a record from another; the least of them is the one that counts.
_COPY = ("group_key", "source", "source_file", "source_line")


@dataclass(slots=True)
class Merged:
    """What a merge did."""

    fresh: pl.DataFrame  # source, source_file, source_line of the lines that brought a record that was not known
    settled: pl.DataFrame  # the same of all lines of the groups that were put together again
    violations: list[Violation] = field(default_factory=list)
    days: set[date] = field(default_factory=set)


def landing_id(now: datetime) -> int:
    """Return the id of the landing that began at a time: its microseconds since 1970."""
    return int(now.timestamp() * 1_000_000)


class _United(NamedTuple):
    """The records of one kind on some days, with the new among them."""

    known: pl.DataFrame
    changed: pl.DataFrame  # records that are new, or of which a lesser copy was found
    fresh: pl.DataFrame  # LINE of the records that no landing before brought
    groups: pl.Series  # what has to be put together again


def merge(lake: Lake, family: Any, new: Records, now: datetime) -> Merged:
    """Bring the lake in line with new records of a family; return what was new, and what broke a contract."""
    this = landing_id(now)
    store = RecordStore(lake.root, family)
    days = set(column(new, "day")["day"])
    old = store.read(days)
    landings = [this, *(number for (number,) in lake.state.query("select id from landings"))]
    unions = {kind: _unite(old.get(kind), frame, landings) for kind, frame in new.items()}
    known = {**old, **{kind: union.known for kind, union in unions.items()}}
    changed = {kind: union.changed for kind, union in unions.items() if union.changed.height}
    lines = pl.DataFrame(schema={"source": pl.String, "source_file": pl.String, "source_line": pl.Int64})
    merged = Merged(fresh=pl.concat([lines, *(union.fresh for union in unions.values())]), settled=lines)
    if changed:
        index_groups(lake.state, family.NAME, changed)
        groups = pl.concat([union.groups for union in unions.values()]).unique().sort()
        with store.written(known, set(column(changed, "day")["day"])):
            put_together(lake, family, merged, known, days, groups, now)
    return merged


def _unite(old: pl.DataFrame | None, new: pl.DataFrame, landings: list[int]) -> _United:
    """Unite new records of one kind with those that are known; the first of `landings` brings them."""
    new = _without_copies(new).with_columns(pl.lit(landings[0], dtype=pl.Int64).alias("landing"))
    if old is None:
        return _United(new, new, new.select(LINE), new["group_key"].unique())
    # Only what tells copies apart is joined: the rest is wide.
    before = old.select("record_key", "landing", *_COPY)
    before = before.rename({name: f"_{name}" for name in ("landing", *_COPY)})
    pairs = new.select("record_key", *_COPY).join(before, on="record_key", how="left", maintain_order="left")
    landed = pl.col("_landing").is_in(landings).fill_null(False)
    better = _less([(name, f"_{name}") for name in _COPY]).fill_null(False)
    told = pairs.select(
        landed.alias("landed"), (~landed | better).alias("changed"), pl.col("_landing"), pl.col("_group_key")
    )
    changed = (
        new.hstack(told.select("landed", "_landing"))
        .filter(told["changed"])
        .with_columns(pl.when("landed").then("_landing").otherwise("landing").alias("landing"))
        .select(*old.columns)
    )
    replaced = told.filter("changed", pl.col("_group_key").is_not_null())["_group_key"]
    if replaced.len():
        old = old.join(changed.select("record_key"), on="record_key", how="anti")
    groups = pl.concat([changed["group_key"].unique(), replaced])
    return _United(pl.concat([old, changed]), changed, new.filter(~told["landed"]).select(LINE), groups.unique())


def put_together(
    lake: Lake, family: Any, merged: Merged, known: Records, days: set[date], groups: pl.Series, now: datetime
) -> None:
    """Put some groups together from all that is known of them, and replace their rows in the streams.

    Args:
        known: all records of `days`; those of the groups' other days are read.
    """
    group_days = _days_of(lake.state, family.NAME, groups)
    others = group_days - days
    records = united([known, RecordStore(lake.root, family).read(others)]) if others else known
    if column(records, "group_key").height > groups.len():
        wanted = groups.implode()
        records = {kind: frame.filter(pl.col("group_key").is_in(wanted)) for kind, frame in records.items()}
    records = {
        kind: records[kind].drop("landing") if kind in records else pl.DataFrame(schema=schema)
        for kind, schema in family.SCHEMAS.items()
    }
    merged.settled = column(records, *LINE)
    rows = family.assemble(records)
    for stream in family.STREAMS:
        frame = _stream_rows(rows[stream], stream, now)
        frame, violations = validate(frame, STREAMS[stream])
        merged.violations += violations
        merged.days |= _replace_groups(lake, stream, groups, group_days | days, frame)


def _without_copies(records: pl.DataFrame) -> pl.DataFrame:
    """Keep the least copy of each record. Only the columns that tell copies apart are sorted: the rest is wide."""
    several = records.select(pl.col("record_key").is_duplicated()).to_series()
    if not several.any():
        return records
    narrow = records.select("record_key", *_COPY).with_row_index("_at").filter(several)
    kept = narrow.sort(_COPY).unique("record_key", keep="first")["_at"]
    return records.filter(~several | pl.int_range(pl.len()).is_in(kept.implode()))


def _less(pairs: list[tuple[str, str]]) -> pl.Expr:
    """Say whether one tuple of columns comes before another."""
    result: pl.Expr = pl.lit(False)
    for left, right in reversed(pairs):
        result = (pl.col(left) < pl.col(right)) | ((pl.col(left) == pl.col(right)) & result)
    return result


def index_groups(state: State, family: str, records: Records) -> None:
    """Record the days on which groups have records."""
    pairs = column(records, "group_key", "day").sort("group_key", "day")
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
    rows = rows.sort(*key, "group_key").unique(["day", *key], keep="first", maintain_order=True)
    by_day = {day: part for (day,), part in rows.partition_by("day", as_dict=True, maintain_order=True).items()}
    frames: dict[date, pl.DataFrame] = {}
    for day in sorted(days | set(by_day)):
        part = by_day.get(day, rows.clear())
        path = lake.path(stream, day)
        if path.exists():
            before = read_parquet(path)
            lacking = [
                pl.lit(None, dtype=rows.schema[name]).alias(name) for name in set(rows.columns) - {*before.columns}
            ]
            # A partition of an earlier version may have other types: a decimal of fewer digits.
            before = before.with_columns(lacking).select(pl.col(name).cast(rows.schema[name]) for name in rows.columns)
            landed = before.select(*key, pl.col("landed_at").alias("_landed"))
            part = (
                part.join(landed, on=key, how="left")
                .with_columns(pl.coalesce("_landed", "landed_at").alias("landed_at"))
                .drop("_landed")
            )
            part = pl.concat([before.filter(~pl.col("group_key").is_in(groups.implode())), part])
            part = part.sort(*key, "group_key").unique(key, keep="first", maintain_order=True)
        elif part.is_empty():
            continue
        frames[day] = part
    return lake.replace_days(stream, frames)

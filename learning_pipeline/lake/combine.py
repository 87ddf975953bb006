"""Takes the lake of another home directory in, as if its logs had been read here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import polars as pl

from learning_pipeline.errors import UsageError
from learning_pipeline.lake.merge import landing_id, merge
from learning_pipeline.lake.records import LINE, RecordStore
from learning_pipeline.lake.redact import redact_records
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.settings import Settings
from learning_pipeline.sources import registry

_LEDGER = "source, source_file, day, lines_read, event_lines, duplicates, quarantined, ignored, bytes_read"
_COUNTERS = "kind, source, day, name, n"

# Records that are merged at once, or those of one day: bounds memory.
_SPAN_ROWS = 80_000


@dataclass
class CombineReport:
    """What another lake brought: lines whose records were not known, rejects, and the days that changed."""

    lines: int = 0
    rejects: int = 0
    days: list[date] = field(default_factory=list)


def combine(settings: Settings, other: Path, *, now: datetime) -> CombineReport:
    """Unite the records, rejects and line counts of another home with this one's; nothing is counted twice.

    The other home is only read. What is stricter of this home's `task_text` is applied to what comes in.

    Raises:
        UsageError: there is no lake in that directory, or it is this home's own.
        PipelineError: a file of either lake is damaged.
    """
    if not (other / "state.sqlite").is_file() or not (other / "lake").is_dir():
        raise UsageError(f"{other} is not a home directory: it has no state.sqlite and lake/")
    if other.resolve() == settings.home.resolve():
        raise UsageError(f"{other} is this home directory itself")
    report = CombineReport()
    changed: set[date] = set()
    with State(settings.state_path) as state, State(other / "state.sqlite", read_only=True) as theirs:
        lake, their_lake = Lake(settings.lake_dir, state), Lake(other / "lake", theirs)
        for name in registry.FAMILIES:
            family = registry.family(name)
            store = RecordStore(their_lake.root, family)
            days = store.days()
            for span in _spans(store.heights(days), RecordStore(lake.root, family).heights(days)):
                records = {kind: frame.drop("landing") for kind, frame in store.read(span).items()}
                records = redact_records(records, family.TEXT_COLUMNS, settings.task_text)
                merged = merge(lake, family, records, now)
                report.lines += merged.fresh.unique(LINE).height
                changed |= merged.days
        report.rejects = _take_rejects(lake, their_lake)
        _take_counts(state, theirs)
        with state.transaction() as db:
            db.execute("insert or ignore into landings values (?)", (landing_id(now),))
    report.days = sorted(changed)
    return report


def _spans(theirs: dict[date, int], ours: dict[date, int]) -> Iterator[list[date]]:
    """Cut days into spans whose records, theirs and ours, fit in memory."""
    span: list[date] = []
    taken = 0
    for day in sorted(theirs):
        size = theirs[day] + ours.get(day, 0)
        if span and taken + size > _SPAN_ROWS:
            yield span
            span, taken = [], 0
        span.append(day)
        taken += size
    if span:
        yield span


def _take_rejects(lake: Lake, theirs: Lake) -> int:
    ours, others = lake.read("quarantine").collect(), theirs.read("quarantine").collect()
    new = others.join(ours, on="reject_id", how="anti")
    table = pl.concat([ours, new])
    for (day,) in new.select("day").unique().sort("day").iter_rows():
        lake.replace("quarantine", day, table.filter(pl.col("day") == day))
    return new.height


def _take_counts(state: State, theirs: State) -> None:
    """Keep the other home's counts of lines beside our own, by the home that counted them."""
    own, origin = _identity(state), _identity(theirs)
    counted = [(origin, "ledger", "counters", "")] if origin is not None else []
    merged = theirs.query("select distinct origin from merged_ledger union select distinct origin from merged_counters")
    counted += [(name, "merged_ledger", "merged_counters", f" where origin = {name}") for (name,) in merged]
    with state.transaction() as db:
        for name, ledger, counters, where in counted:
            if name == own:
                continue
            db.execute("delete from merged_ledger where origin = ?", (name,))
            db.execute("delete from merged_counters where origin = ?", (name,))
            rows = theirs.query(f"select {_LEDGER} from {ledger}{where}")
            db.executemany(
                "insert into merged_ledger values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(name, *r) for r in rows]
            )
            rows = theirs.query(f"select {_COUNTERS} from {counters}{where}")
            db.executemany("insert into merged_counters values (?, ?, ?, ?, ?, ?)", [(name, *r) for r in rows])


def _identity(state: State) -> int | None:
    """Return what tells a home from every other: the microsecond of its first landing."""
    ((first,),) = state.query("select min(id) from landings")
    return int(first) if first is not None else None

"""Builds what is stale: facts and daily marts by day, roll-ups and dimensions, then the database."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts import across, database
from learning_pipeline.marts.collect import collect
from learning_pipeline.marts.facts import last_call_day
from learning_pipeline.marts.newest import TIMES
from learning_pipeline.marts.pieces import build_from_sums, build_pieces
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, days_between
from learning_pipeline.marts.registry import TABLES, Context, TableSpec
from learning_pipeline.marts.staging import Part, Staging, is_shared, opened, part_path, sharing
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings

# Days are built together up to this many rows: it bounds the memory that a back-fill needs.
_ROWS_AT_ONCE = 200_000
_FRESHNESS = "mart_freshness"
_TIMES = {f"fct_{stream}": columns[0] for stream, columns in TIMES.items()}


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `tables` holds the rows of each table, all days together."""

    days: list[date] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    marts_path: Path = Path()
    changed: bool = False
    seconds: float = 0.0


@contextmanager
def one_look(settings: Settings) -> Iterator[None]:
    """Let all builds inside, in this thread, share one look at the lake: it must not change meanwhile.

    A table that is built as an asset of its own would look for itself, some thirty times a night: 20 s beside a year.
    """
    with sharing(settings.staging_dir):
        try:
            yield
        finally:
            _PLANS.clear()


def _plan_of(settings: Settings, staging: Staging) -> Plan:
    if not is_shared(staging):
        return Plan(settings, staging)
    if staging.dir not in _PLANS:
        _PLANS[staging.dir] = Plan(settings, staging)
    return _PLANS[staging.dir]


_PLANS: dict[Path, Plan] = {}  # of what is shared


def stale_days(settings: Settings, *, shared: bool = False) -> list[date]:
    """Return the days on which the staged parts are not made from what the lake holds now.

    It looks afresh, and stages nothing; `shared`, it takes the one look of those who build next (see `one_look`).

    Raises:
        TransientError: a file of the lake was replaced while it was read, as a run does, or is damaged.
    """
    try:
        with (opened if shared else Staging)(settings.staging_dir) as staging:
            plan = _plan_of(settings, staging) if shared else Plan(settings, staging, looks=True)
            stale = plan.stale()
    except pl.exceptions.PolarsError as error:
        words = str(error).splitlines()[0]
        raise TransientError(f"cannot read the lake: {words}; look again when no run is under way") from error
    return sorted({day for days in stale.values() for day in days})


def build_days(settings: Settings, table: str, days: Sequence[date], *, now: datetime) -> dict[date, int]:
    """Stage the parts of a fact or daily mart for these days, where they are stale; return the rows of each day.

    Raises:
        PipelineError: rows break the table's contract; the message names table, column and check.
    """
    with opened(settings.staging_dir) as staging, _explained(staging):
        return _build_days(_plan_of(settings, staging), table, days, now)


def write_database(settings: Settings, *, now: datetime, progress: Progress = silent) -> BuildReport:
    """Stage roll-ups and dimensions, and put all parts together in marts.duckdb, unless it holds just that."""
    with opened(settings.staging_dir) as staging, _explained(staging):
        return _write_database(settings, _plan_of(settings, staging), now, progress)


def build(
    settings: Settings, *, now: datetime, days: Sequence[date] | None = None, progress: Progress = silent
) -> BuildReport:
    """Bring the marts up to date with the lake: the given days, default those that are stale."""
    started = time.perf_counter()
    with opened(settings.staging_dir) as staging, _explained(staging):
        plan = _plan_of(settings, staging)
        wanted = sorted({day for some in plan.stale().values() for day in some} if days is None else set(days))
        if wanted:
            tables = [name for name, spec in TABLES.items() if spec.by_day]
            for done, table in enumerate(tables):
                progress("facts and daily marts", done, len(tables))
                _build_days(plan, table, wanted, now)
            progress("facts and daily marts", len(tables), len(tables))
        report = _write_database(settings, plan, now, progress)
    return BuildReport(wanted, report.tables, report.marts_path, report.changed, time.perf_counter() - started)


def _build_days(plan: Plan, table: str, days: Sequence[date], now: datetime) -> dict[date, int]:
    staging, rows, todo = plan.staging, {}, []
    for day in sorted(set(days)):
        part = staging.part(table, day)
        if not plan.exists(table, day):
            if part is not None:
                staging.drop(table, day)
            rows[day] = 0
        elif part is not None and part.made_from == plan.made_from(table, day, part.reads_to):
            rows[day] = part.rows
        else:
            todo.append(day)
    for some in _portions(plan, table, todo):
        _stage_days(plan, table, some, now)
        rows |= {day: part.rows for day in some if (part := staging.part(table, day))}
    return dict(sorted(rows.items()))


def _portions(plan: Plan, table: str, days: list[date]) -> Iterator[list[date]]:
    """Cut the days into portions of about as many rows as fit into memory with ease."""
    portion: list[date] = []
    size = 0
    for day in days:
        for name in TABLES[table].inputs:
            part = plan.staging.part(name, day)
            size += plan.lake_rows.get((name, day), part.rows if part else 0)
        portion.append(day)
        if size >= _ROWS_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _stage_days(plan: Plan, table: str, days: list[date], now: datetime) -> None:
    """Stage the parts of some days together: no row of one day depends on which other days are with it."""
    spec = TABLES[table]
    reads_to: dict[date, date] = {}
    if table == EXECUTIONS:
        ends = plan.read_lake("executions", days).group_by("day").agg(last_call_day().max().alias("_last"))
        reads_to = dict(ends.collect().iter_rows())
    elif spec.looks_ahead:
        executions = {day: plan.staging.part(EXECUTIONS, day) for day in days}
        reads_to = {day: part.reads_to for day, part in executions.items() if part and part.reads_to}
    frames: dict[str, pl.LazyFrame] = {}
    for name in spec.inputs:
        if name in STREAMS:
            frames[name] = plan.read_lake(name, days)
        elif name in across.SCHEMAS:
            frames[name] = plan.across.on(name, days)
        elif name in TABLES:
            span = set(days)
            if name == CALLS:
                span = {one for day in days for one in days_between(day, reads_to.get(day, day))}
            frames[name] = plan.staging.read(name, polars_schema(TABLES[name].contract), span)
    frame = collect(table, spec.contract, spec.compute(frames, Context(now, plan.prices, {})))
    made_from = {day: plan.made_from(table, day, reads_to.get(day)) for day in days}
    plan.staging.put_by_day(table, frame, made_from, reads_to)


@contextmanager
def _explained(staging: Staging) -> Iterator[None]:
    """Where the block fails because a staged file is damaged: remove such files, and say so."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, database.WriteError) as error:
        broken = staging.drop_unreadable()
        if not broken:
            raise
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise PipelineError(
            f"{broken[0]}{more} was damaged and is removed: run the same command again, and it is made anew"
        ) from error


def _write_database(settings: Settings, plan: Plan, now: datetime, progress: Progress) -> BuildReport:
    started = time.perf_counter()
    by_day = [name for name, spec in TABLES.items() if spec.by_day]
    with database.copied_ahead(settings.marts_path, _parts(plan, by_day, settings)) as copied:
        report = _roll_up_and_write(settings, plan, now, progress, copied)
    return replace(report, seconds=time.perf_counter() - started)


def _roll_up_and_write(
    settings: Settings, plan: Plan, now: datetime, progress: Progress, copied: database.Copy | None
) -> BuildReport:
    staging = plan.staging
    whole = {name: spec for name, spec in TABLES.items() if not spec.by_day and name != _FRESHNESS}
    for done, (name, spec) in enumerate(whole.items()):
        progress("roll-ups", done, len(whole))
        if spec.by_day_sums is not None:
            build_from_sums(plan, name, Context(now, plan.prices, {}))
        elif spec.in_days:
            build_pieces(plan, name, Context(now, plan.prices, {}))
        else:
            _build_whole(plan, name, spec, now, plan.made_from_all(spec))
    progress("roll-ups", len(whole), len(whole))
    parts = _parts(plan, [name for name in TABLES if name != _FRESHNESS], settings)
    changed = not database.holds(settings.marts_path, parts)
    if changed:
        # Freshness tells the time, so it is measured only when there is something new to write.
        _build_whole(plan, _FRESHNESS, TABLES[_FRESHNESS], now, now.isoformat())
        fresh = staging.parts(_FRESHNESS)
        parts |= {(_FRESHNESS, day): part for day, part in fresh.items()}
        paths = {key: part_path(staging.dir, *key) for key in parts}
        progress("marts.duckdb", 0, 1)
        database.write(settings.marts_path, parts, paths, copied)
        progress("marts.duckdb", 1, 1)
    rows = {name: sum(part.rows for part in staging.parts(name).values()) for name in TABLES}
    return BuildReport([], rows, settings.marts_path, changed)


def _parts(plan: Plan, names: Sequence[str], settings: Settings) -> database.Parts:
    """Return the parts of tables that marts.duckdb is to hold."""
    staged = {(name, day): part for name in names for day, part in plan.staging.parts(name).items()}
    return _retained(staged, settings.retention_days)


def _build_whole(plan: Plan, name: str, spec: TableSpec, now: datetime, made_from: str) -> None:
    known = plan.staging.part(name, None)
    if known is not None and known.made_from == made_from:
        return
    newest = _newest(plan) if name == _FRESHNESS else {}
    rows = collect(name, spec.contract, spec.compute(plan.frames(spec), Context(now, plan.prices, newest)))
    plan.staging.put(name, {None: (rows, Part(made_from, None, content_digest(rows), rows.height))})


def _retained(parts: dict[tuple[str, date | None], Part], keep: int) -> dict[tuple[str, date | None], Part]:
    """Leave out fact parts that are more than `keep` days older than the newest day of any fact.

    What has no time is not known to be old: it stays.
    """
    days = [day for (name, day), part in parts.items() if TABLES[name].kind == "fact" and day and part.rows]
    if not days:
        return parts
    newest = max(days)
    return {
        (name, day): part
        for (name, day), part in parts.items()
        if not (TABLES[name].kind == "fact" and day and day != UNDATED and (newest - day).days > keep)
    }


def _newest(plan: Plan) -> dict[str, tuple[int, datetime | None, date | None]]:
    """Return rows, newest event and newest day of every table that is staged."""
    found: dict[str, tuple[int, datetime | None, date | None]] = {}
    for name, spec in TABLES.items():
        parts = plan.staging.parts(name)
        days = [day for day, part in parts.items() if day is not None and part.rows]
        newest_day = max(days, default=None)
        newest_at = None
        if name in _TIMES and newest_day is not None:
            frame = plan.staging.read(name, polars_schema(spec.contract), [newest_day])
            newest_at = frame.select(pl.col(_TIMES[name]).max()).collect().item()
        found[name] = (sum(part.rows for part in parts.values()), newest_at, newest_day)
    found[_FRESHNESS] = (len(TABLES), None, None)  # of itself: a row a table
    return found

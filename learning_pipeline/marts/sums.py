"""Roll-ups over many days, from sums by day: only the days that changed are summed up anew."""

from collections.abc import Iterator, Mapping
from datetime import date

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.collect import collect
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, code_version, days_between
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import SUMS, Context, TableSpec
from learning_pipeline.marts.staging import Part, digest_of

# Days are taken together up to this many rows: it bounds the memory that all of history needs.
_ROWS_AT_ONCE = 200_000

# The parts of each input by day.
Inputs = Mapping[str, Mapping[date | None, Part]]


def build_from_sums(plan: Plan, name: str, context: Context) -> None:
    """Stage a roll-up that is made from sums by day, unless it is made from what is there now."""
    staging, spec = plan.staging, TABLES[name]
    made_from = plan.made_from_all(spec)
    known = staging.part(name, None)
    if known is not None and known.made_from == made_from:
        return
    sums = _sums(plan, name, spec, context)
    frame = collect(name, spec.contract, spec.compute({SUMS: sums}, context))
    staging.put(name, {None: (frame, Part(made_from, None, content_digest(frame), frame.height))})


def _sums(plan: Plan, name: str, spec: TableSpec, context: Context) -> pl.LazyFrame:
    """Stage the sums of each day, under a name that is no table of the database; return those of all days."""
    staging, kept = plan.staging, f"_{name}"
    inputs = {one: staging.parts(one) for one in spec.inputs if one in TABLES}
    days = sorted({day for parts in inputs.values() for day in parts if day is not None})
    wanted = {day: digest_of(code_version(), *_digests(inputs, day)) for day in days}
    known = staging.parts(kept)
    for gone in known.keys() - wanted.keys():
        staging.drop(kept, gone)
    todo = [day for day in days if day not in known or known[day].made_from != wanted[day]]
    for some in _portions(todo, inputs):
        frame = _summed(plan, spec, inputs, some, context).filter(pl.col("day").is_in(some)).collect()
        # In an order of its own: what has a digest must not depend on how it was found.
        frame = frame.sort(column for column, kind in frame.schema.items() if not isinstance(kind, pl.List))
        by_day = frame.partition_by("day", as_dict=True)
        parts: dict[date | None, tuple[pl.DataFrame, Part]] = {}
        for day in some:
            rows = by_day.get((day,), frame.clear())
            parts[day] = (rows, Part(wanted[day], None, content_digest(rows), rows.height))
        staging.put(kept, parts)
    read = plan.window(spec, next(iter(inputs)))
    return staging.read(kept, _summed(plan, spec, inputs, [], context).collect_schema(), read)


def _summed(plan: Plan, spec: TableSpec, inputs: Inputs, days: list[date], context: Context) -> pl.LazyFrame:
    frames = {}
    for one in inputs:
        read = sorted({ahead for day in days for ahead in _read(inputs, one, day)})
        frames[one] = plan.staging.read(one, polars_schema(TABLES[one].contract), read)
    if spec.by_day_sums is None:
        raise ValueError(f"{spec.contract.__name__} is not made from sums")
    return spec.by_day_sums(frames, context)


def _read(inputs: Inputs, name: str, day: date) -> Iterator[date]:
    """Yield the days of an input that a day's sums read: of calls also later ones, that the day's executions made."""
    part = inputs[EXECUTIONS].get(day) if name == CALLS and EXECUTIONS in inputs else None
    yield from days_between(day, max(part.reads_to or day, day) if part else day)


def _digests(inputs: Inputs, day: date) -> Iterator[str | None]:
    for name, parts in inputs.items():
        for one in _read(inputs, name, day):
            yield parts[one].digest if one in parts else None


def _portions(days: list[date], inputs: Inputs) -> Iterator[list[date]]:
    portion: list[date] = []
    size = 0
    for day in days:
        portion.append(day)
        size += sum(parts[day].rows for parts in inputs.values() if day in parts)
        if size >= _ROWS_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion

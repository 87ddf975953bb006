"""Roll-ups over all of history, from sums by month: only the months that changed are summed up anew."""

from collections.abc import Callable
from datetime import date

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.collect import collect
from learning_pipeline.marts.plan import Plan, code_version
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import MONTHS, Context, Frames
from learning_pipeline.marts.staging import Part, digest_of


def build_from_months(plan: Plan, name: str, context: Context) -> None:
    """Stage a roll-up by month, unless it is made from what is there now."""
    staging, spec = plan.staging, TABLES[name]
    made_from = plan.made_from_all(spec)
    known = staging.part(name, None)
    if spec.by_month is None or (known is not None and known.made_from == made_from):
        return
    sums = _months(plan, name, spec.by_month, context)
    frame = collect(name, spec.contract, spec.compute({MONTHS: sums}, context))
    staging.put(name, {None: (frame, Part(made_from, None, content_digest(frame), frame.height))})


def _months(plan: Plan, name: str, sum_up: Callable[[Frames, Context], pl.LazyFrame], context: Context) -> pl.LazyFrame:
    """Stage the sums of each month, under a name that is no table of the database; return those of all months."""
    staging, kept = plan.staging, f"_{name}"
    given = [one for one in TABLES[name].inputs if one in TABLES]
    inputs = {one: staging.parts(one) for one in given}
    days: dict[date, list[date]] = {}
    for day in sorted({day for parts in inputs.values() for day in parts if day is not None}):
        days.setdefault(day.replace(day=1), []).append(day)
    wanted = {
        month: digest_of(
            code_version(),
            *(f"{day} {parts[day].digest}" for parts in inputs.values() for day in some if day in parts),
            *(len(parts) for parts in ([day for day in some if day in one] for one in inputs.values())),
        )
        for month, some in days.items()
    }
    known = staging.parts(kept)
    for gone in known.keys() - wanted.keys():
        staging.drop(kept, gone)

    def summed(some: list[date]) -> pl.LazyFrame:
        frames = {one: staging.read(one, polars_schema(TABLES[one].contract), some) for one in given}
        return sum_up(frames, context)

    for month, some in days.items():
        if month not in known or known[month].made_from != wanted[month]:
            frame = summed(some).collect()
            # In an order of its own: what has a digest must not depend on how it was found.
            frame = frame.sort(column for column, kind in frame.schema.items() if not isinstance(kind, pl.List))
            staging.put(kept, {month: (frame, Part(wanted[month], None, content_digest(frame), frame.height))})
    return staging.read(kept, summed([]).collect_schema())

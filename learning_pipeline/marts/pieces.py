"""Roll-ups that are kept day by day, whole or as sums: only what a change can reach is made anew.

A piece holds what lies on one day: rows of a table, or the sums of one. It is made from that day, from the days on
which its sessions or workflows are seen too (see `spread`), and from later calls that its executions made.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.collect import collect
from learning_pipeline.marts.plan import CALLS, EXECUTIONS, Plan, code_version, days_between, portions
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import SUMS, Context, TableSpec
from learning_pipeline.marts.spread import Spread, seen
from learning_pipeline.marts.staging import Part, digest_of

_ALONE = Spread(pl.DataFrame(), {}, {})


def build_pieces(plan: Plan, name: str, context: Context) -> None:
    """Stage the pieces of a roll-up that are not made from what is there now."""
    spec = TABLES[name]
    pieces = _pieces_of(plan, spec)

    def rows(frames: Mapping[str, pl.LazyFrame], days: list[date]) -> pl.DataFrame:
        found = spec.compute(frames, context)
        if spec.whole is not None and spec.whole.lies_on != "each":
            found = pieces.spread.moved(found, spec.whole)
        return collect(name, spec.contract, found.filter(pl.col("day").is_in(days)))

    pieces.stage(plan, name, rows)


def build_from_sums(plan: Plan, name: str, context: Context) -> None:
    """Stage a roll-up that is made from sums by day, unless it is made from what is there now."""
    staging, spec = plan.staging, TABLES[name]
    made_from = plan.made_from_all(spec)
    known = staging.part(name, None)
    if known is not None and known.made_from == made_from:
        return
    summed = spec.by_day_sums
    if summed is None:
        raise ValueError(f"{name} is not made from sums")
    pieces = _pieces_of(plan, spec)

    def sums(frames: Mapping[str, pl.LazyFrame], days: list[date]) -> pl.DataFrame:
        if spec.whole is not None:
            # What of a workflow was done on another day counts on the day where it lies.
            frames = {**frames, EXECUTIONS: pieces.spread.moved(frames[EXECUTIONS], spec.whole)}
        frame = summed(frames, context).filter(pl.col("day").is_in(days)).collect()
        # In an order of its own: what has a digest must not depend on how it was found.
        return frame.sort(column for column, kind in frame.schema.items() if not isinstance(kind, pl.List))

    # The name is that of no table of the database.
    pieces.stage(plan, f"_{name}", sums)
    schema = summed(pieces.read(plan, []), context).collect_schema()
    frames = plan.frames(spec) | {SUMS: staging.read(f"_{name}", schema)}
    frame = collect(name, spec.contract, spec.compute(frames, context))
    staging.put(name, {None: (frame, Part(made_from, None, content_digest(frame), frame.height))})


@dataclass(frozen=True)
class _Pieces:
    """The days of a roll-up, and what each is made from: `inputs` are the parts of each by day."""

    inputs: Mapping[str, Mapping[date | None, Part]]
    days: list[date]
    spread: Spread

    def stage(
        self, plan: Plan, name: str, made: Callable[[Mapping[str, pl.LazyFrame], list[date]], pl.DataFrame]
    ) -> None:
        """Stage the days that are missing, or made from something else than is there now; drop all others."""
        staging = plan.staging
        wanted = {day: self._made_from(day) for day in self.days}
        known = staging.parts(name)
        for gone in known.keys() - wanted.keys():
            staging.drop(name, gone)
        todo = [day for day in self.days if day not in known or known[day].made_from != wanted[day]]
        for some in portions(todo, self.inputs):
            staging.put_by_day(name, made(self.read(plan, some), some), {day: wanted[day] for day in some})

    def read(self, plan: Plan, days: list[date]) -> dict[str, pl.LazyFrame]:
        """Return the inputs of some days."""
        return {one: plan.on(one, {read for day in days for read in self._read(one, day)}) for one in self.inputs}

    def _read(self, name: str, day: date) -> Iterator[date]:
        """Yield the days of an input that a piece reads: of calls also later ones, that its executions made."""
        for one in {day} | self.spread.reaches.get(day, frozenset()):
            part = self.inputs[EXECUTIONS].get(one) if name == CALLS and EXECUTIONS in self.inputs else None
            yield from days_between(one, max(part.reads_to or one, one) if part else one)

    def _made_from(self, day: date) -> str:
        told: list[object] = [code_version(), self.spread.digests.get(day)]
        for name, parts in self.inputs.items():
            read = sorted(set(self._read(name, day)))
            told.extend(parts[one].digest if one in parts else None for one in read)
        return digest_of(*told)


def _pieces_of(plan: Plan, spec: TableSpec) -> _Pieces:
    inputs = {one: plan.parts(one) for one in spec.inputs if plan.is_by_day(one)}
    days = {day for parts in inputs.values() for day in parts if day is not None}
    spread = _ALONE
    if spec.whole is not None:
        parts, spread = seen(plan, spec.whole)
        # A session may have begun on a day that none of these inputs has.
        days |= {day for day in parts if day is not None}
    window = plan.window(spec, next(iter(inputs)))
    return _Pieces(inputs, sorted(days if window is None else days & window), spread)

"""What events of other days tell of an execution: by the execution's day, so that only days that change are built.

Commits, feedback and reverts come days later than the work that they are about (`linked`), guessed commits at most one
(`guesses`). Which executions are stuck follows from all of the lake, for only the newest event says so. A digest by day
says where any of it changed.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

import polars as pl

from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.guesses import GUESSED, Guesses
from learning_pipeline.marts.linked import FOUND, Linked, cut_by_day
from learning_pipeline.marts.newest import newest_event
from learning_pipeline.marts.outcomes import STUCK, open_ones, stuck
from learning_pipeline.marts.staging import Part

STUCK_EXECUTIONS = "stuck_executions"
SCHEMAS: dict[str, pl.Schema] = {**FOUND, **GUESSED, STUCK_EXECUTIONS: STUCK}

_OPEN = "_open_executions"

ByDay = dict[date, tuple[str, pl.DataFrame]]


class Lake(NamedTuple):
    """What is needed of the lake: the digests of its partitions, its events, its last landing."""

    digests: Mapping[str, Mapping[date, str]]
    read: Callable[..., pl.LazyFrame]  # stream, days (default all)
    landed_at: datetime | None


class Across:
    """What is told across days, found when it is asked for."""

    def __init__(self, lake: Lake, kept: Extracts, linked: Linked, guesses: Guesses, stuck_after_minutes: int) -> None:
        self._lake = lake
        self._kept = kept
        self._linked = linked
        self._guesses = guesses
        self._stuck_after = stuck_after_minutes

    def stage(self) -> None:
        """Stage what is kept of the lake, for this run and those to come."""
        self._kept.stage(_OPEN, "executions", open_ones)
        self._linked.stage()
        self._guesses.stage()

    def days(self, name: str) -> set[date]:
        """Return the days for which there is something."""
        found = self._of(name)
        return set(self._stuck) if found is None else found.days(name)

    def digest(self, name: str, day: date) -> str | None:
        """Return the digest of what there is for a day."""
        found = self._of(name)
        if found is None:
            return self._stuck[day][0] if day in self._stuck else None
        return found.digest(name, day)

    def parts(self, name: str) -> dict[date | None, Part]:
        """Return what there is by day, as if it were staged: with digest and number of rows."""
        found = self._of(name)
        if found is None:
            return {day: Part("", None, digest, rows.height) for day, (digest, rows) in self._stuck.items()}
        return found.parts(name)

    def on(self, name: str, days: Collection[date]) -> pl.LazyFrame:
        """Return what there is for some days."""
        found = self._of(name)
        if found is None:
            frames = [self._stuck[day][1] for day in sorted(days) if day in self._stuck]
            return pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=SCHEMAS[name])
        return found.on(name, days)

    def _of(self, name: str) -> Linked | Guesses | None:
        """Return who knows of it; None for the executions that are stuck."""
        return self._linked if name in FOUND else self._guesses if name in GUESSED else None

    @cached_property
    def _stuck(self) -> ByDay:
        newest = newest_event(self._lake.digests, self._lake.read, self._lake.landed_at)
        found = stuck(self._kept.of(_OPEN, "executions", open_ones), newest, self._stuck_after)
        return {day: (content_digest(rows), rows) for day, rows in cut_by_day(found).items()}

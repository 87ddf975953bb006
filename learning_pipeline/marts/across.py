"""What events of other days tell of an execution: by the execution's day, so that only days that change are built.

Commits, feedback and reverts come days later than the work that they are about (`linked`). Two things follow from all
of the lake together: guesses of commits, and which executions are stuck, for only the newest event says so. A digest by
day says where any of it changed.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.commits import ALL_LINKS, guessed_links
from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.linked import CERTAIN_LINKS, CERTAIN_SHARES, FOUND, REVERTED_COMMITS, Linked, cut_by_day
from learning_pipeline.marts.newest import TIMES, newest_event
from learning_pipeline.marts.outcomes import STUCK, open_ones, stuck
from learning_pipeline.marts.shares import COST_SHARES, cost_shares
from learning_pipeline.marts.staging import Part, digest_of

GUESSED_LINKS, GUESSED_SHARES, STUCK_EXECUTIONS = "guessed_links", "guessed_shares", "stuck_executions"
SCHEMAS: dict[str, pl.Schema] = {
    **FOUND,
    GUESSED_LINKS: ALL_LINKS,
    GUESSED_SHARES: COST_SHARES,
    STUCK_EXECUTIONS: STUCK,
}

_OPEN = "_open_executions"

ByDay = dict[date, tuple[str, pl.DataFrame]]


class Lake(NamedTuple):
    """What is needed of the lake: where it is, the digests of its partitions, its events, its last landing."""

    home: Path
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[..., pl.LazyFrame]  # stream, days (default all)
    landed_at: datetime | None


class Across:
    """What is told across days, found when it is asked for."""

    def __init__(self, lake: Lake, kept: Extracts, linked: Linked, stuck_after_minutes: int) -> None:
        self._lake = lake
        self._kept = kept
        self._linked = linked
        self._stuck_after = stuck_after_minutes
        self._found: dict[str, ByDay] = {}

    def stage(self) -> None:
        """Stage what is kept of the lake, for this run and those to come."""
        self._kept.stage(_OPEN, "executions", open_ones)
        self._linked.stage()

    def days(self, name: str) -> set[date]:
        """Return the days for which there is something."""
        return self._linked.days(name) if name in FOUND else set(self._by_day(name))

    def digest(self, name: str, day: date) -> str | None:
        """Return the digest of what there is for a day."""
        if name in FOUND:
            return self._linked.digest(name, day)
        found = self._by_day(name).get(day)
        return found[0] if found else None

    def parts(self, name: str) -> dict[date | None, Part]:
        """Return what there is by day, as if it were staged: with digest and number of rows."""
        if name in FOUND:
            return self._linked.staging.parts(name)
        return {day: Part("", None, digest, rows.height) for day, (digest, rows) in self._by_day(name).items()}

    def on(self, name: str, days: Collection[date]) -> pl.LazyFrame:
        """Return what there is for some days."""
        if name in FOUND:
            return self._linked.on(name, days)
        known = self._by_day(name)
        frames = [known[day][1] for day in sorted(days) if day in known]
        return pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=SCHEMAS[name])

    def _by_day(self, name: str) -> ByDay:
        if name not in self._found:
            digests = [sorted(self._lake.digests[stream].items()) for stream in TIMES]
            version = digest_of(self._stuck_after, *digests)
            home = str(self._lake.home)
            if _KNOWN.get((home, name), ("",))[0] != version:
                for other in [key for key in _KNOWN if key[0] != home]:
                    del _KNOWN[other]
                cut = {day: (content_digest(rows), rows) for day, rows in cut_by_day(self._find(name)).items()}
                _KNOWN[home, name] = (version, cut)
            self._found[name] = _KNOWN[home, name][1]
        return self._found[name]

    def _find(self, name: str) -> pl.DataFrame:
        read, linked = self._lake.read, self._linked
        if name == GUESSED_LINKS:
            back = linked.on(REVERTED_COMMITS).collect()
            return guessed_links(linked.unlinked, read("executions"), linked.on(CERTAIN_LINKS), back)
        if name == GUESSED_SHARES:
            guessed = [rows for _, rows in self._by_day(GUESSED_LINKS).values()]
            settled = linked.on(CERTAIN_SHARES).select("execution_id").unique()
            others = read("executions").join(settled, on="execution_id", how="anti")
            return cost_shares(pl.concat(guessed), others) if guessed else COST_SHARES.to_frame()
        newest = newest_event(self._lake.digests, read, self._lake.landed_at)
        return stuck(self._kept.of(_OPEN, "executions", open_ones), newest, self._stuck_after)


# What was found last, by home and name, with the version of its inputs: tables that are built one by one share it.
_KNOWN: dict[tuple[str, str], tuple[str, ByDay]] = {}

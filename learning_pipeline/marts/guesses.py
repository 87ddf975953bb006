"""Guesses of commits, and to whom the cost of guessed work goes, by the execution's day.

A guess is of work that began on the commit's day or the day before (`session_links.by_branch_and_time`), so what a day
holds follows from that day and its neighbour. It is staged with what it was made from: only what changed is made again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts import ties
from learning_pipeline.marts.commits import ALL_LINKS, guessed_links
from learning_pipeline.marts.extracts import some_at_once
from learning_pipeline.marts.linked import CERTAIN_LINKS, CERTAIN_SHARES, REVERTED_COMMITS, Linked
from learning_pipeline.marts.shares import COST_SHARES, cost_shares
from learning_pipeline.marts.staging import Part, Staging, digest_of

GUESSED_LINKS, GUESSED_SHARES = "guessed_links", "guessed_shares"
# The shares follow from the links.
GUESSED: dict[str, pl.Schema] = {GUESSED_LINKS: ALL_LINKS, GUESSED_SHARES: COST_SHARES}
_DAY = timedelta(days=1)
_WORK = "executions"


@dataclass
class Guesses:
    """The guesses of a lake; who only looks does not `stage`.

    read: returns the events of a stream on some days.
    linked: all that is certain.
    version: of the code that guesses.
    """

    staging: Staging
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[[str, list[date]], pl.LazyFrame]
    linked: Linked
    version: str
    # By name: what each day is made from now, the rows of days that are not staged like that, and all that there is.
    _wanted: dict[str, dict[date, str]] = field(default_factory=dict)
    _fresh: dict[str, dict[date, pl.DataFrame]] = field(default_factory=dict)
    _parts: dict[str, dict[date | None, Part]] = field(default_factory=dict)

    def stage(self) -> None:
        """Stage what is guessed, for this run and those to come."""
        for name in GUESSED:
            wanted = self._wanted_of(name)
            for gone in self.staging.parts(name).keys() - wanted.keys():
                self.staging.drop(name, gone)
            for some in some_at_once(self._changed(name)):
                self.staging.put_by_day(name, self._made(name, some), {day: wanted[day] for day in some})
            self._fresh[name] = {}
            self._parts.pop(name, None)

    def days(self, name: str) -> set[date]:
        """Return the days for which there is something."""
        return {day for day in self.parts(name) if day is not None}

    def digest(self, name: str, day: date) -> str | None:
        """Return the digest of what there is for a day."""
        part = self.parts(name).get(day)
        return part.digest if part else None

    def parts(self, name: str) -> dict[date | None, Part]:
        """Return what there is by day, with digest and number of rows."""
        if name not in self._parts:
            staged = {day: part for day, part in self.staging.parts(name).items() if day in self._wanted_of(name)}
            new = {day: Part("", None, content_digest(rows), rows.height) for day, rows in self._fresh_of(name).items()}
            self._parts[name] = {day: part for day, part in (staged | new).items() if part.rows}
        return self._parts[name]

    def on(self, name: str, days: Collection[date]) -> pl.LazyFrame:
        """Return what there is for some days."""
        fresh = self._fresh_of(name)
        wanted = self._wanted_of(name).keys() & set(days)
        staged = self.staging.read(name, GUESSED[name], wanted - fresh.keys())
        return pl.concat([staged, *(fresh[day].lazy() for day in sorted(wanted & fresh.keys()))])

    def _fresh_of(self, name: str) -> dict[date, pl.DataFrame]:
        if name not in self._fresh:
            self._fresh[name] = {}
            for some in some_at_once(self._changed(name)):
                by_day = self._made(name, some).partition_by("day", as_dict=True)
                self._fresh[name] |= {day: by_day.get((day,), GUESSED[name].to_frame()) for day in some}
        return self._fresh[name]

    def _changed(self, name: str) -> list[date]:
        known = self.staging.parts(name)
        wanted = self._wanted_of(name)
        return sorted(day for day in wanted if day not in known or known[day].made_from != wanted[day])

    def _wanted_of(self, name: str) -> dict[date, str]:
        if name not in self._wanted:
            asked = self._asked if name == GUESSED_LINKS else {}
            certain = CERTAIN_LINKS if name == GUESSED_LINKS else CERTAIN_SHARES
            found = {}
            for day in self._days_asked(name):
                made_from: list[object] = [self.version, ties.way()]
                for one in _beside(name, day):
                    made_from += [self.digests[_WORK].get(one), self.linked.digest(certain, one), asked.get(one)]
                    made_from.append(self.digest(GUESSED_LINKS, one) if name == GUESSED_SHARES else None)
                found[day] = digest_of(*made_from)
            self._wanted[name] = found
        return self._wanted[name]

    def _days_asked(self, name: str) -> Iterator[date]:
        """Yield the days on which there may be something: with executions, and with something to guess from beside."""
        told = self._asked.keys() if name == GUESSED_LINKS else self.days(GUESSED_LINKS)
        for day in sorted(self.digests[_WORK]):
            if any(one in told for one in _beside(name, day)):
                yield day

    @cached_property
    def _asked(self) -> dict[date, str]:
        """A digest of the commits of each day for which is guessed, and of whether they were taken back."""
        back = pl.col("commit").is_in(self._taken_back["commit"].implode())
        commits = self.linked.unlinked.select(pl.all(), back.alias("back"), day=pl.col("occurred_at").dt.date())
        numbers = commits.select("day", number=commits.hash_rows()).group_by("day").agg(pl.len(), pl.sum("number"))
        return {day: f"{rows} {number}" for day, rows, number in numbers.iter_rows()}

    @cached_property
    def _taken_back(self) -> pl.DataFrame:
        return self.linked.on(REVERTED_COMMITS).collect()

    def _made(self, name: str, days: list[date]) -> pl.DataFrame:
        beside = sorted({one for day in days for one in _beside(name, day)})
        executions = self.read(_WORK, beside)
        if name == GUESSED_LINKS:
            commits = self.linked.unlinked.filter(pl.col("occurred_at").dt.date().is_in(beside))
            found = guessed_links(commits, executions, self.linked.on(CERTAIN_LINKS, beside), self._taken_back)
        else:
            settled = self.linked.on(CERTAIN_SHARES, beside).select("execution_id").unique()
            others = executions.join(settled, on="execution_id", how="anti")
            found = cost_shares(self.on(GUESSED_LINKS, beside).collect(), others, within_days=1)
            found = found.sort("day", "execution_id", "place")
        return found.filter(pl.col("day").is_in(days))


def _beside(name: str, day: date) -> tuple[date, date]:
    """Return the days that a day follows from: commits come after the work, sub-agents after who started them."""
    return (day, day + _DAY) if name == GUESSED_LINKS else (day - _DAY, day)

"""Links of commits, and evidence by feedback and git, by day: of a change only what it can reach is found again.

Commits and feedback come days later than the work that they are about, so what a day holds follows from events of any
other. What is found is staged, and so are the ties that it follows from. Where partitions of the lake change, their
ties of before and of now lead to all that can become another (see `ties`): that is found anew, everything else stays.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts import ties
from learning_pipeline.marts.commits import (
    ALL_LINKS,
    LINKS,
    certain_links,
    sure_links,
    telling_calls,
    telling_events,
    unlinked,
)
from learning_pipeline.marts.extracts import Extracts, Picked, some_at_once
from learning_pipeline.marts.outcomes import EVIDENCE, feedback_evidence, git_evidence
from learning_pipeline.marts.pull_requests import telling_executions
from learning_pipeline.marts.reverts import TAKEN_BACK, reverting, taken_back
from learning_pipeline.marts.session_links import GUESSABLE
from learning_pipeline.marts.shares import COST_SHARES, cost_shares
from learning_pipeline.marts.staging import Part, Staging, digest_of
from learning_pipeline.marts.ties import TIES, WORKS, is_in, of, of_commit

CERTAIN_LINKS, COMMIT_LINKS, OUTCOME_EVIDENCE = "certain_links", "commit_links", "outcome_evidence"
CERTAIN_SHARES, REVERTED_COMMITS = "certain_shares", "reverted_commits"
FOUND: dict[str, pl.Schema] = {
    CERTAIN_LINKS: ALL_LINKS,
    COMMIT_LINKS: LINKS,
    OUTCOME_EVIDENCE: EVIDENCE,
    CERTAIN_SHARES: COST_SHARES,
    REVERTED_COMMITS: TAKEN_BACK,
}

STREAMS = ("executions", "tool_calls", "git_events", "feedback")
_TIES, _WORKS, _REVERTS = "_ties", "_works", "_reverts"
# What is kept in one piece; the last is the record of all the rest.
_UNLINKED, _RECORD = "_unlinked", "_linked"
_RECORDED = pl.Schema({"name": pl.String(), "day": pl.Date(), "digest": pl.String()})

# Beyond this share of all days, finding everything is as fast.
_MOST_CHANGED = 0.5
_Numbered = dict[str, pl.DataFrame]


class Found(NamedTuple):
    """What is to be staged: by name and day, with empty frames for days that have nothing now, and in one piece."""

    days: Mapping[str, Mapping[date, pl.DataFrame]]
    unlinked: pl.DataFrame
    numbered: _Numbered | None  # ties and works of the days that changed; None where everything was found


@dataclass
class Linked:
    """Links and evidence of a lake; who only looks does not `stage`.

    read: returns the events of a stream, on some days or on all.
    reverts: what is kept of events that revert.
    version: of the code that finds them.
    """

    staging: Staging
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[..., pl.LazyFrame]
    reverts: Extracts
    version: str

    def stage(self) -> None:
        """Stage what is found, for this run and those to come.

        The record comes last: a run that is killed before leaves one that does not fit, and everything is found anew.
        """
        self.reverts.stage(_REVERTS, "git_events", reverting)
        found, staging = self._found, self.staging
        if found is None:
            return
        for name in FOUND:
            for gone in staging.parts(name).keys() - self.days(name):
                staging.drop(name, gone)
            staging.put(name, {day: (rows, _part(rows)) for day, rows in found.days[name].items() if rows.height})
        staging.put(_UNLINKED, {None: (found.unlinked, _part(found.unlinked))})
        for name in (_TIES, _WORKS):
            for gone in staging.parts(name).keys() - self._wanted.keys():
                staging.drop(name, gone)
        for some in some_at_once(self._changed):
            for name, frame in (found.numbered or self._numbered(some)).items():
                staging.put_by_day(
                    name, frame.filter(pl.col("day").is_in(some)), {day: self._wanted[day] for day in some}
                )
        record = self._staged()
        staging.put(_RECORD, {None: (record, _part(record, self._way))})
        self._found = None

    def days(self, name: str) -> set[date]:
        """Return the days for which there is something."""
        staged = {day for day in self.staging.parts(name) if day is not None}
        if self._found is None:
            return staged
        now = self._found.days[name]
        kept = staged - now.keys() if self._found.numbered is not None else set()
        return kept | {day for day, rows in now.items() if rows.height}

    def parts(self, name: str) -> dict[date | None, Part]:
        """Return what is staged, by day."""
        return self.staging.parts(name)

    def digest(self, name: str, day: date) -> str | None:
        """Return the digest of what there is for a day."""
        if self._found is None or (self._found.numbered is not None and day not in self._found.days[name]):
            part = self.staging.part(name, day)
            return part.digest if part else None
        rows = self._found.days[name].get(day)
        return content_digest(rows) if rows is not None and rows.height else None

    def on(self, name: str, days: Collection[date] | None = None) -> pl.LazyFrame:
        """Return what there is for some days, default all."""
        wanted = self.days(name) if days is None else self.days(name) & set(days)
        now = self._found.days[name] if self._found is not None else {}
        staged = self.staging.read(name, FOUND[name], wanted - now.keys())
        return pl.concat([staged, *(now[day].lazy() for day in sorted(wanted & now.keys()))])

    @property
    def unlinked(self) -> pl.DataFrame:
        """Events of commits that nothing links to an execution."""
        return self._found.unlinked if self._found else self.staging.read(_UNLINKED, GUESSABLE).collect()

    @cached_property
    def _way(self) -> str:
        return digest_of(self.version, ties.way())

    @cached_property
    def _wanted(self) -> dict[date, str]:
        """What the ties of each day are made from now."""
        days = sorted({day for stream in STREAMS for day in self.digests[stream]})
        return {day: digest_of(self._way, *(self.digests[stream].get(day) for stream in STREAMS)) for day in days}

    @cached_property
    def _changed(self) -> list[date]:
        known = self.staging.parts(_TIES)
        return [day for day, made_from in self._wanted.items() if day not in known or known[day].made_from != made_from]

    def _staged(self) -> pl.DataFrame:
        """Return what is staged, in the form of the record."""
        names = (_TIES, _WORKS, *FOUND, _UNLINKED)
        rows = [(name, day, part.digest) for name in names for day, part in self.staging.parts(name).items()]
        return pl.DataFrame(rows, schema=_RECORDED, orient="row").sort("name", "day")

    def _fits(self) -> bool:
        """Say whether what is staged is what was found last, all of it, by the code of today."""
        part = self.staging.part(_RECORD, None)
        if part is None or part.made_from != self._way:
            return False
        return self.staging.read(_RECORD, _RECORDED).collect().equals(self._staged())

    @cached_property
    def _found(self) -> Found | None:
        """What differs from what is staged; None where nothing of the lake has changed."""
        if not self._fits():
            return self._everything()
        gone = [day for day in self.staging.parts(_TIES) if day is not None and day not in self._wanted]
        if not self._changed and not gone:
            return None
        if len(self._changed) + len(gone) > _MOST_CHANGED * len(self._wanted):
            return self._everything()
        return self._reached({*self._changed, *gone})

    def _everything(self) -> Found:
        said = self._gathered("tool_calls", telling_calls)
        events = self._gathered("git_events", telling_events)
        pulls = self._gathered("executions", telling_executions)
        executions, back = self.read("executions"), self._taken_back()
        links = certain_links(executions, said, events, pulls, back)
        by_feedback = feedback_evidence(executions, self.read("feedback"))
        days = _by_day(links, by_feedback, cost_shares(links, executions), back)
        return Found(days, unlinked(events, links).sort(GUESSABLE.names()), None)

    def _reached(self, changed: set[date]) -> Found:
        staging, back = self.staging, self._taken_back()
        new = self._numbered(self._changed)
        tied = pl.concat([staging.read(_TIES, TIES).collect(), new[_TIES]])
        works = pl.concat([staging.read(_WORKS, WORKS), new[_WORKS].lazy()])
        of_changed = pl.col("day").is_in(sorted(changed))
        turned = _differing(staging.read(REVERTED_COMMITS, TAKEN_BACK).collect(), back)
        seeds = [tied.filter(of_changed), works.filter(of_changed).collect(), turned.select(number=of_commit())]
        reach = ties.reached(tied, works, pl.concat(some for frame in seeds for some in _numbers(frame)))
        tied = tied.filter(is_in(pl.col("one"), reach))
        mine = pl.any_horizontal(is_in(pl.col(name), reach) for name in ("execution", "session", "correlation"))
        at_work = works.filter(mine).select(pl.col("day").unique()).collect()["day"].to_list()

        def within(stream: str, *keys: pl.Expr, picked: Picked = pl.LazyFrame.lazy) -> pl.DataFrame:
            days = at_work if stream == "executions" else tied.filter(pl.col("stream") == stream)["day"].unique()
            reached = pl.any_horizontal(is_in(key, reach) for key in keys)
            return picked(self.read(stream, sorted(days))).filter(reached).collect()

        session, execution = of("session_id"), of("execution_id")
        executions = within("executions", session, execution, of("correlation_id")).lazy()
        said = within("tool_calls", execution, picked=telling_calls)
        events = within("git_events", of_commit(), session, picked=telling_events)
        links = certain_links(executions, said, events, telling_executions(executions).collect(), back)
        by_feedback = feedback_evidence(executions, within("feedback", of("feedback_id")).lazy())

        def kept(name: str, stays: pl.Expr) -> pl.DataFrame:
            return staging.read(name, FOUND[name], days).filter(stays).collect()

        stays = ~is_in(of_commit(), reach)
        days = {UNDATED, *at_work, *tied["day"], *links["day"], *by_feedback["day"]}
        judged = (pl.col("outcome_source") == "feedback") & ~is_in(of("evidence", "feedback"), reach)
        found = _by_day(
            pl.concat([kept(CERTAIN_LINKS, stays), links]),
            pl.concat([kept(OUTCOME_EVIDENCE, judged), by_feedback]),
            pl.concat([kept(CERTAIN_SHARES, stays), cost_shares(links, executions)]),
            back,
            days,
        )
        # All of it is found each time.
        nothing = {day: back.clear() for day in staging.parts(REVERTED_COMMITS) if day is not None}
        found[REVERTED_COMMITS] = nothing | found[REVERTED_COMMITS]
        kept_apart = staging.read(_UNLINKED, GUESSABLE).filter(stays).collect()
        return Found(found, pl.concat([kept_apart, unlinked(events, links)]).sort(GUESSABLE.names()), new)

    def _taken_back(self) -> pl.DataFrame:
        return taken_back(self.reverts.of(_REVERTS, "git_events", reverting), self.read("git_events"))

    def _gathered(self, stream: str, picked: Picked) -> pl.DataFrame:
        """Return what is picked of all events, of some days at a time: it bounds the memory."""
        days = sorted(self.digests[stream])
        found = [picked(self.read(stream, some)).collect() for some in some_at_once(days)]
        return pl.concat(found) if found else picked(self.read(stream, [])).collect()

    def _numbered(self, days: list[date]) -> _Numbered:
        """Return the ties and works of some days."""
        read = self.read
        executions = read("executions", days)
        tied = ties.ties(
            executions,
            telling_calls(read("tool_calls", days)).collect(),
            telling_events(read("git_events", days)).collect(),
            telling_executions(executions).collect(),
            read("feedback", days),
        )
        return {_TIES: tied, _WORKS: ties.works(executions)}


def _by_day(
    links: pl.DataFrame, by_feedback: pl.DataFrame, shares: pl.DataFrame, back: pl.DataFrame, days: Iterable[date] = ()
) -> dict[str, dict[date, pl.DataFrame]]:
    """Cut all that is found by day; `days` are those that have to be there."""
    found = {
        CERTAIN_LINKS: links,
        COMMIT_LINKS: sure_links(links),
        OUTCOME_EVIDENCE: pl.concat([by_feedback, git_evidence(links, back)]),
        CERTAIN_SHARES: shares,
        REVERTED_COMMITS: back,
    }
    nothing = {name: dict.fromkeys(days, FOUND[name].to_frame()) for name in FOUND}
    return {name: nothing[name] | cut_by_day(frame) for name, frame in found.items()}


def cut_by_day(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """Cut a frame by day, in an order that does not depend on how it was found."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    frame = frame.sort(name for name in frame.columns if name not in lists)
    return {day: part for (day,), part in frame.group_by("day", maintain_order=True)}


def _part(rows: pl.DataFrame, made_from: str = "") -> Part:
    return Part(made_from, None, content_digest(rows), rows.height)


def _numbers(rows: pl.DataFrame) -> list[pl.Series]:
    return [rows[name].drop_nulls().rename("number") for name, kind in rows.schema.items() if kind == pl.UInt64()]


def _differing(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that only one of two frames has."""
    one = before.join(now, on=before.columns, how="anti", nulls_equal=True)
    return pl.concat([one, now.join(before, on=before.columns, how="anti", nulls_equal=True)])

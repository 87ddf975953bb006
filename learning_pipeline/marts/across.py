"""What events of other days tell of an execution: by the execution's day, so that only days that change are built.

Commits, feedback and reverts come days later than the work that they are about, and only the newest event says
what is stuck. Each is found for the whole lake at once; a digest by day says where it changed.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts.commits import ALL_LINKS, LINKS, all_links, sure_links, telling_calls, telling_events
from learning_pipeline.marts.extracts import Extracts, Picked
from learning_pipeline.marts.newest import TIMES, newest_event
from learning_pipeline.marts.outcomes import EVIDENCE, STUCK, feedback_evidence, git_evidence, open_ones, stuck
from learning_pipeline.marts.pull_requests import telling_executions
from learning_pipeline.marts.staging import digest_of

ALL_COMMIT_LINKS, COMMIT_LINKS = "all_commit_links", "commit_links"
OUTCOME_EVIDENCE, STUCK_EXECUTIONS = "outcome_evidence", "stuck_executions"
SCHEMAS: dict[str, pl.Schema] = {
    ALL_COMMIT_LINKS: ALL_LINKS,
    COMMIT_LINKS: LINKS,
    OUTCOME_EVIDENCE: EVIDENCE,
    STUCK_EXECUTIONS: STUCK,
}

_LINKED = ("executions", "tool_calls", "git_events")
# Streams that each is made from.
_STREAMS: dict[str, tuple[str, ...]] = {
    ALL_COMMIT_LINKS: _LINKED,
    COMMIT_LINKS: _LINKED,
    OUTCOME_EVIDENCE: (*_LINKED, "feedback"),
    STUCK_EXECUTIONS: tuple(TIMES),
}

# What is kept of streams, by name: the rows that tell of other days.
_KEPT: dict[str, tuple[str, Picked]] = {
    "_telling_calls": ("tool_calls", telling_calls),
    "_telling_events": ("git_events", telling_events),
    "_telling_executions": ("executions", telling_executions),
    "_open_executions": ("executions", open_ones),
}

ByDay = dict[date, tuple[str, pl.DataFrame]]


class Lake(NamedTuple):
    """What is needed of the lake: where it is, the digests of its partitions, its events, its last landing."""

    home: Path
    digests: Mapping[str, Mapping[date, str]]
    read: Callable[..., pl.LazyFrame]  # stream, days (default all)
    landed_at: datetime | None


class Across:
    """What is told across days, found when it is asked for."""

    def __init__(self, lake: Lake, kept: Extracts, stuck_after_minutes: int) -> None:
        self._lake = lake
        self._kept = kept
        self._stuck_after = stuck_after_minutes
        self._found: dict[str, ByDay] = {}

    def stage(self) -> None:
        """Stage what is kept of the lake, for this run and those to come."""
        for name, (stream, picked) in _KEPT.items():
            self._kept.stage(name, stream, picked)

    def by_day(self, name: str) -> ByDay:
        """Return frame and digest of each of the executions' days that has something."""
        if name not in self._found:
            self._found[name] = self._shared(name)
        return self._found[name]

    def _shared(self, name: str) -> ByDay:
        versions = [sorted(self._lake.digests[stream].items()) for stream in _STREAMS[name]]
        version = digest_of(self._stuck_after, *versions)
        home = str(self._lake.home)
        if _KNOWN.get((home, name), ("",))[0] != version:
            for other in [key for key in _KNOWN if key[0] != home]:
                del _KNOWN[other]
            _KNOWN[home, name] = (version, _cut(self._find(name)))
        return _KNOWN[home, name][1]

    def days(self, name: str) -> set[date]:
        """Return the days for which there is something."""
        return set(self.by_day(name))

    def digest(self, name: str, day: date) -> str | None:
        """Return the digest of what there is for a day."""
        found = self.by_day(name).get(day)
        return found[0] if found else None

    def on(self, name: str, days: list[date]) -> pl.LazyFrame:
        """Return what there is for some days."""
        known = self.by_day(name)
        frames = [known[day][1] for day in days if day in known]
        return pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=SCHEMAS[name])

    def _find(self, name: str) -> pl.DataFrame:
        read, digests = self._lake.read, self._lake.digests
        if name == ALL_COMMIT_LINKS:
            told = (self._extract(one) for one in ("_telling_calls", "_telling_events", "_telling_executions"))
            return all_links(read("executions"), *told)
        if name == COMMIT_LINKS:
            every = [frame for _, frame in self.by_day(ALL_COMMIT_LINKS).values()]
            return sure_links(pl.concat(every)) if every else pl.DataFrame(schema=LINKS)
        if name == OUTCOME_EVIDENCE:
            links = [frame for _, frame in self.by_day(ALL_COMMIT_LINKS).values()]
            git = git_evidence(pl.concat(links), read("git_events")) if links else pl.DataFrame(schema=EVIDENCE)
            return pl.concat([feedback_evidence(read("executions"), read("feedback")), git])
        newest = newest_event(digests, read, self._lake.landed_at)
        return stuck(self._extract("_open_executions"), newest, self._stuck_after)

    def _extract(self, name: str) -> pl.DataFrame:
        return self._kept.of(name, *_KEPT[name])


# What was found last, by home and name, with the version of its inputs: tables that are built one by one share it.
_KNOWN: dict[tuple[str, str], tuple[str, ByDay]] = {}


def _cut(frame: pl.DataFrame) -> ByDay:
    """Cut a frame by day, in an order that does not depend on how it was found."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    frame = frame.sort(name for name in frame.columns if name not in lists)
    return {day: (content_digest(part), part) for (day,), part in frame.group_by("day", maintain_order=True)}

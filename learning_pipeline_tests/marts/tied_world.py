"""A small world in which commits, sessions, executions and feedback of all days name each other."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts import linked
from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.linked import Linked
from learning_pipeline.marts.staging import Staging
from learning_pipeline_tests.factories import NOON, events

DAYS = 8
Row = dict[str, Any]
Frames = dict[tuple[str, date], pl.DataFrame]


class Made:
    """Rows of a small world in which commits, sessions and feedback of all days name each other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def day(self, stream: str, day: date) -> pl.DataFrame:
        """Return other rows of a partition at each call. An execution is on one day only, as in the lake."""
        place = DAYS if day == UNDATED else (day - NOON.date()).days
        rows = [self._row(stream, place * 8 + number, day) for number in self.rng.sample(range(8), self._under(7))]
        return events(stream, [row | {"day": day} for row in rows])

    def _row(self, stream: str, number: int, day: date) -> Row:
        at = None if day == UNDATED else datetime.combine(day, NOON.timetz()) + timedelta(minutes=self._under(600))
        name = f"e{number}" if stream == "executions" else f"{stream}{number}"
        return getattr(self, f"_{stream}")(name, at)

    def _under(self, count: int) -> int:
        return self.rng.randrange(count)

    def _some(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def _sha(self) -> str:
        # Some begin alike, and a longer abbreviation tells them apart, or only the whole.
        return f"{self._under(25):07d}" + self._some("a" * 33, "a" * 33, "b" * 33, "ab" * 16 + "c")

    def _session(self) -> str | None:
        return self._some(None, *(f"s{n}" for n in range(12)))

    def _executions(self, name: str, at: datetime | None) -> Row:
        pull = {"pull_request": [{"repository": "me/repo", "number": self._under(4)}]}
        return {
            "execution_id": name,
            "session_id": self._session(),
            "correlation_id": self._some(None, None, *(f"q{n}" for n in range(6))),
            "parent_execution_id": f"e{self._under(8 * DAYS)}" if self._under(4) == 0 else None,
            "agent_name": self._some("alpha", "beta"),
            "repository": self._some("repo", "repo", None),
            "branch": self._some("main", "other", None),
            "started_at": at,
            "ended_at": at and at + timedelta(minutes=self._under(90)),
            "attributes": json.dumps(pull) if self._under(6) == 0 else None,
        }

    def _tool_calls(self, name: str, at: datetime | None) -> Row:
        prefix = self._sha()[: self._some(7, 8, 10, 40)] if self._under(2) else None
        return {
            "tool_call_id": name,
            "execution_id": f"e{self._under(8 * DAYS)}",
            "commit_prefix": prefix,
            "started_at": at,
        }

    def _git_events(self, name: str, at: datetime | None) -> Row:
        kind = self._some("commit", "commit", "commit", "note", "push", "merge")
        told: Row = {"checkpoint": f"k{self._under(8)}"} if self._under(3) == 0 else {}
        if told and kind != "note" and self._under(2):
            told["checkpoints"] = [told["checkpoint"], f"k{self._under(8)}"]
        if self._under(8) == 0:
            told["reverts_prefix"] = self._sha()[:9]
        subject = self._some(f"change {self._under(9)}", f"words (#{self._under(4)})")
        return {
            "event_id": name,
            "event_type": kind,
            "commit": None if self._under(9) == 0 else self._sha(),
            "session_id": self._session() if self._under(3) == 0 else None,
            "occurred_at": at,
            "repository": self._some("repo", "repo", None),
            "branch": self._some("main", "other", None),
            "co_authored_agent": self._some(None, "alpha"),
            "subject": f'Revert "{subject}"' if self._under(7) == 0 else subject,
            "reverts_commit": self._sha() if self._under(9) == 0 else None,
            "attributes": json.dumps(told) if told else None,
        }

    def _feedback(self, name: str, at: datetime | None) -> Row:
        return {
            "feedback_id": name,
            "execution_id": self._some(None, f"e{self._under(8 * DAYS)}"),
            "correlation_id": self._some(None, f"q{self._under(6)}"),
            "session_id": self._session(),
            "given_at": at,
            "rating": float(1 + self._under(5)),
        }


class Lake:
    """Partitions in memory."""

    def __init__(self) -> None:
        self.frames: Frames = {}

    def read(self, stream: str, days: Iterable[date] | None = None) -> pl.LazyFrame:
        wanted = {day for of, day in self.frames if of == stream}
        found = [self.frames[stream, day] for day in sorted(wanted if days is None else wanted & set(days))]
        return pl.concat([pl.DataFrame(schema=polars_schema(STREAMS[stream])), *found]).lazy()

    def linked(self, folder: Path, version: str = "one") -> Linked:
        digests: dict[str, dict[date, str]] = defaultdict(dict)
        for (stream, day), frame in self.frames.items():
            digests[stream][day] = content_digest(frame)
        staging = Staging(folder)
        return Linked(staging, digests, self.read, Extracts(staging, digests, self.read, version), version)


def small_world() -> Lake:
    """Return a lake with one telling of each day."""
    lake, made = Lake(), Made(random.Random(3))
    for stream in linked.STREAMS:
        for n in range(DAYS):
            day = NOON.date() + timedelta(days=n)
            lake.frames[stream, day] = made.day(stream, day)
    return lake

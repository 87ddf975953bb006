"""What is found again of a change, and what is kept, is together what is found from nothing."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.store import content_digest
from learning_pipeline.marts import linked
from learning_pipeline.marts.extracts import Extracts
from learning_pipeline.marts.linked import FOUND, Linked
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


def all_of(found: Linked) -> dict[str, pl.DataFrame]:
    """Return all that is found, by day and in order, with the rows of commits that nothing links."""
    days = {name: pl.concat([schema.to_frame(), found.on(name).collect()]) for name, schema in FOUND.items()}
    for name in FOUND:
        assert set(days[name]["day"]) == found.days(name)
        assert all(found.digest(name, day) is not None for day in found.days(name))
    return {name: frame.sort("day", maintain_order=True) for name, frame in days.items()} | {"unlinked": found.unlinked}


def digests_of(found: Linked) -> dict[tuple[str, date], str | None]:
    return {(name, day): found.digest(name, day) for name in FOUND for day in found.days(name)}


_CHANGE = st.tuples(st.sampled_from(linked.STREAMS), st.sampled_from([*range(DAYS), None]), st.booleans())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), nights=st.lists(st.lists(_CHANGE, min_size=1, max_size=3), max_size=5))
def test_what_a_change_cannot_reach_stays(
    tmp_path_factory: pytest.TempPathFactory, seed: int, nights: list[list[tuple[str, int | None, bool]]]
) -> None:
    folder, lake, made = tmp_path_factory.mktemp("linked"), Lake(), Made(random.Random(seed))
    days = [NOON.date() + timedelta(days=n) for n in range(DAYS)]
    for stream in linked.STREAMS:
        for day in [*days, UNDATED]:
            lake.frames[stream, day] = made.day(stream, day)
    lake.linked(folder / "kept").stage()
    for number, night in enumerate(nights):
        for stream, place, is_gone in night:
            day = UNDATED if place is None else days[place]
            lake.frames.pop((stream, day), None)
            if not is_gone:
                lake.frames[stream, day] = made.day(stream, day)
        looks, stays = lake.linked(folder / "kept"), lake.linked(folder / "kept")
        fresh = lake.linked(folder / f"fresh{number}")
        seen, seen_digests = all_of(looks), digests_of(looks)
        stays.stage()
        fresh.stage()
        expected = all_of(fresh)
        for name, frame in all_of(stays).items():
            assert_frame_equal(frame, expected[name])
            assert_frame_equal(seen[name], expected[name])
        assert digests_of(stays) == digests_of(fresh) == seen_digests


def small_world() -> Lake:
    lake, made = Lake(), Made(random.Random(3))
    for stream in linked.STREAMS:
        for n in range(DAYS):
            day = NOON.date() + timedelta(days=n)
            lake.frames[stream, day] = made.day(stream, day)
    return lake


def test_days_that_nothing_leads_to_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, day = Lake(), NOON.date()
    for n in range(DAYS):
        at = NOON + timedelta(days=n)
        work = {"execution_id": f"e{n}", "session_id": f"s{n // 2}", "started_at": at}
        made = {"event_id": f"g{n}", "commit": f"{n:07d}" + "a" * 33, "session_id": f"s{n // 2}", "occurred_at": at}
        lake.frames["executions", at.date()] = events("executions", [work])
        lake.frames["git_events", at.date()] = events("git_events", [made])
    lake.linked(tmp_path).stage()
    asked: set[date] = set()
    late = {"event_id": "late", "commit": "f" * 40, "session_id": "s1", "occurred_at": NOON, "day": day}
    lake.frames["git_events", day] = pl.concat([lake.frames["git_events", day], events("git_events", [late])])
    found = lake.linked(tmp_path)
    read = lake.read
    found.read = lambda stream, days=None: asked.update(days or []) or read(stream, days)
    found.stage()
    # Its own day and what was there tied to, and both days of the session that it names.
    assert {(at - day).days for at in asked if at != UNDATED} == {0, 1, 2, 3}


def test_a_revert_turns_what_was_said_of_days_long_ago(tmp_path: Path) -> None:
    lake, commit = Lake(), "a" * 40
    for n in range(DAYS):
        at = NOON + timedelta(days=n)
        work = {"execution_id": f"e{n}", "session_id": f"s{n}", "started_at": at}
        made = {"event_id": f"g{n}", "commit": f"{n}" * 40 if n else commit, "session_id": f"s{n}", "occurred_at": at}
        lake.frames["executions", at.date()] = events("executions", [work])
        lake.frames["git_events", at.date()] = events("git_events", [made | {"subject": f"change {n}"}])
    lake.linked(tmp_path).stage()
    last = NOON + timedelta(days=DAYS - 1)
    told = {"event_id": "undo", "commit": "f" * 40, "subject": 'Revert "change 0"', "occurred_at": last}
    undo = events("git_events", [told])
    lake.frames["git_events", last.date()] = pl.concat([lake.frames["git_events", last.date()], undo])
    found = lake.linked(tmp_path)
    found.stage()
    first = all_of(found)
    reverted = {name: frame.filter(pl.col("day") == NOON.date()) for name, frame in first.items() if name in FOUND}
    assert reverted["certain_links"]["is_reverted"].to_list() == [True]
    assert reverted["outcome_evidence"]["outcome"].to_list() == ["failure"]
    assert reverted["reverted_commits"]["commit"].to_list() == [commit]
    assert first["certain_links"]["is_reverted"].sum() == 1


@pytest.mark.parametrize(
    "name", ["_ties", "_works", "certain_links", "commit_links", "outcome_evidence", "certain_shares"]
)
def test_what_was_left_half_done_is_found_anew(tmp_path: Path, name: str) -> None:
    lake = small_world()
    found = lake.linked(tmp_path)
    found.stage()
    expected = all_of(found)
    staging = Staging(tmp_path)
    staging.drop(name, max(staging.parts(name), key=str))
    again = lake.linked(tmp_path)
    again.stage()
    for one, frame in all_of(again).items():
        assert_frame_equal(frame, expected[one])


def test_a_look_stages_nothing_and_other_code_finds_all_anew(tmp_path: Path) -> None:
    lake = small_world()
    assert all_of(lake.linked(tmp_path))["certain_links"].height
    assert not Staging(tmp_path).parts("certain_links")
    lake.linked(tmp_path).stage()
    made_from = {part.made_from for part in Staging(tmp_path).parts("_ties").values()}
    lake.linked(tmp_path, version="two").stage()
    assert made_from.isdisjoint(part.made_from for part in Staging(tmp_path).parts("_ties").values())

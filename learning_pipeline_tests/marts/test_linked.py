"""What is found again of a change, and what is kept, is together what is found from nothing."""

import random
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts import linked
from learning_pipeline.marts.linked import FOUND, Linked
from learning_pipeline.marts.staging import Staging
from learning_pipeline_tests.factories import NOON, events
from learning_pipeline_tests.marts.tied_world import DAYS, Lake, Made, small_world


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

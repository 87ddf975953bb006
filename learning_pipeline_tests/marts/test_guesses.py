"""What is guessed by day is what is guessed of everything at once, whichever days came in when."""

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
from learning_pipeline.marts.commits import guessed_links
from learning_pipeline.marts.guesses import GUESSED, GUESSED_LINKS, GUESSED_SHARES, Guesses
from learning_pipeline.marts.linked import CERTAIN_LINKS, CERTAIN_SHARES, REVERTED_COMMITS
from learning_pipeline.marts.shares import cost_shares
from learning_pipeline_tests.factories import NOON, events
from learning_pipeline_tests.marts.tied_world import DAYS, Lake, Made

_DAYS = [NOON.date() + timedelta(days=n) for n in range(DAYS)]
_CHANGE = st.tuples(st.sampled_from(linked.STREAMS), st.sampled_from([*range(DAYS), None]), st.booleans())


def guesses(lake: Lake, folder: Path, *, stage: bool) -> Guesses:
    certain = lake.linked(folder)
    found = Guesses(certain.staging, certain.digests, lake.read, certain, "one")
    if stage:
        certain.stage()
        found.stage()
    return found


def all_of(found: Guesses) -> dict[str, pl.DataFrame]:
    """Return all that is guessed, by day and in order."""
    for name in GUESSED:
        assert all(found.digest(name, day) == part.digest for day, part in found.parts(name).items())
    frames = {name: found.on(name, found.days(name)).collect() for name in GUESSED}
    for name, frame in frames.items():
        assert set(frame["day"]) == found.days(name)
    return {name: in_order(frame) for name, frame in frames.items()}


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns)


def at_once(lake: Lake, folder: Path) -> dict[str, pl.DataFrame]:
    """Return what is guessed of all events together."""
    certain = lake.linked(folder)
    work, back = lake.read("executions"), certain.on(REVERTED_COMMITS).collect()
    links = guessed_links(certain.unlinked, work, certain.on(CERTAIN_LINKS), back)
    settled = certain.on(CERTAIN_SHARES).select("execution_id").unique()
    shares = cost_shares(links, work.join(settled, on="execution_id", how="anti"), within_days=1)
    return {GUESSED_LINKS: in_order(links), GUESSED_SHARES: in_order(shares)}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), nights=st.lists(st.lists(_CHANGE, min_size=1, max_size=3), max_size=4))
def test_by_day_it_is_the_same_as_at_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, nights: list[list[tuple[str, int | None, bool]]]
) -> None:
    folder, lake, made = tmp_path_factory.mktemp("guesses"), Lake(), Made(random.Random(seed))
    for stream in linked.STREAMS:
        for day in [*_DAYS, UNDATED]:
            lake.frames[stream, day] = made.day(stream, day)
    guesses(lake, folder / "kept", stage=True)
    for night in nights:
        for stream, place, is_gone in night:
            day = UNDATED if place is None else _DAYS[place]
            lake.frames.pop((stream, day), None)
            if not is_gone:
                lake.frames[stream, day] = made.day(stream, day)
        seen = all_of(guesses(lake, folder / "kept", stage=False))
        kept = all_of(guesses(lake, folder / "kept", stage=True))
        for name, expected in at_once(lake, folder / "none").items():
            assert_frame_equal(seen[name], expected)
            assert_frame_equal(kept[name], expected)


def the_world(*, hours_before: float) -> Lake:
    """Return one commit that nothing links, and work in its branch that began so much before, and went on for it."""
    lake, at = Lake(), NOON + timedelta(days=3)
    begun = at - timedelta(hours=hours_before)
    work = {"execution_id": "e", "repository": "shop", "branch": "main", "started_at": begun, "ended_at": at}
    helped = [
        {"execution_id": f"child{days}", "parent_execution_id": "e", "started_at": begun + timedelta(days=days)}
        for days in (0, 1, 2)
    ]
    told = {"event_id": "g", "commit": "a" * 40, "repository": "shop", "branch": "main", "occurred_at": at}
    for row in [work, *helped]:
        row.setdefault("ended_at", row["started_at"])
        day = row["started_at"].date()
        frame = events("executions", [row | {"day": day}])
        known = lake.frames.get(("executions", day))
        lake.frames["executions", day] = frame if known is None else pl.concat([known, frame])
    lake.frames["git_events", at.date()] = events("git_events", [told | {"day": at.date()}])
    return lake


@pytest.mark.parametrize(("hours_before", "is_guessed"), [(1, True), (30, True), (37, False)])
def test_work_began_on_the_commits_day_or_the_day_before(tmp_path: Path, hours_before: float, is_guessed: bool) -> None:
    found = all_of(guesses(the_world(hours_before=hours_before), tmp_path, stage=True))
    assert found[GUESSED_LINKS]["execution_id"].to_list() == (["e"] if is_guessed else [])


def test_sub_agents_of_its_day_and_the_next_count_with_it(tmp_path: Path) -> None:
    found = all_of(guesses(the_world(hours_before=1), tmp_path, stage=True))
    assert sorted(found[GUESSED_SHARES]["execution_id"]) == ["child0", "child1", "e"]


def test_only_days_beside_a_change_are_read(tmp_path: Path) -> None:
    lake = Lake()
    for number, day in enumerate(_DAYS):
        place = {"repository": "shop", "branch": "main"}
        at = NOON + timedelta(days=number)
        work = {"execution_id": f"e{number}", "started_at": at, "ended_at": at, "day": day}
        lake.frames["executions", day] = events("executions", [work | place])
        told = {"event_id": f"g{number}", "commit": f"{number}" * 40, "occurred_at": at, "day": day}
        lake.frames["git_events", day] = events("git_events", [told | place])
    assert len(guesses(lake, tmp_path, stage=True).days(GUESSED_LINKS)) == DAYS
    lake.frames["executions", _DAYS[4]] = events(
        "executions", [{"execution_id": "late", "started_at": NOON + timedelta(days=4), "day": _DAYS[4]}]
    )
    certain = lake.linked(tmp_path)
    certain.stage()
    asked: set[date] = set()

    def read(stream: str, days: list[date]) -> pl.LazyFrame:
        asked.update(days)
        return lake.read(stream, days)

    found = Guesses(certain.staging, certain.digests, read, certain, "one")
    found.stage()
    assert asked == {_DAYS[3], _DAYS[4], _DAYS[5]}
    assert found.days(GUESSED_LINKS) == {*_DAYS} - {_DAYS[4]}

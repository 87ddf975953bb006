"""Roll-ups that are kept in pieces are those that are made in one."""

import json
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.marts import sessions, usage
from learning_pipeline.marts.build import build
from learning_pipeline.marts.reader import read
from learning_pipeline.marts.registry import DESCRIBES_RUNS, TABLES
from learning_pipeline.marts.spread import on_several, spread_of
from learning_pipeline.marts.staging import Staging
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW

DAY = timedelta(days=1)
_PAIRS = pl.Schema({"day": pl.Date(), "key": pl.UInt64()})
_SESSION = st.sampled_from(["a", "b", "c", None])
_STREAMS = ["executions", "llm_calls", "tool_calls", "git_events", "feedback"]
_ROW = st.tuples(st.sampled_from(_STREAMS), st.integers(0, 5), _SESSION)


def in_one(home: Settings) -> dict[str, pl.DataFrame]:
    """Return the roll-ups by session, computed from all facts at once."""
    work, calls, tools = (read(home, name) for name in ("fct_executions", "fct_llm_calls", "fct_tool_calls"))
    by_session = sessions.session(work, calls, tools)
    first = by_session.select("session_id", _first="day")
    used = usage.usage_session(calls, work).join(first, on="session_id", how="left")
    whole = {
        "mart_session": by_session,
        "mart_usage_session": used.with_columns(day=pl.coalesce("_first", "day")),
    }
    return {name: conform(frame, TABLES[name].contract).collect() for name, frame in whole.items()}


def row(number: int, stream: str, offset: int, session: str | None) -> dict[str, Any]:
    at = NOON + offset * DAY + timedelta(seconds=number)
    common = {"session_id": session, "started_at": at}
    if stream == "executions":
        outcome = ("success", "failure", "unknown")[number % 3]
        did = {"agent_name": "alpha" if number % 5 else "beta", "outcome": outcome}
        did |= {"workflow_id": "flow"} if number % 4 == 0 else {}
        did |= {"parent_execution_id": f"e{number - 3}"} if number % 2 else {"repository": "repo", "branch": "main"}
        return common | did | {"execution_id": f"e{number}", "ended_at": at + DAY / 2, "input_tokens": 5 + number}
    if stream == "git_events":
        made = {"commit": f"{number % 6:040d}", "branch": "main", "subject": f"change {number % 6}"}
        made |= {"reverts_commit": f"{(number + 1) % 6:040d}"} if number % 5 == 0 else {}
        return made | {"event_id": f"g{number}", "occurred_at": at, "session_id": session}
    if stream == "feedback":
        said = {"feedback_id": f"f{number}", "given_at": at, "session_id": session, "rating": float(number % 5 + 1)}
        return said | {"execution_id": f"e{number - 2}" if number % 2 or session is None else None}
    of = {"execution_id": f"e{number - 1}", "agent_name": "alpha"}
    if stream == "llm_calls":
        return common | of | {"call_id": f"c{number}", "input_tokens": 7, "output_tokens": 3}
    said = {"commit_prefix": f"{number % 6:040d}"} if number % 3 == 0 else {}
    return common | of | said | {"tool_call_id": f"t{number}", "tool_name": "Bash"}


@pytest.mark.slow
@settings(max_examples=6, deadline=None)  # each builds up to five times: so there are few, and each has much in it
@given(batches=st.lists(st.lists(_ROW, min_size=2, max_size=9), min_size=2, max_size=4))
def test_sessions_of_several_days_in_any_order(batches: list[list[tuple[str, int, str | None]]]) -> None:
    with TemporaryDirectory() as folder:
        home = load_settings(Path(folder))
        held: dict[tuple[str, int], list[dict[str, Any]]] = {}
        number = 0
        for batch in batches:
            touched = set()
            for stream, offset, session in batch:
                held.setdefault((stream, offset), []).append(row(number, stream, offset, session))
                touched.add((stream, offset))
                number += 1
            for stream, offset in sorted(touched):
                fill_lake(home.home, **{stream: held[stream, offset]})
            build(home, now=NOW)
        for name, whole in in_one(home).items():
            assert_frame_equal(read(home, name).collect(), whole, check_row_order=False)
        # All other tables are those of a home that knew everything from the start.
        fresh = load_settings(Path(folder) / "fresh")
        fill_lake(fresh.home, **_together(held))
        build(fresh, now=NOW)
        for name in TABLES.keys() - {*DESCRIBES_RUNS}:
            assert_frame_equal(read(home, name).collect(), read(fresh, name).collect())


def _together(held: dict[tuple[str, int], list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for (stream, _), some in held.items():
        rows.setdefault(stream, []).extend(some)
    return rows


@settings(max_examples=40, deadline=None)
@given(nights=st.lists(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 9)), max_size=3), max_size=6))
def test_only_what_is_seen_on_days_that_changed_is_counted_again(nights: list[dict[int, set[int]]]) -> None:
    with TemporaryDirectory() as folder, Staging(Path(folder)) as staging:
        days = {n: {n, n + 1, 5} for n in range(8)}
        for night in [{}, *nights]:
            days |= night
            for n, keys in days.items():
                on = NOON.date() + n * DAY
                rows = pl.DataFrame([(on, key) for key in sorted(keys)], schema=_PAIRS, orient="row")
                staging.put_by_day("_seen", rows, {on: ""})
            found = on_several(
                staging, "_seen", json.dumps({str(k): p.digest for k, p in staging.parts("_seen").items()})
            )
            every = staging.read("_seen", _PAIRS).collect().filter(pl.len().over("key") > 1).sort("day", "key")
            assert_frame_equal(found, every)


def test_a_late_event_moves_a_session_to_its_first_day(settings: Settings) -> None:
    fill_lake(settings.home, executions=[row(1, "executions", 3, "a"), row(2, "executions", 3, "b")])
    build(settings, now=NOW)
    fill_lake(settings.home, tool_calls=[row(3, "tool_calls", 0, "a")])
    build(settings, now=NOW)
    found = read(settings, "mart_session").select("session_id", "day", "executions", "tool_calls").collect()
    first = NOON.date()
    assert sorted(found.rows()) == [("a", first, 1, 1), ("b", first + 3 * DAY, 1, 0)]


@pytest.mark.parametrize(
    ("lies_on", "lie", "reaches"),
    [
        ("first", {1: 0, 2: 1}, {0: {2}, 1: {None}}),
        ("last", {1: 2, 2: 1}, {2: {0}, 1: {None}}),
        ("each", {1: 0, 2: 1}, {0: {2}, 2: {0}, 1: {None}, None: {1}}),
    ],
)
def test_days_are_told_of_what_is_seen_on_several(
    lies_on: str, lie: dict[int, int], reaches: dict[int | None, set[int | None]]
) -> None:
    def day(offset: int | None) -> date:
        return UNDATED if offset is None else date(2026, 3, 1) + offset * DAY

    seen_on = [(day(0), 7), (day(0), 1), (day(2), 1), (UNDATED, 2), (day(1), 2)]
    spread = spread_of(pl.DataFrame(seen_on, schema={"day": pl.Date, "key": pl.UInt64}, orient="row"), lies_on)
    assert dict(spread.lie.rows()) == {key: day(on) for key, on in lie.items()}
    assert spread.reaches == {day(on): {day(other) for other in others} for on, others in reaches.items()}
    assert set(spread.digests) == {day(offset) for offset in (0, 1, 2)} | {UNDATED}

"""A database that is patched is the one that is made from nothing."""

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.marts import database, patch
from learning_pipeline.marts.build import build
from learning_pipeline.marts.registry import described
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in an order of their own: what came late lies at the end."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            name: sorted(connection.execute(f"from {name}").fetchall(), key=str)
            for name in described()
            if name != "mart_freshness"
        }


def made_anew(settings: Settings, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database holds that is made with none before it."""
    kept = settings.marts_path.rename(tmp_path / "kept.duckdb")
    build(settings, now=NOW)
    found = content(settings.marts_path)
    kept.replace(settings.marts_path)
    return found


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether each database that is written in the test was made by patching the one before."""
    told: list[bool] = []
    whole = database._patched

    def watched(*args: Any) -> bool:
        told.append(whole(*args))
        return told[-1]

    monkeypatch.setattr(database, "_patched", watched)
    monkeypatch.setattr(patch, "_MOST_CHANGED", 10)  # the world of these tests is small: much of it changes
    monkeypatch.setattr(patch, "_MOST_WASTED", 1)
    return told


@pytest.mark.parametrize("day", [date(2026, 3, 25), date(2026, 3, 10), date(2025, 1, 1), date(2026, 8, 1)])
def test_it_is_the_same_after_a_new_day_a_late_day_and_a_first_day(
    built: Settings, tmp_path: Path, day: date, patched: list[bool]
) -> None:
    fill_lake(built.home, executions=[{"execution_id": "new", "started_at": NOON.replace(day=1), "day": day}])
    build(built, now=NOW)
    assert patched == [True]
    assert content(built.marts_path) == made_anew(built, tmp_path)


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.lists(st.integers(0, 120), min_size=1, max_size=3), min_size=1, max_size=4))
def test_it_is_the_same_however_days_come_in(patched: list[bool], steps: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = load_settings(Path(folder) / "home")
        for number, offsets in enumerate(steps):
            for offset in offsets:
                at = NOON + timedelta(days=offset)
                rows = [{"execution_id": f"{offset}-{i}", "started_at": at, "ended_at": at} for i in range(number + 1)]
                fill_lake(home.home, executions=rows)
            build(home, now=NOW)
        assert content(home.marts_path) == made_anew(home, Path(folder))


def test_a_small_change_is_not_written_whole(built: Settings, patched: list[bool]) -> None:
    fill_lake(built.home, feedback=[{"feedback_id": "new", "given_at": NOON, "rating": 5}])
    build(built, now=NOW)
    assert patched == [True]
    assert {path.name for path in built.home.iterdir() if "duckdb" in path.name} == {"marts.duckdb"}


def test_a_file_that_is_mostly_holes_is_made_whole(
    built: Settings, patched: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patch, "_MOST_WASTED", -1)
    fill_lake(built.home, feedback=[{"feedback_id": "new", "given_at": NOON, "rating": 5}])
    build(built, now=NOW)
    assert patched == [False]


def test_one_of_another_form_is_made_whole(built: Settings, tmp_path: Path, patched: list[bool]) -> None:
    with duckdb.connect(str(built.marts_path)) as connection:
        connection.execute("comment on column fct_tool_calls.tool_name is 'as an earlier version said'")
    fill_lake(built.home, feedback=[{"feedback_id": "new", "given_at": NOON, "rating": 5}])
    build(built, now=NOW)
    assert patched == [False]
    assert content(built.marts_path) == made_anew(built, tmp_path)


def test_a_day_that_is_gone_is_not_taken_over(built: Settings, tmp_path: Path) -> None:
    with State(built.home / "state.sqlite") as state:
        empty = pl.DataFrame(schema=polars_schema(STREAMS["tool_calls"]))
        Lake(built.home / "lake", state).replace("tool_calls", date(2026, 3, 5), empty)
    build(built, now=NOW)
    assert content(built.marts_path) == made_anew(built, tmp_path)


def test_what_somebody_wrote_into_it_is_not_taken_over(built: Settings, tmp_path: Path) -> None:
    with duckdb.connect(str(built.marts_path)) as connection:
        connection.execute("delete from fct_tool_calls where tool_name = 'Bash'")
    fill_lake(built.home, executions=[{"execution_id": "new", "started_at": NOON.replace(day=28), "ended_at": None}])
    build(built, now=NOW)
    assert content(built.marts_path) == made_anew(built, tmp_path)

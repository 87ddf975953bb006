"""A database that took over what did not change is the one that is made from nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.marts import carry
from learning_pipeline.marts.build import build
from learning_pipeline.marts.registry import described
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, as they lie."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return {name: connection.execute(f"from {name}").fetchall() for name in described() if name != "mart_freshness"}


def made_anew(settings: Settings, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database holds that is made with none before it."""
    kept = settings.marts_path.rename(tmp_path / "kept.duckdb")
    build(settings, now=NOW)
    found = content(settings.marts_path)
    kept.replace(settings.marts_path)
    return found


@pytest.mark.parametrize("day", [date(2026, 3, 25), date(2026, 3, 10), date(2025, 1, 1)])
def test_it_is_the_same_after_a_new_day_a_late_day_and_a_first_day(
    full: Settings, tmp_path: Path, day: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(full, now=NOW)
    carried = []
    whole = carry.Before.carry

    def counted(self: carry.Before, *args: Any) -> set[date | None]:
        found = whole(self, *args)
        carried.extend(found)
        return found

    monkeypatch.setattr(carry.Before, "carry", counted)
    fill_lake(full.home, executions=[{"execution_id": "new", "started_at": NOON.replace(day=1), "day": day}])
    build(full, now=NOW)
    assert carried
    assert content(full.marts_path) == made_anew(full, tmp_path)


def test_a_day_that_is_gone_is_not_taken_over(full: Settings, tmp_path: Path) -> None:
    build(full, now=NOW)
    with State(full.home / "state.sqlite") as state:
        empty = pl.DataFrame(schema=polars_schema(STREAMS["tool_calls"]))
        Lake(full.home / "lake", state).replace("tool_calls", date(2026, 3, 5), empty)
    build(full, now=NOW)
    assert content(full.marts_path) == made_anew(full, tmp_path)


def test_what_somebody_wrote_into_it_is_not_taken_over(full: Settings, tmp_path: Path) -> None:
    build(full, now=NOW)
    with duckdb.connect(str(full.marts_path)) as connection:
        connection.execute("delete from fct_tool_calls where tool_name = 'Bash'")
    fill_lake(full.home, executions=[{"execution_id": "new", "started_at": NOON.replace(day=28), "ended_at": None}])
    build(full, now=NOW)
    assert content(full.marts_path) == made_anew(full, tmp_path)

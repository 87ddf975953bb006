"""Roll-ups that are made from sums by day are those that are made from all facts at once."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.base import conform, key_columns
from learning_pipeline.marts.build import build
from learning_pipeline.marts.prices import PriceBook
from learning_pipeline.marts.reader import read
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.spec import SUMS, Context
from learning_pipeline.marts.staging import Part, Staging
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW, world

SUMMED = [name for name, spec in TABLES.items() if spec.by_day_sums is not None]


def at_once(settings: Settings, table: str) -> pl.DataFrame:
    """Compute a roll-up from the facts of all days together."""
    spec = TABLES[table]
    assert spec.by_day_sums is not None
    context = Context(NOW, PriceBook.of(settings), {})
    facts = {name: read(settings, name) for name in spec.inputs if name in TABLES}
    sums = {SUMS: spec.by_day_sums(facts, context)}
    return conform(spec.compute(facts | sums, context), spec.contract).collect()


def execution(name: str, offset: int) -> dict[str, Any]:
    at = NOON + timedelta(days=offset)
    return {"execution_id": name, "agent_name": "omega", "started_at": at, "ended_at": at + timedelta(hours=20)}


def same_as_at_once(settings: Settings) -> None:
    for table in SUMMED:
        keys = key_columns(TABLES[table].contract)
        expected = at_once(settings, table).sort(keys, nulls_last=True)
        assert_frame_equal(read(settings, table).collect().sort(keys, nulls_last=True), expected)


def test_there_are_such_tables() -> None:
    assert {"dim_agents", "mart_agent_leaderboard", "mart_unpriced_models"} <= set(SUMMED)


def test_a_day_more_and_a_day_that_changes_give_what_all_days_at_once_give(built: Settings) -> None:
    rows, settings = world(), built
    same_as_at_once(settings)
    later: dict[str, list[dict[str, Any]]] = {
        # A day of its own, whose call comes after midnight and has no price.
        "executions": [execution("late", 40)],
        "llm_calls": [
            {"call_id": "late", "execution_id": "late", "model": "unheard-of", "session_id": "night"}
            | {"started_at": NOON + timedelta(days=40, hours=13), "input_tokens": 5, "output_tokens": 1}
        ],
    }
    rows["executions"] = rows["executions"][1:]
    fill_lake(settings.home, **{name: rows.get(name, []) + later.get(name, []) for name in rows | later})
    build(settings, now=NOW)
    same_as_at_once(settings)


def test_only_the_sums_of_days_that_changed_are_made_anew(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, object]] = []
    put = Staging.put

    def noted(self: Staging, table: str, frames: dict[Any, tuple[pl.DataFrame, Part]]) -> None:
        written.extend((table, day) for day in frames)
        put(self, table, frames)

    monkeypatch.setattr(Staging, "put", noted)
    fill_lake(built.home, executions=[execution("new", 40)])
    build(built, now=NOW)
    assert {day for table, day in written if table == "_dim_agents"} == {(NOON + timedelta(days=40)).date()}


def test_a_staged_part_without_rows_takes_the_form_of_today(settings: Settings) -> None:
    """Its digest is that of the form of before: of nothing."""
    old = pl.DataFrame(schema={"a": pl.Int64})
    new = pl.DataFrame(schema={"a": pl.Int64, "day": pl.Date})
    with Staging(settings.staging_dir) as staging:
        for made_from, frame in (("before", old), ("now", new)):
            staging.put("mart", {None: (frame, Part(made_from, None, "digest of nothing", 0))})
        assert staging.read("mart", new.schema).collect().schema == new.schema

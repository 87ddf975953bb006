"""The main job on the tracked sample, in a real Dagster instance."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from learning_pipeline.assets import record
from learning_pipeline.assets.health import CRITICAL, OK, WARNING, Finding, health
from learning_pipeline.assets.instance import instance
from learning_pipeline.assets.refresh import RefreshReport, refresh
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.assets.runs import Runner
from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.marts.staging import part_path
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.assets.conftest import NOW, SPECS

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(refreshed: tuple[Settings, RefreshReport]) -> Iterator[dg.DagsterInstance]:
    with instance(refreshed[0]) as found:
        yield found


def finding(settings: Settings, name: str) -> Finding:
    """Return what health says to one question."""
    return next(found for found in health(settings, NOW) if found.name == name)


def files(settings: Settings) -> dict[str, tuple[int, int]]:
    """Return size and time of everything that holds data."""
    kept = [settings.lake_dir, settings.staging_dir, settings.models_dir]
    paths = [settings.marts_path, *(path for root in kept for path in root.rglob("*.parquet"))]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def test_the_lines_are_accounted_for(refreshed: tuple[Settings, RefreshReport]) -> None:
    counts = refreshed[1].counts
    places = ("events", "duplicates", "quarantined", "ignored")
    assert counts["lines_read"] == sum(counts[place] for place in places) > 0


def test_runs_are_in_the_instance(opened: dg.DagsterInstance) -> None:
    runs = opened.get_runs()
    assert all(run.status == dg.DagsterRunStatus.SUCCESS for run in runs)
    assert {run.job_name for run in runs} == {"nightly", "build_days", "finish"}


def test_every_table_was_materialized_with_rows_and_a_preview(
    refreshed: tuple[Settings, RefreshReport], opened: dg.DagsterInstance
) -> None:
    for name, table in TABLES.items():
        event = opened.get_latest_materialization_event(dg.AssetKey(name))
        assert event is not None, name
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert "preview" in metadata, name
        assert ("dagster/partition_row_count" if table.by_day else "dagster/row_count") in metadata, name


def test_rebuilt_days_are_materialized_partitions(
    refreshed: tuple[Settings, RefreshReport], opened: dg.DagsterInstance
) -> None:
    days = {day.isoformat() for day in refreshed[1].days}
    assert days
    assert days <= opened.get_materialized_partitions(dg.AssetKey("fct_llm_calls"))


def test_all_laws_hold(refreshed: tuple[Settings, RefreshReport], opened: dg.DagsterInstance) -> None:
    with instance(refreshed[0]) as found:
        runner = Runner(Pipeline(refreshed[0], SPECS, clock=lambda: NOW), found)
        keys = runner.definitions.resolve_asset_graph().asset_check_keys
        assets = {*(f"land_{spec.kind}" for spec in SPECS), *TABLES, "marts_database"}
        landed = {key for key in keys if key.asset_key.path[-1] in assets}
        records = opened.event_log_storage.get_latest_asset_check_execution_by_key(sorted(landed))
    assert set(records) == landed
    for key, execution in records.items():
        assert execution.event is not None
        evaluation = execution.event.dagster_event.asset_check_evaluation_data
        assert evaluation.passed, (key, evaluation.description)


def test_a_second_refresh_does_nothing(refreshed: tuple[Settings, RefreshReport], opened: dg.DagsterInstance) -> None:
    settings, first = refreshed
    before, runs = files(settings), opened.get_runs_count()
    again = refresh(settings, SPECS, now=NOW + timedelta(hours=1), publish=False)
    assert again.counts == {**dict.fromkeys(first.counts, 0), "files_scanned": first.counts["files_scanned"]}
    assert again.days == []
    assert again.router["version"] == first.router["version"]
    assert files(settings) == before
    assert opened.get_runs_count() == runs


def test_a_broken_law_stops_what_would_be_made_from_it(
    refreshed: tuple[Settings, RefreshReport], copied: Settings
) -> None:
    settings, day = copied, refreshed[1].days[-1]
    path = part_path(settings.staging_dir, "fct_executions", day)
    pl.read_parquet(path).with_columns(success=pl.lit(True), outcome=pl.lit("unknown")).write_parquet(path)
    before = settings.marts_path.stat()
    with instance(settings) as found:
        runner = Runner(Pipeline(settings.model_copy(update={"publish": False}), SPECS, clock=lambda: NOW), found)
        with pytest.raises(PipelineError, match="unknown_is_null"):
            runner.finish()
    assert settings.marts_path.stat() == before


def test_a_failing_step_is_one_line_and_keeps_the_marts(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, postgres_url="postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(PipelineError) as failure:
        refresh(settings, SPECS, now=NOW, publish=True)
    assert "127.0.0.1" in str(failure.value)
    assert "only the publish failed" in str(failure.value)
    assert settings.marts_path.exists()
    assert finding(settings, "refresh_complete").state == WARNING
    unpublished = refresh(settings, SPECS, now=NOW, publish=False)
    assert unpublished.counts["files_changed"] == 0
    assert finding(settings, "refresh_complete").state == OK
    with pytest.raises(PipelineError, match="only the publish failed"):
        refresh(settings, SPECS, now=NOW, publish=True)
    assert finding(settings, "refresh_complete").state == WARNING


def test_a_url_that_is_none_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", postgres_url="postgresql://host:port/db")
    with pytest.raises(UsageError, match="postgres_url"):
        refresh(settings, SPECS, now=NOW, publish=True)
    assert not settings.home.exists()


def test_after_a_refresh_all_is_well(refreshed: tuple[Settings, RefreshReport]) -> None:
    settings = refreshed[0]
    assert [found for found in health(settings, NOW) if found.state != OK] == []
    (settings.home / record.LOOKED_NAME).write_bytes(b"\xff")
    assert finding(settings, "fresh").state == WARNING
    refresh(settings, SPECS, now=NOW, publish=False)
    assert finding(settings, "fresh").state == OK
    kept = settings.lake_dir.rename(settings.home / "kept")
    try:
        assert finding(settings, "lake_untouched").state == CRITICAL
    finally:
        kept.rename(settings.lake_dir)

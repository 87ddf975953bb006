"""The asset graph: a renamed asset, a lost edge or a lost partition shows here."""

from pathlib import Path

import dagster as dg
import pytest

from learning_pipeline.assets import automation
from learning_pipeline.assets.definitions import definitions_for
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.marts.registry import TABLES
from learning_pipeline.settings import load_settings
from learning_pipeline.sources.registry import KINDS
from learning_pipeline_tests.factories import NOON, fill_lake

FIRST_DAY = "2025-01-01T00:00:00+00:00"
SNAPSHOT = Path(__file__).parent / "asset_graph.txt"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    return definitions_for(Pipeline(load_settings(home), clock=lambda: NOON))


def described(definitions: dg.Definitions) -> str:
    graph = definitions.resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        partitions = " daily" if node.partitions_def else ""
        parents = " ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        checks = " ".join(sorted(check.name for check in node.check_keys))
        lines.append(f"{node.group_name}/{key.to_user_string()}{partitions}\n  from: {parents}\n  laws: {checks}")
    return "\n".join(lines) + "\n"


def test_they_load(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_module_is_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEARNING_PIPELINE_HOME", str(tmp_path))
    from learning_pipeline.assets.definitions import defs

    assert isinstance(defs(), dg.Definitions)


def test_the_asset_graph_is_as_reviewed(definitions: dg.Definitions) -> None:
    """When this fails on purpose: remove asset_graph.txt, run it again, and review the difference."""
    found = described(definitions)
    if not SNAPSHOT.exists():
        SNAPSHOT.write_text(found)
        pytest.fail(f"{SNAPSHOT.name} was not there and has been written: review it, and run again")
    assert found == SNAPSHOT.read_text()


def test_every_table_and_source_is_an_asset(definitions: dg.Definitions) -> None:
    names = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert names >= set(TABLES) | {f"land_{kind}" for kind in KINDS}
    assert names >= {"marts_database", "router_model", "postgres_publish"}


def test_every_asset_says_what_it_is_and_whose(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key


def test_column_schemas_are_those_of_the_contracts(definitions: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    for name, table in TABLES.items():
        columns = specs[name].metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == list(polars_schema(table.contract).names())
        assert all(column.description for column in columns)


def test_days_have_partitions_and_are_back_filled_in_one_run(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name, table in TABLES.items():
        node = graph.get(dg.AssetKey(name))
        assert (node.partitions_def is not None) == table.by_day
        if table.by_day:
            assert node.backfill_policy == dg.BackfillPolicy.single_run()
            assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
            assert (node.partitions_def.start.isoformat(), node.partitions_def.end_offset) == (FIRST_DAY, 1)


def test_an_event_from_before_the_first_day_has_a_partition(tmp_path: Path) -> None:
    old = NOON.replace(year=2019)
    fill_lake(tmp_path, executions=[{"execution_id": "a", "started_at": old, "ended_at": None}])
    definitions = definitions_for(Pipeline(load_settings(tmp_path), clock=lambda: NOON))
    partitions = definitions.resolve_asset_graph().get(dg.AssetKey("fct_executions")).partitions_def
    assert partitions is not None
    assert partitions.get_first_partition_key() == old.date().isoformat()


def test_the_schedule_and_the_sensor_are_on(definitions: dg.Definitions) -> None:
    schedule = next(s for s in definitions.schedules or [] if s.name == "nightly_schedule")
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    sensors = [sensor for sensor in definitions.sensors or [] if isinstance(sensor, dg.SensorDefinition)]
    assert {sensor.name for sensor in sensors} == {"touched_days", "new_files", "watch"}
    assert {sensor.default_status for sensor in sensors} == {dg.DefaultSensorStatus.RUNNING}


def test_the_sensor_asks_for_touched_days_and_then_for_the_rest(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    asked = list(automation.requests(settings, NOON))
    day = NOON.date().isoformat()
    assert [(request.job_name, request.tags) for request in asked] == [
        ("build_days", {automation.START_TAG: day, automation.END_TAG: day})
    ]
    again = list(automation.requests(settings, NOON))
    assert [request.run_key for request in again] == [request.run_key for request in asked]

    from learning_pipeline.marts.build import build

    build(settings, now=NOON)
    assert [request.job_name for request in automation.requests(settings, NOON)] == ["finish"]

    fill_lake(tmp_path, executions=[{"execution_id": "b"}])
    assert {request.run_key for request in automation.requests(settings, NOON)}.isdisjoint(
        request.run_key for request in asked
    )

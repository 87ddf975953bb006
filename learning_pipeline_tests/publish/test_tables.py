"""The tables beside executions: what comes from the home, partitions, retention, and who may do what."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.published import AgentTransformationEvents, Alerts, RouterPerformanceMetrics
from learning_pipeline.errors import PipelineError
from learning_pipeline.marts import build
from learning_pipeline.marts.alert_rules import RULES
from learning_pipeline.publish import load as whole_load
from learning_pipeline.publish import migrate, upkeep
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.upkeep import months_from
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON, events, fill_lake
from learning_pipeline_tests.publish.helpers import ask, load, version

_NASTY = "'; drop schema enhanced_learning cascade; --\x00\"$$"


def decisions(*rows: dict[str, Any]) -> pl.DataFrame:
    return events("routing_decisions", rows).select(list(polars_schema(RouterPerformanceMetrics)))


def transformations(*rows: dict[str, Any]) -> pl.DataFrame:
    return events("agent_transformations", rows).select(list(polars_schema(AgentTransformationEvents)))


def test_what_the_marts_hold_is_published_under_its_name(url: str, tmp_path: Path) -> None:
    settings = load_settings(tmp_path, postgres_url=url)
    fill_lake(
        tmp_path,
        executions=[{"execution_id": "a", "model": "claude-sonnet-4-5", "input_tokens": 5, "output_tokens": 6}],
        routing_decisions=[{"decision_id": "d", "confidence": 0.5, "alternatives": '[{"agent": "beta"}]'}],
        agent_transformations=[{"event_id": "t", "context_keys": ["a", "b"]}],
        agent_definitions=[{"definition_hash": "0" * 64, "capabilities": ["sql", _NASTY]}],
    )
    build.build(settings, now=NOON)
    report = whole_load.publish(settings, now=NOON)
    assert report.published
    assert report.notes == []
    for table in ("executions", "router_performance_metrics", "agent_transformation_events", "agent_definitions"):
        assert report.rows[table] == 1, table
    assert report.rows["learning_analytics"] > 0
    ((value, metadata),) = ask(
        url, "select metric_value, metadata from enhanced_learning.learning_analytics "
             "where category = 'usage' and metric_name = 'input_tokens'")  # fmt: skip
    assert (value, metadata) == (5, {"source": "execution_log", "model": "claude-sonnet-4-5"})
    found = ask(
        url, "select feature_value from enhanced_learning.ml_feature_store where feature_name = 'executions_7d'"
    )
    assert found == [(1,)]
    assert report.rows["ml_predictions"] == report.rows["performance_baselines"] == 0
    assert ask(url, "select count(distinct rule) from enhanced_learning.alerts") == [(len(RULES),)]
    ((subject, detail),) = ask(
        url, "select subject, detail from enhanced_learning.audit_log where event_type = 'publish'"
    )
    assert subject == report.publish_id
    assert detail["changes"]["executions"]["inserted"] == 1
    assert not whole_load.publish(settings, now=NOON).published
    assert ask(url, "select count(*) from enhanced_learning.audit_log") == [(1,)]


def test_tables_by_day_are_merged_and_whole_ones_replaced(upgraded: str) -> None:
    rows = [{"execution_id": "a"}]
    one = {"decision_id": "d1", "correlation_id": "c", "selected_agent": _NASTY, "alternatives": '["x"]'}
    one_alert = {"rule": "r", "subject": "s", "state": "ok", "n": 1, "unit": "ratio", "for_hours": 1}
    alerts = pl.DataFrame([one_alert], schema=polars_schema(Alerts))
    first = version(
        rows, router_performance_metrics=decisions(one, {"decision_id": "d2"}), alerts=alerts,
        agent_transformation_events=transformations({"event_id": "t", "context_keys": ["k\x00"]}),
    )  # fmt: skip
    assert load(upgraded, first).rows["router_performance_metrics"] == 2
    nasty = "select selected_agent like '%%drop schema%%' from enhanced_learning.router_performance_metrics "
    assert ask(upgraded, nasty + "where alternatives @> '[\"x\"]'") == [(True,)]
    assert ask(upgraded, "select context_keys from enhanced_learning.agent_transformation_events") == [(["k\ufffd"],)]
    changed = version(
        rows,
        router_performance_metrics=decisions({**one, "actual_success": True, "decided_at": NOON + timedelta(days=40)}),
        alerts=alerts.with_columns(state=pl.lit("critical")),
    )
    loaded = load(upgraded, changed)
    assert loaded.changes["router_performance_metrics"] == {"deleted": 1, "updated": 1, "inserted": 0}
    assert loaded.changes["alerts"] == {"deleted": 1, "updated": 0, "inserted": 1}
    assert loaded.rows["agent_transformation_events"] == 0
    assert "executions" not in loaded.changes
    for table in ("router_performance_metrics", "alerts", "agent_transformation_events", "executions"):
        assert ask(upgraded, f"select count(*) from enhanced_learning.{table}") == [(loaded.rows[table],)]


def test_partitions_are_made_ahead(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": "a", "started_at": NOON - timedelta(days=800), "ended_at": None}]))
    made = ask(
        upgraded,
        "select c.relname, obj_description(c.oid) is not null from pg_inherits i join pg_class c on c.oid = inhrelid "
        "where inhparent = 'enhanced_learning.executions'::regclass order by 1",
    )
    months = ("2023_12", "2026_03", "2026_04", "2026_05", "2026_06")
    assert made == [(f"executions_{month}", True) for month in months]
    with connect(upgraded, autocommit=True) as connection:  # A second time there is nothing to make.
        upkeep.before(connection, version([{"execution_id": "a"}]), NOON)
    assert months_from(date(2026, 11, 30), 3) == [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
        date(2027, 2, 1),
    ]


def test_rows_older_than_retention_leave_with_their_partition(upgraded: str) -> None:
    old = {"execution_id": "old", "started_at": NOON - timedelta(days=100), "ended_at": None}
    content = version([{"execution_id": "new"}, old], {"old": [1.0], "new": [1.0]})
    assert load(upgraded, content).rows["executions"] == 2
    ask(upgraded, "select 1")
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("update enhanced_learning.retention set keep_days = 30 where table_name = 'executions'")
    loaded = load(upgraded, content)
    assert loaded.rows["executions"] == loaded.rows["agent_metrics"] == 1
    assert not load(upgraded, content).written
    with connect(upgraded, autocommit=True) as connection:
        assert upkeep.after(connection, NOON, analyze=True) == []
    assert ask(upgraded, "select to_regclass('enhanced_learning.executions_2025_11')") == [(None,)]
    assert ask(upgraded, "select to_regclass('enhanced_learning.executions_2026_03')") != [(None,)]


def test_old_publishes_and_audit_rows_go_and_the_current_one_stays(upgraded: str) -> None:
    load(upgraded, version([{"execution_id": "a"}]))
    load(upgraded, version([{"execution_id": "b"}]))
    later = datetime(2032, 1, 1, tzinfo=UTC)
    with connect(upgraded, autocommit=True) as connection:
        assert upkeep.after(connection, later, analyze=False) == []
    assert ask(upgraded, "select state from enhanced_learning.publishes") == [("current",)]
    assert ask(upgraded, "select count(*) from enhanced_learning.audit_log") == [(0,)]


def test_a_reader_in_the_way_delays_upkeep_and_nothing_else(upgraded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_PATIENCE", "100ms")
    load(upgraded, version([{"execution_id": "a"}], {"a": [1.0]}, embedding_version="e1"))
    with psycopg.connect(upgraded) as reader:
        reader.execute("select count(*) from enhanced_learning.agent_metrics")  # Keeps its lock until its end.
        load(upgraded, version([{"execution_id": "a"}], {"a": [1.0]}, embedding_version="e2"))
        with connect(upgraded, autocommit=True) as connection:
            (note,) = upkeep.after(connection, NOON, analyze=False)
    assert note == "could not drop indexes of older embeddings: canceling statement due to lock timeout"
    with connect(upgraded, autocommit=True) as connection:
        assert upkeep.after(connection, NOON, analyze=False) == []


def test_the_publisher_cannot_change_what_is_kept_nor_the_reader_see_the_inside(upgraded: str) -> None:
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("set role learning_publisher")
        for statement in (
            "update enhanced_learning.retention set keep_days = 1",
            "truncate enhanced_learning.executions",
            "drop index enhanced_learning.agent_metrics_day",
            "alter function enhanced_learning.recommend_agent stable",
            "create table enhanced_learning_internal.mine ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("reset role; set role learning_reader")
        for function in ("make_partitions('{}')", "drop_partitions('2030-01-01')", "drop_old_indexes()",
                         "index_embeddings('x')", "analyze_tables()"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select enhanced_learning_internal.{function}")


def test_every_index_of_a_kind_is_there(upgraded: str) -> None:
    """Time, agent and correlation by B-tree; arrays and JSON by GIN; partial ones where few rows matter."""
    definitions = [row[0] for row in ask(upgraded, "select indexdef from pg_indexes where schemaname ~ '^enhanced'")]
    for wanted in ("(started_at)", "(agent_name, started_at)", "(correlation_id)", "gin (commits)",
                   "gin (capabilities)",
                   "gin (attributes jsonb_path_ops)", "gin (metadata jsonb_path_ops)", "WHERE (success IS FALSE)",
                   "WHERE (state <> 'ok'::text)"):  # fmt: skip
        assert any(wanted in definition for definition in definitions), wanted


def test_an_embedding_version_is_text_and_nothing_else(upgraded: str) -> None:
    hostile = "x'; drop table enhanced_learning.executions; --"
    load(upgraded, version([{"execution_id": "a"}], {"a": [1.0]}, embedding_version=hostile))
    one = str([1.0] + [0.0] * 511)
    assert ask(
        upgraded, "select execution_id, embedding_version from enhanced_learning.similar_tasks(%s::vector)", one
    ) == [("a", hostile)]
    for text in (hostile, "%s %I $1", "\\", "'"):
        found = ask(upgraded, "select * from enhanced_learning.similar_tasks(%s::vector, 10, -1, %s::text)", one, text)
        assert found == []
    assert ask(upgraded, "select count(*) from enhanced_learning.executions") == [(1,)]


def test_there_and_back_with_rows_in_every_step(upgraded: str) -> None:
    content = version([{"execution_id": "a", "evidence": ["check"]}], {"a": [1.0]})
    load(upgraded, content)
    for revision in ("0003_evidence", "0004_partitions", "0003_evidence"):
        migrate.downgrade(upgraded, revision)
        assert ask(upgraded, "select execution_id, evidence from enhanced_learning.executions") == [("a", ["check"])]
        migrate.upgrade(upgraded)
        assert ask(upgraded, "select execution_id, evidence from enhanced_learning.executions") == [("a", ["check"])]
    load(upgraded, content)
    one = str([1.0] + [0.0] * 511)
    assert ask(upgraded, "select execution_id from enhanced_learning.similar_tasks(%s::vector)", one) == [("a",)]


def test_a_server_without_pgvector_is_named_and_left_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "select null, null from pg_class where false and relname = 'vector'"
    monkeypatch.setattr(migrate, "_AVAILABLE", missing)
    before = ask(url, "select count(*) from pg_namespace")
    with pytest.raises(PipelineError, match=r"has no pgvector: install pgvector 0.8 or newer there") as caught:
        migrate.upgrade(url)
    assert "\n" not in str(caught.value)
    assert ask(url, "select count(*) from pg_namespace") == before

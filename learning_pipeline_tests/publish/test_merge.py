import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning_pipeline.publish import merge, upkeep
from learning_pipeline.publish.connect import connect
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.publish.helpers import TABLES, ask, content_of, facts, load, row_versions, version

DAY = timedelta(days=1)
ROWS: list[dict[str, Any]] = [
    {"execution_id": "a", "task_text": "fix the parser", "input_tokens": 3, "output_tokens": 4},
    {"execution_id": "b", "agent_name": "beta", "success": None, "outcome": "unknown", "started_at": NOON + DAY,
     "ended_at": None, "duration_ms": None},
    {"execution_id": "c", "success": False, "outcome": "failure", "error_type": "tool", "started_at": NOON + 2 * DAY,
     "ended_at": None},
]  # fmt: skip
VECTORS = {"a": [1.0], "c": [0.6, 0.8]}


def test_what_is_published_is_what_was_given(upgraded: str) -> None:
    loaded = load(upgraded, version(ROWS, VECTORS, [{"rank": 1}, {"rank": 2, "agent_name": "beta"}]))
    assert loaded.written
    assert {table: loaded.rows[table] for table in TABLES} == {
        "executions": 3, "agent_metrics": 3, "routing_recommendations": 2
    }  # fmt: skip
    assert ask(
        upgraded,
        "select execution_id, agent_name, success, tokens_used, execution_time_ms, embedding_version, "
        '"timestamp" from enhanced_learning.agent_metrics order by 1',
    ) == [
        ("a", "alpha", True, 7, 60_000, "e1", NOON),
        ("b", "beta", None, None, None, None, NOON + DAY),
        ("c", "alpha", False, None, 60_000, "e1", NOON + 2 * DAY),
    ]
    assert ask(
        upgraded, "select task_embedding::text from enhanced_learning.agent_metrics where execution_id = 'c'"
    ) == [("[" + ",".join(["0.6", "0.8", *["0"] * 510]) + "]",)]
    ((publish_id, days, counts, state),) = ask(
        upgraded,
        "select publish_id::text, (first_day, last_day)::text, row_counts, state from enhanced_learning.publishes",
    )
    assert (publish_id, counts, state) == (loaded.publish_id, loaded.rows, "current")
    assert days == "(2026-03-02,2026-03-04)"


def test_every_column_of_an_execution_comes_through(upgraded: str) -> None:
    frame = facts(
        [{"execution_id": "a", "commits": ["f" * 40, "a\x00b"], "committed": True, "attributes": '{"x": 1.5}'}]
    )
    row = frame.row(0, named=True)
    load(upgraded, content_of(frame))
    with psycopg.connect(upgraded, row_factory=psycopg.rows.dict_row) as connection:
        published = connection.execute("select * from enhanced_learning.executions").fetchone()
    assert published == {**row, "attributes": {"x": 1.5}, "commits": ["f" * 40, "a\ufffdb"]}


def test_the_same_again_writes_nothing(upgraded: str) -> None:
    first = load(upgraded, version(ROWS, VECTORS, [{}]))
    before = row_versions(upgraded)
    second = load(upgraded, version(reversed(ROWS), dict(reversed(VECTORS.items())), [{}]))
    assert not second.written
    assert (second.publish_id, second.rows) == (first.publish_id, first.rows)
    assert row_versions(upgraded) == before


def test_when_a_row_was_landed_is_not_content(upgraded: str) -> None:
    load(upgraded, version(ROWS))
    before = row_versions(upgraded)
    assert not load(upgraded, version([{**row, "landed_at": NOON + DAY} for row in ROWS])).written
    changed = [{**row, "landed_at": NOON + DAY} for row in ROWS] + [{"execution_id": "d"}]
    assert load(upgraded, version(changed)).changes["executions"] == {"deleted": 0, "updated": 0, "inserted": 1}
    assert set(before["executions"]) < set(row_versions(upgraded)["executions"])


def test_only_what_changed_is_written(upgraded: str) -> None:
    load(upgraded, version(ROWS, VECTORS, [{}]))
    before = row_versions(upgraded)
    changed = [{**ROWS[0], "success": None, "outcome": "unknown"}, ROWS[1], {**ROWS[1], "execution_id": "new"}]
    loaded = load(upgraded, version(changed, VECTORS, [{}]))
    assert loaded.changes == {
        table: {"deleted": 1, "updated": 1, "inserted": 1} for table in ("executions", "agent_metrics")
    }
    after = row_versions(upgraded)
    assert len(set(before["executions"]) & set(after["executions"])) == 1
    assert before["routing_recommendations"] == after["routing_recommendations"]
    assert ask(upgraded, "select execution_id, success from enhanced_learning.agent_metrics order by 1") == [
        ("a", None), ("b", None), ("new", None)
    ]  # fmt: skip


def test_an_execution_moves_to_another_day(upgraded: str) -> None:
    load(upgraded, version(ROWS))
    loaded = load(upgraded, version([{**ROWS[0], "started_at": NOON - DAY}, *ROWS[1:]]))
    assert loaded.changes["executions"] == {"deleted": 0, "updated": 1, "inserted": 0}
    assert ask(upgraded, "select day::text from enhanced_learning.executions where execution_id = 'a'") == [
        ("2026-03-01",)
    ]


def test_a_new_embedding_replaces_all_old_ones(upgraded: str) -> None:
    load(upgraded, version(ROWS, {"a": [1.0], "b": [1.0], "c": [1.0]}, embedding_version="old"))
    load(upgraded, version(ROWS, {"a": [0.0, 1.0]}, embedding_version="new"))
    found = ask(upgraded, "select execution_id, embedding_version from enhanced_learning.agent_metrics order by 1")
    assert found == [("a", "new"), ("b", None), ("c", None)]


def test_an_older_version_can_come_back(upgraded: str) -> None:
    first = load(upgraded, version(ROWS))
    load(upgraded, version(ROWS[:1]))
    again = load(upgraded, version(ROWS))
    assert again.written
    assert again.publish_id == first.publish_id
    states = ask(
        upgraded, "select state, publish_id::text = %s from enhanced_learning.publishes order by 1", first.publish_id
    )
    assert states == [("current", True), ("superseded", False)]


def test_embeddings_without_a_direction_are_as_none(upgraded: str) -> None:
    load(upgraded, version(ROWS, {"a": [0.0], "b": [float("nan")], "c": [float("inf")]}))
    assert ask(upgraded, "select count(task_embedding) from enhanced_learning.agent_metrics") == [(0,)]


def test_the_embedding_index_is_there_after_the_first_load(upgraded: str) -> None:
    load(upgraded, version(ROWS, VECTORS))
    ((definition,),) = ask(upgraded, "select indexdef from pg_indexes where indexname like 'agent_metrics_embedding%'")
    assert "hnsw" in definition
    assert "halfvec_cosine_ops" in definition


NASTY = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=50),
    st.sampled_from(["'; drop table enhanced_learning.executions; --", '"', "\\", "\x00", "$1 %s {}", "\\N", "x" * 5000,
                     "\ufeff\u202e", "a\x00b", "\U0001f600" * 400]),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.tuples(NASTY, NASTY, NASTY, JSON), min_size=1, max_size=4, unique_by=lambda row: row[0]))
def test_any_text_can_be_published(upgraded: str, texts: list[tuple[str, str, str, object]]) -> None:
    rows = [
        {"execution_id": name, "agent_name": agent, "session_id": agent, "repository": name, "task_text": text,
         "error_message": text, "branch": text, "attributes": json.dumps(attributes)}
        for name, agent, text, attributes in texts
    ]  # fmt: skip
    load(upgraded, version(rows, {name: [1.0] for name, *_ in texts}, [{"agent_name": texts[0][1]}]))
    found = ask(upgraded, "select execution_id, task_text, attributes from enhanced_learning.executions")
    assert len(found) == len(rows)
    assert sorted(text for _, text, _ in found) == sorted(text.replace("\x00", "\ufffd") for _, _, text, _ in texts)
    assert ask(upgraded, "select count(*) from enhanced_learning.agent_metrics where task_embedding is not null") == [
        (len(rows),)
    ]


@pytest.mark.parametrize(
    "text",
    ['{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": "\\udc00\\ud800"}', '{"a": 1e999999}',
     '{"a": 1' + "0" * 200_000 + "}",
     "[" * 900 + "]" * 900, "[" * 100_000, "not json", "", '{"a": NaN}', '{"a": "\x00"}'],
)  # fmt: skip
def test_attributes_that_postgres_would_refuse_are_kept_as_a_string(upgraded: str, text: str) -> None:
    load(upgraded, version([{"execution_id": "a", "attributes": text}]))
    assert ask(upgraded, "select attributes #>> '{}' from enhanced_learning.executions") == [
        (text.replace("\x00", "\ufffd"),)
    ]


def test_a_load_that_fails_leaves_the_old_version(upgraded: str) -> None:
    load(upgraded, version(ROWS, VECTORS, [{}]))
    before = row_versions(upgraded)
    broken = version([*ROWS, {"execution_id": "d"}], VECTORS, [{"rank": 1}, {"rank": 1}])
    with pytest.raises(psycopg.errors.UniqueViolation):
        load(upgraded, broken)
    assert row_versions(upgraded) == before


def test_a_reader_between_sees_the_old_version(upgraded: str) -> None:
    load(upgraded, version(ROWS))
    seen: list[list[tuple[Any, ...]]] = []

    def look(step: str, done: int, total: int) -> None:
        seen.append(ask(upgraded, "select count(*) from enhanced_learning.executions"))

    with connect(upgraded, autocommit=True) as connection, connection.transaction():
        merge.load(connection, version(ROWS[:1], VECTORS), now=NOON, progress=look)
    assert seen
    assert set(map(tuple, seen)) == {((3,),)}
    assert ask(upgraded, "select count(*) from enhanced_learning.executions") == [(1,)]


def test_the_reader_role_reads_and_calls_and_does_nothing_else(upgraded: str) -> None:
    load(upgraded, version(ROWS, VECTORS, [{}]))
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("set role learning_reader")
        for table in (*TABLES, "publishes"):
            assert connection.execute(f"select count(*) from enhanced_learning.{table}").fetchone() != (0,)
            for statement in (f"delete from enhanced_learning.{table}", f"truncate enhanced_learning.{table}",
                              f"insert into enhanced_learning.{table} select * from enhanced_learning.{table}",
                              f"alter table enhanced_learning.{table} add x int"):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        assert connection.execute("select agent_name from enhanced_learning.recommend_agent('bug_fix')").fetchall() == [
            ("alpha",)
        ]
        one = str([1.0] + [0.0] * 511)
        found = connection.execute("select execution_id from enhanced_learning.similar_tasks(%s::vector)", (one,))
        assert found.fetchall() == [("a",)]
        for statement in ("select * from enhanced_learning_internal.published_parts",
                          "select enhanced_learning_internal.index_embeddings()",
                          "create table enhanced_learning.mine ()"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_publisher_role_loads_and_cannot_alter(upgraded: str) -> None:
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("set role learning_publisher")
        what = version(ROWS, VECTORS, [{}])
        upkeep.before(connection, what, NOON)
        assert merge.load(connection, what, now=NOON).written
        assert upkeep.after(connection, NOON, analyze=True) == []
        for statement in (
            "drop table enhanced_learning.executions",
            "alter table enhanced_learning.executions add x int",
            "create table enhanced_learning.mine ()",
            "create or replace function enhanced_learning.f() returns int language sql as 'select 1'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)

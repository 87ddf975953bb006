from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts.build import build
from learning_pipeline.marts.digest import digests
from learning_pipeline.marts.registry import described
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW


def test_every_table_and_column_says_what_it_means(built: Settings) -> None:
    with duckdb.connect(str(built.marts_path), read_only=True) as connection:
        tables = dict(connection.execute("select table_name, comment from duckdb_tables()").fetchall())
        columns = connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns() where not internal"
        ).fetchall()
        dictionary = connection.execute("select table_name, column_name, type from mart_data_dictionary").fetchall()
    assert set(tables) == set(described())
    assert all(tables.values())
    assert all(comment for *_, comment in columns)
    assert sorted(row[:3] for row in columns) == sorted(dictionary)


def test_an_open_reader_keeps_its_version(built: Settings) -> None:
    with duckdb.connect(str(built.marts_path), read_only=True) as reader:
        ask = "select count(*), sum(input_tokens) from fct_llm_calls"
        before = reader.execute(ask).fetchone()
        fill_lake(
            built.home, llm_calls=[{"call_id": "new", "started_at": NOON + timedelta(days=30), "input_tokens": 7}]
        )
        assert build(built, now=NOW).changed
        assert reader.execute(ask).fetchone() == before
    with duckdb.connect(str(built.marts_path), read_only=True) as reader:
        assert reader.execute(ask).fetchone() != before


def test_nothing_is_left_beside_the_database(full: Settings) -> None:
    full.home.mkdir(exist_ok=True)
    (full.home / ".marts.duckdb.123.part").write_bytes(b"half-built")
    (full.home / ".marts.duckdb.123.part.wal").write_bytes(b"")
    (full.home / ".marts.duckdb.123.part.tmp").mkdir()
    build(full, now=NOW)
    assert {path.name for path in full.home.iterdir()} == {"lake", "marts", "marts.duckdb", "state.sqlite"}


def test_a_file_that_is_no_database_is_replaced(built: Settings) -> None:
    before = digests(built.marts_path)
    built.marts_path.write_bytes(b"not a database" * 1000)
    assert build(built, now=NOW).changed
    assert digests(built.marts_path) == before


def test_a_build_that_cannot_write_leaves_the_old_version(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from learning_pipeline.marts import database

    before = digests(built.marts_path)
    fill_lake(built.home, llm_calls=[{"call_id": "new", "input_tokens": 7}])
    with monkeypatch.context() as patch:
        patch.setitem(database._FILL, "memory_limit", "1KB")
        with pytest.raises(PipelineError, match=r"cannot write .*marts\.duckdb"):
            build(built, now=NOW)
    assert digests(built.marts_path) == before
    assert build(built, now=NOW).changed


def test_digests_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    paths = [tmp_path / "a.duckdb", tmp_path / "b.duckdb"]
    for path, order in zip(paths, ("asc", "desc"), strict=True):
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create table t as select i, ['x', null] as l from range(9) r(i) order by i {order}")
    assert digests(paths[0]) == digests(paths[1])


def test_freshness_is_relative_to_the_build(settings: Settings) -> None:
    fill_lake(settings.home, tool_calls=[{"tool_call_id": "t"}])
    build(settings, now=NOON + timedelta(hours=30))
    with duckdb.connect(str(settings.marts_path), read_only=True) as connection:
        ask = "select rows, age_hours from mart_freshness where table_name = ?"
        assert connection.execute(ask, ["fct_tool_calls"]).fetchone() == (1, 30.0)
        assert connection.execute(ask, ["mart_tool_daily"]).fetchone() == (1, 18.0)
        assert connection.execute(ask, ["fct_git_events"]).fetchone() == (0, None)
    assert not build(load_settings(settings.home), now=NOON + timedelta(hours=60)).changed

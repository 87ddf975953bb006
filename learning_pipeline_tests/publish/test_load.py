"""The whole publish, from a home directory to the embedded or a configured server."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.marts import build
from learning_pipeline.publish import load, migrate, server
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.routing.train import train
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.publish.helpers import ask, row_versions
from learning_pipeline_tests.publish.test_trouble import whole

_PUBLISH_AND_DIE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from learning_pipeline.publish.load import publish
from learning_pipeline.settings import load_settings
steps = iter(range(int(sys.argv[2])))
def die(step, done, total):
    if next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
publish(load_settings(Path(sys.argv[1])), now=datetime.now(UTC), progress=die)
"""


def executions(count: int = 60, **changes: Any) -> list[dict[str, Any]]:
    verbs, things = ("fix", "test", "explain"), ("parser", "cache", "schedule", "importer")
    return [
        {
            "execution_id": f"e{number:03}",
            "agent_name": ("alpha", "beta")[number % 2],
            "task_type": ("bug_fix", "testing")[number % 2],
            "task_text": f"{verbs[number % 3]} the {things[number % 4]} number {number}",
            "started_at": NOON + timedelta(days=number % 5),
            "ended_at": None,
            "success": (True, False, True)[number % 3],
            "outcome": ("success", "failure", "success")[number % 3],
            "error_type": (None, "tool", None)[number % 3],
            "duration_ms": 1000 + number,
            **changes,
        }
        for number in range(count)
    ]


def stage(settings: Settings, rows: list[dict[str, Any]], *, learn: bool = True) -> None:
    """Bring the home to where a refresh would have it before it publishes."""
    fill_lake(settings.home, executions=rows)
    build.build_days(settings, "fct_executions", build.stale_days(settings), now=NOON)
    if learn:
        train(settings, now=NOON)


@pytest.fixture
def home(url: str) -> Iterator[Settings]:
    """Give the settings of a staged home with a configured server."""
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        settings = load_settings(Path(directory), postgres_url=url)
        stage(settings, executions())
        yield settings


@pytest.fixture
def own() -> Iterator[Settings]:
    """Give the settings of a staged home with its own embedded server."""
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        settings = load_settings(Path(directory))
        stage(settings, executions())
        try:
            yield settings
        finally:
            Embedded(settings.postgres_dir).stop()


def test_everything_from_the_home_is_published(home: Settings, url: str) -> None:
    report = load.publish(home, now=NOON)
    assert report.published
    assert report.rows["executions"] == report.rows["agent_metrics"] == 60
    ((embedded, versions),) = ask(
        url, "select count(task_embedding), count(distinct embedding_version) from enhanced_learning.agent_metrics"
    )
    assert (embedded, versions) == (60, 1)
    assert ask(url, "select agent_name from enhanced_learning.recommend_agent('bug_fix')") == ask(
        url,
        "select agent_name from enhanced_learning.routing_recommendations "
        "where task_type = 'bug_fix' and repository is null order by rank limit 3",
    )
    ((nearest, similarity),) = ask(
        url,
        "select s.execution_id, s.similarity from enhanced_learning.agent_metrics m, "
        "enhanced_learning.similar_tasks(m.task_embedding, 1) s where m.execution_id = 'e007'",
    )
    assert nearest == "e007"
    assert similarity == pytest.approx(1, abs=1e-6)


def test_again_is_no_new_publish(home: Settings, url: str) -> None:
    first = load.publish(home, now=NOON)
    before = row_versions(url)
    again = load.publish(home, now=NOON + timedelta(days=1))
    assert not again.published
    assert (again.publish_id, again.rows, again.reason) == (first.publish_id, first.rows, "nothing new")
    for path in home.home.rglob("*"):  # Also when nothing but the files' times changed, or the memory is lost.
        os.utime(path)
    assert not load.publish(home, now=NOON).published
    for path in (home.home / "published").iterdir():
        path.write_text("{}")
    assert not load.publish(home, now=NOON).published
    assert row_versions(url) == before


def test_the_same_data_built_elsewhere_have_the_same_id(home: Settings, tmp_path: Path) -> None:
    other = load_settings(tmp_path / "other", postgres_url=home.postgres_url.get_secret_value())  # type: ignore[union-attr]
    stage(other, list(reversed(executions())))
    assert load.publish(home, now=NOON).published
    assert not load.publish(other, now=NOON).published


def test_an_emptied_database_is_filled_again(home: Settings, url: str) -> None:
    first = load.publish(home, now=NOON)
    migrate.downgrade(url)
    again = load.publish(home, now=NOON)
    assert again.published
    assert (again.publish_id, again.rows) == (first.publish_id, first.rows)


def test_a_later_outcome_updates_its_row_only(home: Settings, url: str) -> None:
    stage(home, executions(), learn=False)
    load.publish(home, now=NOON)
    before = row_versions(url)
    rows = executions()
    rows[7] |= {"success": None, "outcome": "unknown", "error_type": None}
    stage(home, rows, learn=False)
    report = load.publish(home, now=NOON)
    assert report.changes["executions"] == {"inserted": 0, "updated": 1, "deleted": 0}
    assert len(set(before["executions"]) & set(row_versions(url)["executions"])) == 59
    assert ask(url, "select success from enhanced_learning.agent_metrics where execution_id = 'e007'") == [(None,)]


def test_without_executions_nothing_is_published(home: Settings, url: str, tmp_path: Path) -> None:
    load.publish(home, now=NOON)
    empty = load_settings(tmp_path / "empty", postgres_url=url)
    report = load.publish(empty, now=NOON)
    assert not report.published
    assert "no executions" in report.reason
    assert ask(url, "select count(*) from enhanced_learning.executions") == [(60,)]


def test_a_home_without_a_router_is_published_without_its_words(url: str, tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", postgres_url=url)
    stage(settings, executions(5), learn=False)
    report = load.publish(settings, now=NOON)
    assert {name: n for name, n in report.rows.items() if n} == {"executions": 5, "agent_metrics": 5}


def test_nothing_new_does_not_start_the_embedded_server(own: Settings) -> None:
    first = load.publish(own, now=NOON)
    assert first.published
    assert not server.running(own)
    state = Embedded(own.postgres_dir).state()
    again = load.publish(own, now=NOON)
    assert (again.published, again.publish_id, again.rows) == (False, first.publish_id, first.rows)
    assert Embedded(own.postgres_dir).state() == state


def test_the_embedded_database_is_asked_again_when_somebody_used_it(own: Settings) -> None:
    load.publish(own, now=NOON)
    with server.database(own) as url:
        migrate.downgrade(url)
    assert load.publish(own, now=NOON).published
    assert not load.publish(own, now=NOON).published


def test_an_unreachable_server_is_said_in_one_line(own: Settings) -> None:
    settings = load_settings(own.home, postgres_url="postgresql://me:s3cr3t@127.0.0.1:1/db")
    with pytest.raises(TransientError) as caught:
        load.publish(settings, now=NOON)
    assert "127.0.0.1:1/db" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_lock_that_is_held_is_waited_for_and_then_named(
    home: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learning_pipeline.publish import merge

    load.publish(home, now=NOON)
    stage(home, executions(61), learn=False)
    monkeypatch.setattr(merge, "LOCK_TIMEOUT", "100ms")
    waits: list[float] = []
    with psycopg.connect(url) as other:
        other.execute("select pg_advisory_xact_lock(%s)", (migrate.LOCK,))
        with pytest.raises(TransientError, match=r"publishing at .* failed: canceling statement due to lock timeout"):
            load.publish(home, now=NOON, wait=waits.append)
    assert len(waits) == load.ATTEMPTS - 1
    assert load.publish(home, now=NOON).published


def test_a_connection_that_is_cut_is_tried_again(home: Settings, url: str) -> None:
    cut: list[str] = []

    def cut_once(step: str, done: int, total: int) -> None:
        if not cut:
            cut.append(step)
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )

    waits: list[float] = []
    report = load.publish(home, now=NOON, progress=cut_once, wait=waits.append)
    assert report.published
    assert len(waits) == 1
    assert ask(url, "select count(*) from enhanced_learning.executions") == [(60,)]


def test_what_no_try_can_heal_is_not_tried_again(home: Settings, url: str) -> None:
    load.publish(home, now=NOON)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter table enhanced_learning.executions add constraint odd check (execution_id <> 'e060')")
    stage(home, executions(61), learn=False)
    waits: list[float] = []
    with pytest.raises(PipelineError, match="violates check constraint") as caught:
        load.publish(home, now=NOON, wait=waits.append)
    assert not isinstance(caught.value, TransientError)
    assert waits == []


@pytest.mark.parametrize(("steps", "rows"), [(0, 60), (1, 90)])  # In the midst of it; just after its commit.
def test_killed_inside_the_load_nothing_has_changed(own: Settings, steps: int, rows: int) -> None:
    load.publish(own, now=NOON)
    stage(own, executions(90), learn=False)
    command = [sys.executable, "-c", _PUBLISH_AND_DIE, str(own.home), str(steps)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with server.database(own) as url:
        assert whole(url) == rows
    assert load.publish(own, now=NOON).rows["executions"] == 90
    assert not server.running(own)

"""Publishing under trouble: killed, stopped, cut off. A reader who looks all along sees whole versions only."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from learning_pipeline.publish import merge, migrate, server, upkeep
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.content import Content
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.publish.helpers import ask, load, version

_PUBLISH = """
import sys
from learning_pipeline.publish import merge, upkeep
from learning_pipeline.publish.connect import connect
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.publish.test_trouble import content_of_version
what = content_of_version(int(sys.argv[2]))
print("go", flush=True)
with connect(sys.argv[1], autocommit=True) as connection:
    upkeep.before(connection, what, NOON)
    merge.load(connection, what, now=NOON)
"""
_WHOLE = """
    select
        (select count(*) from enhanced_learning.executions), (select count(*) from enhanced_learning.agent_metrics),
        (select count(task_embedding) from enhanced_learning.agent_metrics),
        (select count(distinct embedding_version) from enhanced_learning.agent_metrics),
        (select row_counts from enhanced_learning.publishes where state = 'current'),
        (select embedding_version from enhanced_learning.publishes where state = 'current'),
        (select min(embedding_version) from enhanced_learning.agent_metrics)
"""


def content_of_version(number: int) -> Content:
    """Return a version whose number of rows, days and embedding differ from those of the others."""
    rows = [
        {"execution_id": f"e{row:05}", "task_text": f"task {row} of {number}", "quality_score": (number % 10) / 10,
         "started_at": NOON + timedelta(days=row % 40), "ended_at": None}
        for row in range(400 + 60 * number)
    ]  # fmt: skip
    generator = np.random.default_rng(number // 3)
    vectors = {str(row["execution_id"]): generator.normal(size=512) for row in rows}
    return version(rows, vectors, [{}], embedding_version=f"e{number // 3}")


def whole(url: str) -> int:
    """Return how many executions there are, and check that all tables are of one version."""
    ((executions, metrics, embedded, versions, counted, current, stored),) = ask(url, _WHOLE)
    assert counted["executions"] == counted["agent_metrics"] == executions == metrics == embedded
    assert (versions, stored) == (1, current)
    return int(executions)


class Reader(threading.Thread):
    """Looks all along, and keeps what it saw and what went wrong; without a server there is nothing to see."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.seen, self.wrong, self.ended = url, set[int](), list[str](), threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self.seen.add(whole(self.url))
            except psycopg.OperationalError:
                time.sleep(0.02)
            except AssertionError as error:
                self.wrong.append(str(error))


@contextmanager
def read(url: str) -> Iterator[Reader]:
    reader = Reader(url)
    reader.start()
    try:
        yield reader
    finally:
        reader.ended.set()
        reader.join()
    assert reader.wrong == []


def twice(url: str) -> list[tuple[object, ...]]:
    return ask(url, "select execution_id from enhanced_learning.executions group by 1 having count(*) > 1")


@pytest.mark.slow
def test_killed_at_random_moments(upgraded: str) -> None:
    """The old version or the new one; the next run completes, and nothing is there twice."""
    moments = random.Random(1)
    load(upgraded, content_of_version(0))
    with read(upgraded) as reader:
        for number in range(1, 21):
            before = whole(upgraded)
            child = subprocess.Popen(
                [sys.executable, "-c", _PUBLISH, upgraded, str(number)], stdout=subprocess.PIPE, text=True
            )
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(moments.uniform(0, 1.2))
            child.send_signal(signal.SIGKILL)
            child.communicate()
            assert whole(upgraded) in (before, 400 + 60 * number)
            if number % 2:  # Else the next version comes on top of what the kill left.
                load(upgraded, content_of_version(number))
                assert whole(upgraded) == 400 + 60 * number
            assert twice(upgraded) == []
    assert reader.seen <= {400 + 60 * number for number in range(21)}
    load(upgraded, content_of_version(20))
    assert whole(upgraded) == 1600
    left = "select count(*) from pg_class where relname like 'stage_%' and relpersistence = 't'"
    for _ in range(100):  # A killed client's session ends a moment later.
        if ask(upgraded, left) == [(0,)]:
            break
        time.sleep(0.1)
    assert ask(upgraded, left) == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_stops_in_the_midst_keeps_the_old_version(how: signal.Signals) -> None:
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        settings = load_settings(Path(directory))
        try:
            with server.database(settings) as url:
                migrate.upgrade(url)
                load(url, content_of_version(0))

                def stop(step: str, done: int, total: int) -> None:
                    os.kill(int((settings.postgres_dir / "data" / "postmaster.pid").read_text().split()[0]), how)
                    time.sleep(0.3)

                with pytest.raises(psycopg.OperationalError), connect(url, autocommit=True) as connection:
                    what = content_of_version(5)
                    upkeep.before(connection, what, NOON)
                    merge.load(connection, what, now=NOON, progress=stop)
                time.sleep(0.5)
            with server.database(settings) as url:
                assert whole(url) == 400
                load(url, content_of_version(5))
                assert whole(url) == 700
                assert twice(url) == []
        finally:
            Embedded(settings.postgres_dir).stop()


def test_a_connection_that_is_cut_leaves_the_old_version(upgraded: str) -> None:
    load(upgraded, content_of_version(0))

    def cut(step: str, done: int, total: int) -> None:
        ask(
            upgraded,
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and application_name = 'learning-pipeline'",
        )

    with pytest.raises(psycopg.OperationalError), connect(upgraded, autocommit=True) as connection:
        what = content_of_version(4)
        upkeep.before(connection, what, NOON)
        merge.load(connection, what, now=NOON, progress=cut)
    assert whole(upgraded) == 400
    load(upgraded, content_of_version(4))
    assert whole(upgraded) == 640


def test_a_new_embedding_is_loaded_while_the_old_one_is_searched(upgraded: str) -> None:
    """No reader waits for the load, and none is shown tasks of two versions of the embedding."""
    load(upgraded, content_of_version(0))
    one = str([1.0] + [0.0] * 511)
    seen: list[tuple[object, ...]] = []

    def search(step: str, done: int, total: int) -> None:
        with psycopg.connect(upgraded, options="-c statement_timeout=5s") as connection:
            seen.extend(
                connection.execute(
                    "select count(*), min(embedding_version), max(embedding_version) "
                    "from enhanced_learning.similar_tasks(%s::vector, 10, -1)",
                    (one,),
                ).fetchall()
            )

    with connect(upgraded, autocommit=True) as connection:
        what = content_of_version(9)
        upkeep.before(connection, what, NOON)
        loaded = merge.load(connection, what, now=NOON, progress=search)
        indexes = "select count(*) from pg_indexes where indexname like 'agent_metrics_embedding%'"
        assert ask(upgraded, indexes) == [(2,)]
        assert upkeep.after(connection, NOON, analyze=False) == []
    assert set(seen) == {(10, "e0", "e0"), (10, "e3", "e3")}
    assert ask(upgraded, indexes) == [(1,)]
    assert loaded.recall is not None
    assert loaded.recall["recall"] >= 0.97
    assert loaded.recall["tasks"] == 940
    assert ask(upgraded, "select recall ->> 'tasks' from enhanced_learning.publishes where state = 'current'") == [
        ("940",)
    ]


def test_two_publishes_at_once_come_one_after_the_other(upgraded: str) -> None:
    load(upgraded, content_of_version(0))
    children = [
        subprocess.Popen([sys.executable, "-c", _PUBLISH, upgraded, str(number)], stdout=subprocess.PIPE)
        for number in (3, 4)
    ]
    assert [child.wait() for child in children] == [0, 0]
    for child in children:
        child.communicate()
    assert whole(upgraded) in (580, 640)


def test_a_full_disk_is_a_failure_that_leaves_the_old_version(upgraded: str) -> None:
    """A trigger says what the server says when its disk is full, at the last moment before the commit."""
    load(upgraded, content_of_version(0))
    with connect(upgraded, autocommit=True) as connection:
        connection.execute(
            "create function public.is_full() returns trigger language plpgsql as "
            "$$ begin raise exception 'no space left on device' using errcode = 'disk_full'; end $$"
        )
        connection.execute(
            "create trigger full_disk before insert on enhanced_learning.publishes "
            "for each statement execute function public.is_full()"
        )
        what = content_of_version(2)
        upkeep.before(connection, what, NOON)
        with pytest.raises(psycopg.errors.DiskFull):
            merge.load(connection, what, now=NOON)
        assert whole(upgraded) == 400
        connection.execute("drop function public.is_full cascade")
    load(upgraded, content_of_version(2))
    assert whole(upgraded) == 520

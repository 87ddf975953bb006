"""A refresh that is killed outright at any moment: readers see whole versions, the next run comes to the same end."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import date
from itertools import count
from pathlib import Path

import duckdb
import pytest

from learning_pipeline.marts.digest import digests as marts_digests
from learning_pipeline.sample import write_sample
from learning_pipeline_tests.homes import digests
from learning_pipeline_tests.killing import kill_in_each_part

pytestmark = pytest.mark.slow

KILLS = 20


def start(home: Path, sample: Path) -> subprocess.Popen[bytes]:
    kinds = ("claude_code", "execution_log", "git_hooks")
    sources = [word for kind in kinds for word in ("--source", f"{kind}={sample / kind}")]
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "refresh", "--home", str(home), "--no-publish"]
    return subprocess.Popen(
        [*command, *sources],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LEARNING_PIPELINE_HOST": "test"},
    )


class Reader(threading.Thread):
    """Opens the marts every 50 ms and notes what it sees, until it is stopped."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.stopped = threading.Event()
        self.seen: set[tuple[int, int]] = set()
        self.errors: list[str] = []
        self.reads = 0

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            if not self.path.exists():
                continue
            try:
                with duckdb.connect(str(self.path), read_only=True) as connection:
                    facts = connection.sql("select count(*) from fct_llm_calls").fetchall()[0][0]
                    counted = connection.sql("select coalesce(sum(calls), 0) from mart_usage_daily").fetchall()[0][0]
                    connection.sql("select count(*) from mart_data_dictionary").fetchall()
                self.seen.add((int(facts), int(counted)))
                self.reads += 1
            except duckdb.Error as error:
                self.errors.append(str(error))


def arrive(sample: Path, base: Path, number: int) -> None:
    """Let a new session appear among the logs."""
    new = base / f"new{number}"
    write_sample(new, days=1, sessions=1, seed=100 + number, last_day=date(2026, 3, 9), scale=0.05, executions=0)
    (new / "claude_code").rename(sample / "claude_code" / f"new{number}")


def test_killed_at_random_moments(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    write_sample(sample, days=3, sessions=6, seed=3, last_day=date(2026, 3, 8), scale=0.1)
    began = time.monotonic()
    assert start(tmp_path / "clean", sample).wait(timeout=300) == 0
    whole = time.monotonic() - began

    home = tmp_path / "home"
    reader = Reader(home / "marts.duckdb")
    reader.start()
    arrived = count()

    def started() -> subprocess.Popen[bytes]:
        arrive(sample, tmp_path, next(arrived))  # there is something to do, whatever the one before did
        return start(home, sample)

    try:
        kill_in_each_part(started, KILLS, whole, seed=1, ended=lambda: None)
        assert start(home, sample).wait(timeout=300) == 0
        assert start(tmp_path / "clean", sample).wait(timeout=300) == 0
    finally:
        reader.stopped.set()
        reader.join(timeout=30)

    assert digests(home) == digests(tmp_path / "clean")
    assert marts_digests(home / "marts.duckdb") == marts_digests(tmp_path / "clean" / "marts.duckdb")
    assert not reader.errors
    assert reader.reads > 0
    assert all(facts == counted for facts, counted in reader.seen), reader.seen
    assert not list(home.glob("*.wal"))
    with closing(sqlite3.connect(home / "dagster" / "history" / "runs.db")) as runs:
        assert {status for (status,) in runs.execute("select status from runs")} == {"SUCCESS", "CANCELED"}

"""Five days in fast motion: real daemons, files that come late and in pieces, a source that breaks and is mended."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from learning_pipeline.assets import record
from learning_pipeline.assets.automation import UNDER_WAY
from learning_pipeline.assets.instance import instance
from learning_pipeline.assets.refresh import refresh
from learning_pipeline.assets.serve import environment
from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.land import has_changes
from learning_pipeline.marts.build import stale_days
from learning_pipeline.marts.digest import digests as marts_digests
from learning_pipeline.publish.schema import METRICS, SCHEMA, TABLES
from learning_pipeline.sample import write_sample
from learning_pipeline.settings import Settings, SourceSpec, load_settings
from learning_pipeline_tests.assets.fast_motion import CLOCK
from learning_pipeline_tests.assets.test_watching import listener
from learning_pipeline_tests.homes import digests
from learning_pipeline_tests.publish.conftest import server, url, url_of
from learning_pipeline_tests.publish.helpers import ask

__all__ = ["server", "url"]

pytestmark = pytest.mark.slow

KINDS = ("claude_code", "codex", "execution_log", "git_hooks")
BROKEN = "codex"
DAYS = 5
TODAY = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
FIRST = TODAY - timedelta(days=DAYS + 1)
PATIENCE_SECONDS = 600.0
# What tells of runs, of when a version was trained, or of versions in between.
_OF_RUNS = ("publishes", "audit_log", "retention", "ml_models")


def wait_for(what: str, now: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := now()) != wanted:
        assert time.monotonic() < deadline, f"waited in vain for {what}: {found}"
        time.sleep(2)


@contextmanager
def daemon(settings: Settings, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real Dagster daemon on the home directory."""
    with instance(settings):
        pass  # makes the instance's databases
    module = ["-m", "learning_pipeline_tests.assets.fast_motion", "-d", str(Path(__file__).parents[2])]
    command = [sys.executable, "-m", "dagster._daemon", "run", *module]
    with (settings.home / "daemon.log").open("wb") as log:
        child = subprocess.Popen(
            command, env=variables, cwd=settings.home, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield child
        assert child.poll() is None, (settings.home / "daemon.log").read_text()[-2000:]
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(60)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


def arrivals(sample: Path, logs: Path) -> list[list[tuple[Path, bytes]]]:
    """Return what is written where, one list a moment: files in pieces that end anywhere, some of them days late."""
    dice = random.Random(7)
    moments: list[list[tuple[Path, bytes]]] = [[] for _ in range(3 * DAYS)]
    for kind in KINDS:
        for path in sorted(path for path in (sample / kind).rglob("*") if path.is_file()):
            data, target = path.read_bytes(), logs / path.relative_to(sample)
            cuts = sorted(dice.sample(range(len(data)), min(3, len(data))))
            when = sorted(dice.choices(range(len(moments)), k=len(cuts) + 1))
            for begin, end, at in zip([0, *cuts], [*cuts, len(data)], when, strict=True):
                moments[at].append((target, data[begin:end]))
    return moments


def write(pieces: list[tuple[Path, bytes]], away: dict[Path, Path]) -> None:
    for path, data in pieces:
        for here, there in away.items():
            path = there / path.relative_to(here) if path.is_relative_to(here) else path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)


def turn(clock: Path, now: datetime) -> None:
    """Set the clock; who reads it meanwhile reads the old time or the new one, never an empty file."""
    part = clock.with_suffix(".part")
    part.write_text(now.isoformat())
    part.replace(clock)


def left_to_do(settings: Settings) -> list[str]:
    """Return what is left to do."""
    with instance(settings) as opened:
        if opened.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=1):
            return ["a run"]
    try:
        left = {
            "files": has_changes(settings, settings.sources),
            "days": bool(stale_days(settings)),
            "the rest": record.is_current(settings, publish=True) is None,
        }
    except PipelineError as error:  # looked at in the midst of a run
        return [str(error)]
    return [name for name, is_left in left.items() if is_left]


def published(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows but for what describes runs."""
    found = {}
    for table in sorted(set(TABLES) - set(_OF_RUNS)):
        columns = [name for name in TABLES[table].to_schema().columns if name != "landed_at"]
        names = ", ".join(f'"{name}"' if name != "task_embedding" else f'"{name}"::text' for name in columns)
        which = "where category <> 'router'" if table == "learning_analytics" else ""
        found[table] = sorted(ask(url, f"select {names} from {SCHEMA}.{table} {which}"), key=repr)
    return found


def reasons(opened: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return what went wrong in a run, with the place in the code."""
    entries = opened.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return [str(entry.get_dagster_event().step_failure_data.error_display_string) for entry in entries]


@pytest.fixture
def clean_url(server: str) -> Iterator[str]:
    """Give the URL of another empty database."""
    name = f"clean{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield url_of(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def test_five_days_come_to_what_one_refresh_comes_to(tmp_path: Path, url: str, clean_url: str) -> None:
    sample, logs, clock = tmp_path / "sample", tmp_path / "logs", tmp_path / "clock"
    write_sample(sample, days=DAYS, sessions=10, seed=5, last_day=(TODAY - timedelta(days=2)).date(), scale=0.1)
    moments = arrivals(sample, logs)
    for kind in KINDS:
        (logs / kind).mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    tables = "".join(f'[[sources]]\nkind = "{kind}"\npath = "{logs / kind}"\n' for kind in KINDS)
    # The first daily partition is later than some of the data: what comes late may come before all that was known.
    first_day = (FIRST + timedelta(days=3)).date()
    (home / "learning_pipeline.toml").write_text(f'schedule_cron = "* * * * *"\nfirst_day = {first_day}\n{tables}')
    turn(clock, FIRST)
    with listener() as (hook, heard):
        settings = load_settings(home, postgres_url=url, notify_urls=[hook], host="test")
        given = {"POSTGRES_URL": url, "NOTIFY_URLS": f'["{hook}"]', "HOST": "test"}
        variables = {f"LEARNING_PIPELINE_{name}": value for name, value in given.items()}

        def told() -> list[str]:
            lines = [line for one in heard for line in one["message"].splitlines()]
            return [line.partition(":")[0] for line in lines if f": source {BROKEN}: " in line]

        def rows(kind: str) -> int:
            ((n,),) = ask(url, f"select count(*) from {SCHEMA}.executions where source = %s", kind)
            return int(n)

        def is_there() -> bool:
            return ask(url, f"select to_regclass('{SCHEMA}.publishes') is not null") == [(True,)]

        away: dict[Path, Path] = {}
        before: dict[str, int] = {}

        def has_more() -> bool:
            return rows("execution_log") > before["execution_log"]

        with daemon(settings, {**environment(settings), **variables, CLOCK: str(clock)}):
            for number, pieces in enumerate(moments):
                turn(clock, FIRST + timedelta(hours=8 * (number + 1)))
                if number == 5:
                    wait_for("a first version", lambda: is_there() and rows("execution_log") > 0, True)
                    away[logs / BROKEN] = tmp_path / "away"
                    (logs / BROKEN).rename(tmp_path / "away")
                    before |= {kind: rows(kind) for kind in KINDS}
                write(pieces, away)
                time.sleep(3)
                if number == 10:
                    wait_for("the page", told, ["critical"])
                    wait_for("the others' data", has_more, True)
                    assert rows(BROKEN) == before[BROKEN]
                    (tmp_path / "away").rename(logs / BROKEN)
                    away.clear()
            turn(clock, TODAY)
            wait_for("the end", lambda: left_to_do(settings), [])
            wait_for("the recovery", told, ["critical", "cleared"])
            time.sleep(5)
            assert told() == ["critical", "cleared"]
            with instance(settings) as opened:
                failed = opened.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
                assert [reasons(opened, run.run_id) for run in failed] == []
    clean = load_settings(tmp_path / "clean", postgres_url=clean_url, host="test", first_day=first_day)
    specs = [SourceSpec(kind=kind, path=logs / kind) for kind in KINDS]
    refresh(clean, specs, now=TODAY, publish=True)
    assert digests(home) == digests(clean.home)
    assert marts_digests(settings.marts_path) == marts_digests(clean.marts_path)
    assert published(url) == published(clean_url)
    assert ask(clean_url, f"select count(*) > 0 from {SCHEMA}.{METRICS}") == [(True,)]

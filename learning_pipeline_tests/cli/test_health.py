"""`health` as a user meets it: exit codes, what it tells, files that it writes."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from learning_pipeline.assets.health import alerts
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.cli.test_cli import SAMPLE, environment, here, one_line_of

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
PER_HOUR, HOURS = 5, 24


def write_log(path: Path, *, days_ago: int = 1, failures: int = 0) -> None:
    """Write a day of executions, of which some of the five an hour fail."""
    lines = []
    for n in range(HOURS * PER_HOUR):
        at = NOW - timedelta(days=days_ago) + timedelta(hours=n // PER_HOUR)
        failed = n % PER_HOUR < failures
        told = {"status": "failed", "error_type": "tool", "error_message": "no"} if failed else {"status": "completed"}
        row = {"execution_id": f"e{days_ago}.{n}", "agent_name": "alpha", "task": f"task {n}"}
        row |= {"started_at": at.isoformat(), "ended_at": (at + timedelta(minutes=2)).isoformat()}
        lines.append(json.dumps(row | told))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def refreshed(home: Path, log: Path) -> None:
    done = here("refresh", "--no-publish", "--home", str(home), "--source", f"execution_log={log}")
    assert done.returncode == 0, done.stderr


def asked(home: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = here("health", "--json", "--home", str(home), *options)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_an_alert_fires_and_clears_in_health(tmp_path: Path) -> None:
    home, logs, metrics = tmp_path / "home", tmp_path / "logs", tmp_path / "metrics.prom"
    write_log(logs / "1.jsonl", days_ago=3)
    refreshed(home, logs)
    code, told = asked(home)
    assert (code, told["state"]) == (0, "ok"), told
    assert [event["event_type"] for event in told["audit"]][-1] == "landing"

    write_log(logs / "2.jsonl", days_ago=2, failures=3)
    refreshed(home, logs)
    code, told = asked(home, "--prometheus", str(metrics))
    assert (code, told["state"]) == (1, "critical")
    raised = {one["name"]: one for one in told["findings"] if one["state"] != "ok"}
    assert {"success_rate of all", "success_rate of alpha", "error_rate of all", "error_rate of alpha"} == set(raised)
    assert raised["success_rate of all"]["value"] == pytest.approx(0.4)
    assert raised["success_rate of all"]["since"] is not None
    families = {one.name: one for one in text_string_to_metric_families(metrics.read_text())}
    values = {
        (sample.labels["rule"], sample.labels["subject"]): sample.value
        for sample in families["learning_pipeline_alert_state"].samples
    }
    assert values["success_rate", "alpha"] == 2 and values["cost_spike", "all"] == 0
    assert families["learning_pipeline_health_worst"].samples[0].value == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("metrics.prom.")]

    write_log(logs / "3.jsonl", days_ago=1)
    refreshed(home, logs)
    assert asked(home)[0] == 0
    rows = {(row["rule"], row["subject"]): row for row in alerts(load_settings(home))}
    cleared = rows["success_rate", "alpha"]
    assert (cleared["state"], cleared["fired"], cleared["cleared"]) == ("ok", 1, 1)


@pytest.mark.slow
def test_the_sample_is_silent(tmp_path: Path) -> None:
    done = here("refresh", "--no-publish", "--home", str(tmp_path), "--source", f"auto={SAMPLE}")
    assert done.returncode == 0, done.stderr
    rows = alerts(load_settings(tmp_path))
    assert {row["state"] for row in rows} == {"ok"}
    assert sum(row["fired"] for row in rows) == 0
    code, told = asked(tmp_path)
    assert code == 0, [one for one in told["findings"] if one["state"] != "ok"]


@pytest.mark.slow
def test_watching_tells_what_fires_once_and_what_clears_once(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "logs" / "log.jsonl"
    write_log(log)
    refreshed(home, log)
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "health", "--home", str(home)]
    command += ["--watch", "--interval", "0.2", "--json"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    assert watcher.stdout is not None
    try:
        first = json.loads(watcher.stdout.readline())
        assert (first["state"], first["changes"]) == ("ok", [])
        looked = home / "looked_at"
        told = looked.read_text()
        looked.write_text("2020-01-01T00:00:00+00:00\n")
        seen = [_until(watcher, "warning")]
        looked.write_text(told)
        seen.append(_until(watcher, "ok"))
    finally:
        os.kill(watcher.pid, signal.SIGTERM)
        rest = watcher.stdout.read()
    assert watcher.wait(30) == 0
    assert [[(one["name"], one["state"]) for one in changes] for changes in seen] == [
        [("fresh", "warning")],
        [("fresh", "ok")],
    ]
    assert all(not json.loads(line)["changes"] for line in rest.splitlines())
    assert json.loads((home / "health.json").read_text())["fresh"]["state"] == "ok"


def _until(watcher: "subprocess.Popen[str]", state: str) -> list[dict[str, Any]]:
    """Return all changes that are told until the state is reached."""
    changes: list[dict[str, Any]] = []
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert watcher.stdout is not None
        told = json.loads(watcher.stdout.readline())
        changes += told["changes"]
        if told["state"] == state:
            return changes
    raise AssertionError(f"{state} was not reached: {changes}")


def test_no_marts_is_critical(tmp_path: Path) -> None:
    code, told = asked(tmp_path)
    assert (code, told["state"], told["audit"]) == (1, "critical", [])


def test_an_interval_without_watch_and_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    assert "--interval goes with --watch" in one_line_of(here("health", "--interval", "3"), 2)
    done = here("health", "--home", str(tmp_path), "--prometheus", str(tmp_path / "no" / "file.prom"))
    assert "cannot write" in one_line_of(done, 1)

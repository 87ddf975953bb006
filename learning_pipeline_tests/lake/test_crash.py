"""A landing that is killed outright leaves nothing wrong behind: the next one comes to the same end."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from learning_pipeline.lake.ledger import ledger
from learning_pipeline.sample import write_sample
from learning_pipeline_tests.homes import digests, land_all, settings_of

pytestmark = pytest.mark.slow


def start(home: Path, tree: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "land", "--home", str(home)]
    return subprocess.Popen(
        [*command, "--source", f"claude_code={tree}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LEARNING_PIPELINE_HOST": "test", "LEARNING_PIPELINE_WORKERS": "2"},
    )


def test_killed_at_random_moments_then_run_again(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", days=10, sessions=60, seed=5, last_day=date(2026, 3, 8))
    tree = tmp_path / "sample" / "claude_code"
    land_all(tmp_path / "clean", tree)
    began = time.monotonic()
    assert start(tmp_path / "timed", tree).wait(timeout=120) == 0
    whole = time.monotonic() - began
    dice = random.Random(20)
    killed = 0
    for _ in range(20):
        process = start(tmp_path / "home", tree)
        try:
            process.wait(timeout=dice.uniform(0.1, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
            killed += 1
    assert killed >= 5
    land_all(tmp_path / "home", tree)
    assert digests(tmp_path / "home") == digests(tmp_path / "clean") == digests(tmp_path / "timed")
    # What a killed landing had read counts as new until a landing that is not killed has counted it.
    lines = [ledger(settings_of(tmp_path / home))["event_lines"].sum() for home in ("home", "clean")]
    assert lines[0] == lines[1]

"""A landing that is killed outright leaves nothing wrong behind: the next one comes to the same end."""

import os
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from learning_pipeline.lake.ledger import ledger
from learning_pipeline.sample import write_sample
from learning_pipeline_tests.homes import digests, land_all, settings_of
from learning_pipeline_tests.killing import kill_in_each_part

pytestmark = pytest.mark.slow

KILLS = 12


def start(home: Path, tree: Path, kind: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "land", "--home", str(home)]
    return subprocess.Popen(
        [*command, "--source", f"{kind}={tree}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LEARNING_PIPELINE_HOST": "test", "LEARNING_PIPELINE_WORKERS": "2"},
    )


@pytest.mark.parametrize("kind", ["claude_code", "auto"])
def test_killed_at_random_moments_then_run_again(tmp_path: Path, kind: str) -> None:
    write_sample(tmp_path / "sample", days=10, sessions=60, seed=5, last_day=date(2026, 3, 8))
    tree = tmp_path / "sample" / ("" if kind == "auto" else kind)
    land_all(tmp_path / "clean", tree, kind=kind)
    began = time.monotonic()
    assert start(tmp_path / "timed", tree, kind).wait(timeout=120) == 0
    whole = time.monotonic() - began
    kill_in_each_part(
        lambda: start(tmp_path / "home", tree, kind),
        KILLS,
        whole,
        seed=20,
        ended=lambda: shutil.rmtree(tmp_path / "home"),  # it was done: what follows would find nothing new
    )
    land_all(tmp_path / "home", tree, kind=kind)
    assert digests(tmp_path / "home") == digests(tmp_path / "clean") == digests(tmp_path / "timed")
    # What a killed landing had read counts as new until a landing that is not killed has counted it.
    lines = [ledger(settings_of(tmp_path / home))["event_lines"].sum() for home in ("home", "clean")]
    assert lines[0] == lines[1]

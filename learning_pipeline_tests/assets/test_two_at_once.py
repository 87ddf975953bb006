"""Two refreshes of one home that are started at once, as real processes."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from learning_pipeline.assets.lock import home_lock
from learning_pipeline.marts.digest import digests as marts_digests
from learning_pipeline.sample import write_sample
from learning_pipeline_tests.cli.test_cli import environment
from learning_pipeline_tests.homes import digests
from learning_pipeline_tests.publish.conftest import server, url
from learning_pipeline_tests.publish.helpers import ask

__all__ = ["server", "url"]

pytestmark = pytest.mark.slow


def start(home: Path, sample: Path, url: str, *options: str) -> subprocess.Popen[str]:
    kinds = ("claude_code", "execution_log", "git_hooks")
    sources = [word for kind in kinds for word in ("--source", f"{kind}={sample / kind}")]
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "refresh", "--json", "--home", str(home)]
    return subprocess.Popen(
        [*command, *sources, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(LEARNING_PIPELINE_HOST="test", LEARNING_PIPELINE_POSTGRES_URL=url),
    )


def ended(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = child.communicate(timeout=300)
    return child.returncode, out, err


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    write_sample(tmp_path / "sample", days=3, sessions=6, seed=3, last_day=date(2026, 3, 8), scale=0.1)
    return tmp_path / "sample"


def test_one_works_and_the_other_waits_and_finds_nothing_left(tmp_path: Path, sample: Path, url: str) -> None:
    home = tmp_path / "home"
    children = [start(home, sample, url, "--wait", "200") for _ in range(2)]
    done = [ended(child) for child in children]
    assert [code for code, _, _ in done] == [0, 0], done
    first, second = sorted((json.loads(out.splitlines()[-1]) for _, out, _ in done), key=lambda one: -one["events"])
    assert first["events"] > 0
    assert first["publish"]["rows"]["executions"] > 0
    assert (second["events"], second["files_changed"], second["publish"]["rows"]) == (0, 0, {})
    assert second["publish"]["publish_id"] == first["publish"]["publish_id"]
    told = [err for _, _, err in done if "waiting" in err]
    assert len(told) == 1, done
    assert "another run" in told[0]
    assert ask(url, "select count(*) from enhanced_learning.publishes") == [(1,)]
    code, _, err = ended(start(tmp_path / "alone", sample, url, "--no-publish"))
    assert code == 0, err
    assert digests(home) == digests(tmp_path / "alone")
    assert marts_digests(home / "marts.duckdb") == marts_digests(tmp_path / "alone" / "marts.duckdb")


def test_the_other_stops_with_one_clear_line(tmp_path: Path, sample: Path, url: str) -> None:
    home = tmp_path / "home"
    with home_lock(home, wait_seconds=0):
        code, out, err = ended(start(home, sample, url, "--wait", "0.5"))
    assert (code, out) == (1, "")
    assert "is being written by another run; try again when it is done, or pass --wait SECONDS" in err
    assert "Traceback" not in err
    assert not (home / "lake").exists()

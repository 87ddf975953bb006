"""The command line as a user meets it: exit codes, one-line errors, what it imports."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from learning_pipeline.assets.lock import home_lock
from learning_pipeline.cli.main import COMMANDS, main

HEAVY = ("dagster", "sklearn", "duckdb", "psycopg", "matplotlib")
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEARNING_PIPELINE_")}
    return {**kept, **changes}


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "learning_pipeline.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**changes), check=False, timeout=300)


def here(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process: a new one imports for a second, and is only needed where it is tested itself."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(**changes), clear=True),
        patch.object(sys, "argv", ["learning-pipeline", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess([*arguments], ended.value.code, out.getvalue(), err.getvalue())


def imported(*arguments: str) -> set[str]:
    """Return the heavy packages that a command imports."""
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('IMPORTED', *[name for name in {HEAVY!r} if name in sys.modules]))\n"
        f"sys.argv = ['learning-pipeline', *{list(arguments)!r}]\n"
        "from learning_pipeline.cli.main import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def one_line_of(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert imported("--help") == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    done = here(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")


def test_wrong_usage_exits_with_2() -> None:
    assert here("no-such-command").returncode == 2
    assert here("refresh", "--no-such-option").returncode == 2
    assert here("query").returncode == 2
    assert here("route").returncode == 2
    assert here("route", "--batch", "in.jsonl").returncode == 2


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no_such_kind=/tmp", "unknown kind 'no_such_kind'"),
        ("claude_code=/no/such/path", "/no/such/path"),
        ("claude_code", "KIND=PATH"),
        ("claude_code=", "KIND=PATH"),
    ],
)
@pytest.mark.parametrize("command", ["refresh", "land"])
def test_a_wrong_source_is_one_line_and_exit_code_2(tmp_path: Path, command: str, source: str, said: str) -> None:
    done = here(command, "--home", str(tmp_path / "home"), "--source", source)
    assert said in one_line_of(done, 2)
    assert not (tmp_path / "home").exists()


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "learning_pipeline.toml").write_text("retention_days = -1\n")
    assert "retention_days" in one_line_of(here("refresh", "--home", str(tmp_path)), 2)


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = tmp_path / "in"
    source.mkdir()
    done = here("land", "--home", str(tmp_path / "file" / "home"), "--source", f"execution_log={source}")
    assert "cannot write the home directory" in one_line_of(done, 1)


@pytest.mark.parametrize("command", ["refresh", "land", "build", "train", "publish"])
def test_a_locked_home_is_one_line(tmp_path: Path, command: str) -> None:
    source = tmp_path / "in"
    source.mkdir()
    options = ["--source", f"execution_log={source}"] if command in ("refresh", "land") else []
    with home_lock(tmp_path / "home", wait_seconds=0):
        done = run(command, "--home", str(tmp_path / "home"), "--wait", "0", *options)
    assert "is being written by another run" in one_line_of(done, 1)


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    command = ["land", "--home", str(tmp_path / "home"), "--wait", "60", "--source", f"execution_log={source}"]
    with home_lock(tmp_path / "home", wait_seconds=0):
        second = subprocess.Popen(
            [sys.executable, "-m", "learning_pipeline.cli.main", *command], env=environment(), stdout=subprocess.PIPE
        )
        time.sleep(1)
        assert second.poll() is None
    second.communicate(timeout=120)
    assert second.returncode == 0


@pytest.mark.parametrize(
    "arguments", [("query", "--sql", "select 1"), ("query", "no_such_question"), ("health",), ("health", "--json")]
)
def test_an_empty_home_is_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = here(*arguments, "--home", str(tmp_path))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1


def test_a_bad_batch_file_says_which_line(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"task_id": "1", "task_text": "a"}\n\n{"task_id": "2"}\n')
    done = here("route", "--home", str(tmp_path), "--batch", str(tasks), "--output", str(tmp_path / "out.jsonl"))
    assert f"{tasks} line 3" in one_line_of(done, 1)
    assert not (tmp_path / "out.jsonl").exists()


def test_the_help_of_route_shows_a_line_of_a_batch() -> None:
    said = here("route", "--help").stdout
    line = next(line.strip() for line in said.splitlines() if line.strip().startswith("{"))
    assert {"task_id", "task_text", "candidates"} == set(json.loads(line))
    assert all(name in said for name in ("task_type", "repository", "context_tokens"))


@pytest.mark.parametrize("text", ["", "  "])
def test_a_task_without_a_text_is_refused(tmp_path: Path, text: str) -> None:
    assert "is empty" in one_line_of(here("route", "--home", str(tmp_path), text), 2)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = here("ui", "--home", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "choose another --port" in done.stderr.splitlines()[-1]


def test_an_interrupt_ends_cleanly(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    command = ["land", "--home", str(tmp_path / "home"), "--wait", "60", "--source", f"execution_log={source}"]
    with home_lock(tmp_path / "home", wait_seconds=0):
        child = subprocess.Popen(
            [sys.executable, "-m", "learning_pipeline.cli.main", *command],
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(2)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in said


def test_landing_imports_nothing_heavy(tmp_path: Path) -> None:
    source = f"execution_log={SAMPLE / 'execution_log'}"
    assert imported("land", "--home", str(tmp_path), "--source", source) == set()


@pytest.mark.slow
def test_refresh_twice(tmp_path: Path) -> None:
    arguments = ["refresh", "--home", str(tmp_path), "--source", f"auto={SAMPLE}", "--no-publish", "--json"]
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout.splitlines()[-1])
    assert len(first.stdout.splitlines()) == 1
    assert set(summary) == {
        *("lines_read", "events", "duplicates", "quarantined", "ignored", "files_scanned", "files_changed"),
        *("bytes_read", "days", "marts_path", "router", "publish", "seconds"),
    }
    places = ("events", "duplicates", "quarantined", "ignored")
    assert summary["lines_read"] == sum(summary[place] for place in places) > 0
    assert summary["days"] == sorted(summary["days"]) != []
    assert Path(summary["marts_path"]).exists()
    assert set(summary["router"]) == {"version", "promoted", "reason"}
    assert summary["publish"] == {"publish_id": None, "rows": {}}
    assert "learning-pipeline query" in first.stderr

    before = Path(summary["marts_path"]).stat()
    again = json.loads(run(*arguments).stdout.splitlines()[-1])
    assert (again["files_changed"], again["bytes_read"], again["lines_read"], again["days"]) == (0, 0, 0, [])
    assert again["files_scanned"] == summary["files_scanned"]
    assert again["router"]["version"] == summary["router"]["version"]
    assert Path(summary["marts_path"]).stat() == before
    assert "dagster" not in imported(*arguments[:-1])

    health = run("health", "--home", str(tmp_path), "--json")
    assert health.returncode in (0, 3), health.stdout
    asked = run(
        "query", "--home", str(tmp_path), "--sql", "select count(*) as n from fct_executions", "--format", "json"
    )
    assert json.loads(asked.stdout)[0]["n"] > 0


@pytest.mark.parametrize("command", [("health",), ("refresh",), ("db", "status")])
def test_an_empty_home_is_refused(command: tuple[str, ...]) -> None:
    assert "--home is empty" in one_line_of(here(*command, "--home", ""), 2)
    assert "LEARNING_PIPELINE_HOME is empty" in one_line_of(here(*command, LEARNING_PIPELINE_HOME=""), 2)


def test_hooks_need_a_home_that_is_named_or_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "--home DIR" in one_line_of(run("hooks", "install"), 2)
    assert not (repository / "data").exists()
    named = run("hooks", "install", LEARNING_PIPELINE_HOME=str(tmp_path / "a home"))
    assert named.returncode == 0, named.stderr
    assert f"to: {tmp_path / 'a home'}" in run("hooks", "status").stdout
    (repository / "data").mkdir()
    (repository / "data" / "state.sqlite").touch()
    assert run("hooks", "install").returncode == 0
    assert f"to: {repository / 'data'}" in run("hooks", "status").stdout

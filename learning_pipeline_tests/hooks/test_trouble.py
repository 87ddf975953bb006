"""A thousand commits with hooks on, and all that can go wrong with the spool: git does not notice.

The same commands run in a repository with hooks and in one without; exit codes, output and commits have to be equal.
"""

import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from learning_pipeline.hooks import install, spool_dir
from learning_pipeline.sources.base import Options, split_lines
from learning_pipeline.sources.git_hooks import parse

pytestmark = pytest.mark.slow

COMMITS = 400
FIRST_SECOND = 1772366400
# Git itself writes no file as large as this in these repositories.
LIMIT_BYTES = 40 * 1024


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "LEARNING_PIPELINE_", "CLAUDE_")):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=path, check=True)
    # A reflog grows with each commit; packing writes large files.
    for name, value in (("core.logAllRefUpdates", "false"), ("gc.auto", "0"), ("maintenance.auto", "false")):
        subprocess.run(["git", "config", name, value], cwd=path, check=True)
    return path


def told(repo: Path, *arguments: str, at: int, limit: int | None = None) -> tuple[int, bytes, bytes]:
    """Run git at a fixed time, and return all that it tells."""
    when = f"{FIRST_SECOND + at} +0000"

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        ["git", *arguments],
        cwd=repo,
        env={**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
        capture_output=True,
        preexec_fn=limited if limit is not None else None,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def commit(repo: Path, number: int, limit: int | None = None) -> tuple[int, bytes, bytes]:
    return told(repo, "commit", "--allow-empty", "-m", f"Change {number}", at=number, limit=limit)


def whole_lines(spool: Path) -> list[dict[str, object]]:
    lines = [line for path in sorted(spool.glob("*.jsonl")) for line in path.read_bytes().split(b"\n")]
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def test_hundreds_of_commits(tmp_path: Path) -> None:
    hooked, plain = made(tmp_path / "a" / "repo"), made(tmp_path / "b" / "repo")
    spool = spool_dir(tmp_path / "lp")
    install(hooked, spool=spool)
    quarter = COMMITS // 4
    for number in range(COMMITS):
        if number == quarter:  # somebody clears the spool away
            assert len(whole_lines(spool)) == quarter
            shutil.rmtree(tmp_path / "lp")
        elif number == 2 * quarter:  # and puts a file in its place
            assert len(whole_lines(spool)) == quarter
            shutil.rmtree(spool)
            spool.write_text("not a directory")
        elif number == 3 * quarter:  # then the quota is reached
            spool.unlink()
        limit = LIMIT_BYTES if number >= 3 * quarter else None
        assert commit(hooked, number, limit) == commit(plain, number), number
    heads = [subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=repo) for repo in (hooked, plain)]
    assert heads[0] == heads[1]
    assert spool.is_dir() and not (spool / "not a directory").exists()

    (file,) = spool.glob("*.jsonl")
    assert file.stat().st_size <= LIMIT_BYTES
    kept = whole_lines(spool)
    size = file.stat().st_size / max(1, len(kept))
    # All that there was room for, without a gap.
    assert len(kept) >= min(quarter, LIMIT_BYTES / size - 2)
    history = subprocess.check_output(["git", "rev-list", "--reverse", "HEAD"], cwd=plain, text=True).split()
    assert [line["commit"] for line in kept] == history[3 * quarter : 3 * quarter + len(kept)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write to a file until the disk is full."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(4096):
            os.write(file, b"x" * 256)
        pytest.fail("the disk does not get full")
    except OSError:
        pass
    finally:
        os.close(file)


def test_a_full_disk_loses_no_event_that_fits_again(tmp_path: Path, small_disk: Path) -> None:
    hooked, plain = made(tmp_path / "a" / "repo"), made(tmp_path / "b" / "repo")
    install(hooked, spool=spool_dir(small_disk))
    ballast = small_disk / "ballast"
    for number in range(200):
        assert commit(hooked, number) == commit(plain, number), number
        if number == 40:
            fill(ballast)
        elif number == 80:
            ballast.write_bytes(b"")
    (file,) = spool_dir(small_disk).glob("*.jsonl")
    parsed = parse(split_lines(file.read_bytes()), Options())
    history = subprocess.check_output(["git", "rev-list", "--reverse", "HEAD"], cwd=plain, text=True).split()
    read = parsed.records["commit"].to_list()
    assert read[:41] == history[:41]
    # Half a line is left where the disk was full; from when there was room again, all is there.
    assert len(parsed.rejects) <= 2
    assert len(read) < len(history)
    assert read[-(len(history) - 81) :] == history[81:]


def test_a_pipe_in_place_of_the_file_does_not_hold_git_up(tmp_path: Path) -> None:
    hooked = made(tmp_path / "repo")
    spool = spool_dir(tmp_path / "lp")
    install(hooked, spool=spool)
    assert commit(hooked, 0)[0] == 0
    (file,) = spool.glob("*.jsonl")
    file.unlink()
    os.mkfifo(file)
    started = time.monotonic()
    assert commit(hooked, 1)[0] == 0
    assert time.monotonic() - started < 5


def test_a_hook_adds_little_to_a_commit(tmp_path: Path) -> None:
    """At most 15 ms on an idle machine; a busy one is given up to ten times that, and the least of rounds counts."""
    hooked, plain = made(tmp_path / "a" / "repo"), made(tmp_path / "b" / "repo")
    install(hooked, spool=spool_dir(tmp_path / "lp"))

    def milliseconds(repo: Path, start: int) -> float:
        times = []
        for number in range(start, start + 20):
            begun = time.perf_counter()
            commit(repo, number)
            times.append(time.perf_counter() - begun)
        return 1000 * statistics.median(times)

    added = min(milliseconds(hooked, 100 * at) - milliseconds(plain, 100 * at) for at in range(4))
    assert added <= 150


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_git_that_is_stopped_leaves_whole_lines(tmp_path: Path, stop: Callable[[], None]) -> None:
    hooked = made(tmp_path / "repo")
    spool = spool_dir(tmp_path / "lp")
    install(hooked, spool=spool)
    for number in range(10):
        process = subprocess.Popen(
            ["git", "commit", "-q", "--allow-empty", "-m", f"Change {number}"], cwd=hooked, stderr=subprocess.DEVNULL
        )
        time.sleep(0.002 * number)
        process.send_signal(stop)
        process.wait()
    time.sleep(0.3)
    for path in spool.glob("*.jsonl"):
        assert path.read_bytes().endswith(b"\n")

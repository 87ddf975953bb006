"""One source that is broken stops no other: it is named, the others are landed, and it is read once it is well."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.lake.land import has_changes, land
from learning_pipeline.lake.report import LandReport
from learning_pipeline.settings import SourceSpec, load_settings
from learning_pipeline.sources import claude_code
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.homes import digests
from learning_pipeline_tests.lake.test_odd_files import session

_BAD = b"the parser trips over this"
_SECRET = "ghp_" + "aB3d" * 9


def run(home: Path, *specs: tuple[str, Path], **settings: str) -> LandReport:
    given = [SourceSpec(kind=kind, path=path) for kind, path in specs]
    return land(load_settings(home, workers=1, **settings), given, now=NOON)


def logs_in(root: Path, names: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / f"{name}.jsonl").write_bytes(session(name, 30).text())
    return root


@pytest.fixture
def brittle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the parser of transcripts break on a file that says so."""
    parse = claude_code.parse

    def breaks(lines: Any, *rest: Any) -> Any:
        parsed = parse(lines, *rest)  # what it has found by then must not stay
        if _BAD in Path(rest[-1].file).read_bytes():
            raise ZeroDivisionError(f"of token {_SECRET}")
        return parsed

    monkeypatch.setattr(claude_code, "parse", breaks)


@pytest.mark.usefixtures("brittle")
@pytest.mark.parametrize("mode", ["redacted", "hash"])
def test_a_parser_that_breaks_on_one_file_stops_no_other(tmp_path: Path, mode: str) -> None:
    logs, home = logs_in(tmp_path / "logs", "abcde"), tmp_path / "home"
    text = (logs / "c.jsonl").read_bytes()
    (logs / "c.jsonl").write_bytes(text + b'{"type": "user", "x": "' + _BAD + b'"}\n')
    report = run(home, ("claude_code", logs), task_text=mode)
    (why,) = report.unreadable
    assert "c.jsonl" in why
    assert "ZeroDivisionError" in why
    assert _SECRET not in why
    assert report.broken == {"claude_code": [why]}
    assert report.files_changed == 5
    good = logs_in(tmp_path / "good", "abde")
    alone = run(tmp_path / "alone", ("claude_code", good), task_text=mode)
    fates = ("lines_read", "events", "duplicates", "quarantined", "ignored")
    assert [getattr(report, name) for name in fates] == [getattr(alone, name) for name in fates]
    again = run(home, ("claude_code", logs), task_text=mode)
    assert (again.files_changed, again.events, again.unreadable) == (1, 0, [why])
    # Mended, it comes to what it would have been from the start.
    (logs / "c.jsonl").write_bytes(text)
    mended = run(home, ("claude_code", logs), task_text=mode)
    assert (mended.unreadable, mended.files_changed) == ([], 1)
    run(tmp_path / "whole", ("claude_code", logs), task_text=mode)
    assert digests(home) == digests(tmp_path / "whole")


def repository(path: Path) -> Path:
    path.mkdir()
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "init", "-q"], cwd=path, check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "one"], cwd=path, check=True)
    return path


def test_a_repository_that_is_gone_or_damaged_stops_no_other(tmp_path: Path) -> None:
    home, work, well = tmp_path / "home", repository(tmp_path / "work"), repository(tmp_path / "well")
    logs = logs_in(tmp_path / "logs", "a")
    specs = (("git_history", work), ("claude_code", logs), ("git_history", well))
    first = run(home, *specs)
    assert first.unreadable == []
    logs_in(logs, "b")
    shutil.rmtree(work)
    gone = run(home, *specs)
    assert gone.unreadable == [f"source git_history: {work} does not exist"]
    assert gone.events == len(session("b", 30).lines)
    repository(work)
    for path in (work / ".git" / "objects").glob("??/*"):
        path.unlink()
    logs_in(logs, "c")
    damaged = run(home, *specs)
    assert damaged.broken.keys() == {"git_history"}
    assert len(damaged.unreadable) == 1
    assert damaged.events == len(session("c", 30).lines)
    shutil.rmtree(work)
    repository(work)
    assert run(home, *specs).unreadable == []


def test_an_input_that_is_not_there_is_named_where_others_are(tmp_path: Path) -> None:
    home, logs, gone = tmp_path / "home", logs_in(tmp_path / "logs", "a"), tmp_path / "gone"
    report = run(home, ("codex", gone), ("claude_code", logs))
    assert report.broken == {"codex": [f"source codex: {gone} does not exist"]}
    assert report.events > 0
    assert not has_changes(
        load_settings(home), [SourceSpec(kind="codex", path=gone), SourceSpec(kind="claude_code", path=logs)]
    )
    with pytest.raises(UsageError, match="does not exist"):
        run(home, ("codex", gone))


def test_a_directory_that_goes_while_it_is_listed_is_named_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = logs_in(tmp_path / "logs", "ab")
    logs_in(tmp_path / "logs" / "gone", "c")
    walk = os.walk

    def goes(top: Path, **options: Any) -> Any:
        for directory, *rest in walk(top, **options):
            if directory.endswith("/gone"):
                shutil.rmtree(directory)  # after it was listed, before anybody looks into it
            yield directory, *rest

    monkeypatch.setattr("learning_pipeline.lake.discover.os.walk", goes)
    report = run(tmp_path / "home", ("claude_code", logs))
    (why,) = report.unreadable
    assert "/gone" in why
    monkeypatch.undo()
    run(tmp_path / "whole", ("claude_code", logs))
    assert digests(tmp_path / "home") == digests(tmp_path / "whole")

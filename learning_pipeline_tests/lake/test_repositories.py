"""Repositories as inputs: history, notes and checkpoints out of git, all of it once and then what is new."""

import json
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from learning_pipeline.lake import git
from learning_pipeline.lake.land import has_changes, land
from learning_pipeline.lake.report import LandReport
from learning_pipeline.settings import SourceSpec
from learning_pipeline_tests.homes import NOW, read, settings_of
from learning_pipeline_tests.sources.repositories import Repository

BRANCH = "entire/checkpoints/v1"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "work" / "my-repo")


def landed(home: Path, kind: str, path: Path) -> LandReport:
    report = land(settings_of(home), [SourceSpec(kind=kind, path=path)], now=NOW)
    assert report.lines_read == report.events + report.duplicates + report.quarantined + report.ignored
    return report


def events(home: Path, kind: str = "note") -> pl.DataFrame:
    return read(home, "git_events").filter(pl.col("event_type") == kind)


def told(frame: pl.DataFrame, name: str) -> list[Any]:
    return [json.loads(text).get(name) for text in frame["attributes"]]


def note(session: str, accepted: int = 3) -> bytes:
    who = {"tool": "claude", "id": session, "model": "claude-opus-4-6"}
    prompts = {f"p-{session}": {"agent_id": who, "total_additions": accepted, "accepted_lines": accepted}}
    said = {"schema_version": "authorship/3.0.0", "base_commit_sha": "0" * 40, "prompts": prompts}
    return f"a.txt\n  p-{session} 1-{accepted}\n---\n{json.dumps(said)}".encode()


def add_note(repository: Repository, commit: str, text: bytes, ref: str = "ai") -> None:
    repository.git("notes", f"--ref={ref}", "add", "-f", "-F", "-", commit, given=text)


def test_notes_are_read_once_and_then_what_is_new(repository: Repository, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = repository.commit("One"), repository.commit("Two")
    add_note(repository, first, note("s1"))
    add_note(repository, second, note("s2"))
    add_note(repository, second, b"lgtm", "review")
    report = landed(home, "git_notes", repository.path)
    assert (report.lines_read, report.events, report.unknown_fields) == (2, 2, {})
    rows = events(home).sort("occurred_at")
    assert rows["commit"].to_list() == [first, second] and rows["session_id"].to_list() == ["s1", "s2"]
    assert rows["repository"].unique().to_list() == ["my-repo"]
    assert told(rows, "dangling") == [False, False] and told(rows, "time_of") == [None, None]
    assert landed(home, "git_notes", repository.path).files_changed == 0

    third = repository.commit("Three")
    assert not has_changes(settings_of(home), [SourceSpec(kind="git_notes", path=repository.path)])
    add_note(repository, third, note("s3"))
    add_note(repository, first, note("s1", accepted=5))
    report = landed(home, "git_notes", repository.path)
    assert (report.lines_read, report.events) == (2, 2)
    rows = events(home).sort("occurred_at")
    assert told(rows, "accepted_lines") == [5, 3, 3]


def test_notes_on_commits_that_are_gone_stay_and_say_so(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Base")
    lost = repository.commit("Lost")
    add_note(repository, lost, note("s1"))
    repository.git("reset", "-q", "--hard", "HEAD~1")
    kept = repository.commit("Kept")
    add_note(repository, kept, note("s2"))
    never = "f" * 40
    # A note that was fetched, on a commit that never was here.
    blob = repository.git("hash-object", "-w", "--stdin", given=note("s3")).decode().strip()
    stream = "commit refs/notes/ai\ncommitter A <a@b> 1772366400 +0000\ndata 1\nx\nfrom refs/notes/ai^0\n"
    stream += f"M 100644 {blob} {never}\n"
    repository.git("fast-import", "--quiet", given=stream.encode())
    for home in (tmp_path / "a", tmp_path / "b"):
        kinds = ("git_notes", "git_history") if home.name == "a" else ("git_history", "git_notes")
        for kind in kinds:
            landed(home, kind, repository.path)
        rows = events(home)
        found = dict(zip(rows["commit"], zip(told(rows, "dangling"), told(rows, "time_of"), strict=True), strict=True))
        assert found == {lost: (True, None), kept: (False, None), never: (True, "note")}
        assert rows["occurred_at"].null_count() == 0


def test_programs_own_commits_are_no_history(repository: Repository, tmp_path: Path) -> None:
    home = tmp_path / "home"
    commit = repository.commit("Work")
    add_note(repository, commit, note("s1"))
    checkpoints(repository)
    repository.write("a.txt", "changed")
    repository.git("add", "-A")
    repository.git("stash")
    assert landed(home, "git_history", repository.path).lines_read == 1
    assert read(home, "git_events")["commit"].to_list() == [commit]


def test_a_detached_head_and_a_bare_repository_are_read(repository: Repository, tmp_path: Path) -> None:
    repository.commit("One")
    repository.git("checkout", "-q", "--detach")
    last = repository.commit("Two")
    landed(tmp_path / "a", "git_history", repository.path)
    assert last in read(tmp_path / "a", "git_events")["commit"].to_list()
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository.path), str(bare)], check=True)
    assert landed(tmp_path / "b", "git_history", bare).lines_read >= 1
    assert read(tmp_path / "b", "git_events")["repository"].unique().to_list() == ["my-repo"]


def checkpoints(repository: Repository) -> None:
    """Write a branch of checkpoints: one checkpoint of a session, with its transcript."""
    session = "2026-03-01-0b1d6a5e-1111-4c4c-8d8d-000000000000"
    place = "ab/cdef012345"
    rows = [
        {
            "type": "user",
            "uuid": "u1",
            "sessionId": session[11:],
            "timestamp": "2026-03-01T12:00:00.000Z",
            "cwd": "/w/my-repo",
            "message": {"role": "user", "content": "Say something"},
        }
    ]
    files = {
        f"{place}/metadata.json": {"checkpoint_id": "abcdef012345", "strategy": "manual-commit", "sessions": [{}]},
        f"{place}/0/metadata.json": {
            "checkpoint_id": "abcdef012345",
            "session_id": session,
            "strategy": "manual-commit",
            "created_at": "2026-03-01T13:00:30.5514394+01:00",
            "agent": "Gemini CLI",
            "files_touched": ["a.txt"],
            "initial_attribution": {"agent_lines": 3, "human_added": 1, "agent_percentage": 75},
            "token_usage": {"input_tokens": 9, "output_tokens": 1},
        },
    }
    texts = {name: json.dumps(said, indent=2) for name, said in files.items()}
    texts[f"{place}/0/full.jsonl"] = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    texts[f"{place}/0/prompt.txt"] = "Say something"
    texts[f"{place}/0/content_hash.txt"] = "sha256:" + "0" * 64
    stream = f"commit refs/heads/{BRANCH}\ncommitter A <a@b> 1772366400 +0000\ndata 1\nx\n"
    for name, text in texts.items():
        stream += f"M 100644 inline {name}\ndata {len(text.encode())}\n{text}\n"
    repository.git("fast-import", "--quiet", given=stream.encode())


def test_a_branch_of_checkpoints_is_read_like_a_directory_of_its_files(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Work\n\nEntire-Checkpoint: abcdef012345")
    checkpoints(repository)
    out = tmp_path / "out"
    out.mkdir()
    repository.git("--work-tree", str(out), "checkout", BRANCH, "--", ".")
    lakes = []
    for home, path in ((tmp_path / "a", repository.path), (tmp_path / "b", out)):
        report = landed(home, "entire_checkpoints", path)
        assert (report.lines_read, report.quarantined, report.unrecognised) == (5, 0, [])
        assert {kind: counts["ignored"] for kind, counts in report.sources.items()} == {
            "entire_checkpoints": 2,
            "claude_code": 0,
        }
        rows = events(home).sort("session_id", nulls_last=True)
        assert rows["session_id"].to_list() == ["0b1d6a5e-1111-4c4c-8d8d-000000000000", None]
        assert told(rows, "agent_percentage") == [75.0, None] and rows["occurred_at"].null_count() == 0
        assert told(rows, "reported_agent") == ["Gemini CLI", None]
        assert rows["co_authored_agent"].null_count() == 2
        assert read(home, "executions")["agent_name"].to_list() == ["claude-code"]
        assert read(home, "llm_calls").is_empty()
        lakes.append(rows.drop("source_file", "landed_at"))
        assert landed(home, "entire_checkpoints", path).files_changed == 0
    assert lakes[0].equals(lakes[1])


def test_exported_commits_in_a_directory_of_a_repository_are_files(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Work")
    exports = repository.path / "exports"
    exports.mkdir()
    said = {"commit": "a" * 40, "parents": [], "commit_time": "2026-03-01T12:00:00Z", "files": [], "subject": "x"}
    (exports / "commits.jsonl").write_text(json.dumps(said) + "\n")
    landed(tmp_path / "home", "git_history", exports)
    assert read(tmp_path / "home", "git_events")["commit"].to_list() == ["a" * 40]


def test_names_leave_credentials_out(repository: Repository) -> None:
    repository.commit("Work")
    repository.git("remote", "add", "origin", "https://user:word@example.org/team/thing.git")
    assert git.names(str(repository.path)) == ("thing", "https://example.org/team/thing.git")

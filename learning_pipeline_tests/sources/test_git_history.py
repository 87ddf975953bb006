"""The history of real repositories, made with git."""

import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import git_history
from learning_pipeline.sources.base import Options, Parsed
from learning_pipeline.sources.families import git
from learning_pipeline_tests.sources.lines import held, is_conserved, landed
from learning_pipeline_tests.sources.repositories import FIRST_SECOND, Repository

FIRST = datetime.fromtimestamp(FIRST_SECOND, UTC)


def parse(stream: bytes) -> Parsed:
    return git_history.parse(git_history.cut([stream]), Options())


def events(stream: bytes) -> dict[str, dict[str, Any]]:
    """Return the row of each commit; every commit is read and keeps the contract."""
    parsed = parse(stream)
    assert parsed.rejects == [] and is_conserved(parsed, parsed.records.height)
    frame = git.assemble({"event": landed(parsed, "git_history", "/repo")})["git_events"]
    held(frame, "git_events")
    return {row["commit"]: row for row in frame.iter_rows(named=True)}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def test_a_commit(repository: Repository) -> None:
    repository.write("a.txt", "1\n2\n3\n")
    first = repository.commit("First words\n\nAnd more.")
    repository.write("a.txt", "1\n3\n4\n5\n")
    repository.write("b.bin", b"\x00\x01\x02")
    second = repository.commit("Second")
    rows = events(repository.log())
    row = rows[first]
    assert (row["event_type"], row["subject"], row["occurred_at"], row["parents"]) == (
        "commit",
        "First words",
        FIRST,
        [],
    )
    assert (row["files_changed"], row["lines_added"], row["lines_removed"], row["is_merge"]) == (1, 3, 0, False)
    assert row["author_hash"] == hashlib.sha256(b"ada@example.org").hexdigest()[:16] == row["committer_hash"]
    row = rows[second]
    assert (row["files_changed"], row["lines_added"], row["lines_removed"]) == (2, 2, 1)
    assert (row["parents"], row["occurred_at"]) == ([first], FIRST + timedelta(minutes=1))


def test_a_merge_and_a_rename(repository: Repository) -> None:
    repository.write("a.txt", "1\n2\n")
    repository.commit("First")
    repository.git("checkout", "-q", "-b", "other")
    repository.git("mv", "a.txt", "b.txt")
    renamed = repository.commit("Rename")
    repository.git("checkout", "-q", "main")
    repository.write("c.txt", "1\n")
    repository.commit("Third")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge other", "other")
    merge = repository.head()
    rows = events(repository.log())
    assert len(rows) == 4
    assert (rows[merge]["event_type"], rows[merge]["is_merge"], len(rows[merge]["parents"])) == ("merge", True, 2)
    assert rows[merge]["files_changed"] is None
    assert (rows[renamed]["files_changed"], rows[renamed]["lines_added"], rows[renamed]["lines_removed"]) == (2, 2, 2)


def test_a_revert(repository: Repository) -> None:
    repository.write("a.txt", "1\n")
    repository.commit("First")
    repository.write("a.txt", "2\n")
    second = repository.commit("Second")
    repository.git("revert", "--no-edit", second)
    row = events(repository.log())[repository.head()]
    assert (row["event_type"], row["reverts_commit"]) == ("revert", second)


def test_trailers(repository: Repository) -> None:
    session = "0b1d6a5e-1111-4c4c-8d8d-000000000000"
    commit = repository.commit(
        "Work\n\nCo-Authored-By: Claude Opus 4.6 (1M context) <noreply@anthropic.com>\n"
        f"Entire-Session: 2026-01-02-{session}\nEntire-Checkpoint: 0123456789ab\n"
    )
    row = events(repository.log())[commit]
    assert (row["co_authored_agent"], row["session_id"], row["files_changed"]) == ("claude-code", session, 0)
    assert json.loads(row["attributes"]) == {"checkpoint": "0123456789ab", "co_authored_model": "claude-opus-4.6"}


@pytest.mark.parametrize(
    "message",
    ["", "\x1e" + "a" * 40 + "\x1ffake", "1\t2\tname", "x\n\n1\t2\tname\n-\t-\tother", "a\x1fb\x1ec\x01", "\ttab\r\nb"],
)
def test_messages_that_look_like_the_format(repository: Repository, message: str) -> None:
    repository.write("a.txt", "1\n")
    first = repository.commit(message, "--cleanup=verbatim")
    repository.write("a.txt", "2\n")
    second = repository.commit(message, "--cleanup=verbatim")
    rows = events(repository.log())
    assert set(rows) == {first, second}
    assert (rows[first]["lines_added"], rows[second]["lines_added"], rows[second]["lines_removed"]) == (1, 1, 1)


def test_names_and_messages_that_are_not_utf8(repository: Repository) -> None:
    repository.write(b"caf\xe9\n\t1.txt", "1\n")
    repository.write('quote".txt', "1\n2\n")
    first = repository.commit("First")
    repository.git("config", "i18n.commitEncoding", "latin1")
    declared = repository.commit(b"caf\xe9 declared")
    # What git would mend when it commits, an import may have left as it was.
    made = repository.git("cat-file", "commit", declared).replace(b"encoding latin1\n", b"")
    raw = repository.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=made).decode().strip()
    repository.git("update-ref", "refs/heads/raw", raw)
    rows = events(repository.log())
    assert (rows[first]["files_changed"], rows[first]["lines_added"]) == (2, 3)
    assert (rows[raw]["subject"], rows[declared]["subject"]) == ("caf\ufffd declared", "caf\u00e9 declared")


def test_the_users_configuration_changes_nothing(repository: Repository) -> None:
    repository.write("a.txt", "1\n2\n3\n4\n5\n")
    repository.commit("First")
    repository.git("mv", "a.txt", "b.txt")
    repository.commit("Second")
    before = repository.log()
    for name, value in (
        ("log.showRoot", "false"),
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("diff.external", "false"),
        ("diff.algorithm", "patience"),
        ("log.decorate", "full"),
        ("log.date", "relative"),
        ("format.pretty", "oneline"),
        ("core.quotePath", "true"),
        ("i18n.logOutputEncoding", "latin1"),
    ):
        repository.git("config", name, value)
    assert repository.log() == before


def test_a_longer_history_has_the_same_records_for_what_was_there(repository: Repository) -> None:
    for number in range(3):
        repository.write("a.txt", f"{number}\n")
        repository.commit(f"Commit {number}")
    first = parse(repository.log()).records
    repository.commit("One more")
    second = parse(repository.log()).records
    assert (
        second.filter(second["record_key"].is_in(first["record_key"].implode()))
        .sort("commit")
        .equals(first.sort("commit"))
    )
    assert second["source_line"].n_unique() == second.height == 4


def test_an_empty_repository(repository: Repository) -> None:
    assert parse(repository.log()).lines_read == 0


def test_the_history_of_this_project() -> None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("this is not a clone with its history")
    run = ["git", "-C", str(root)]
    stream = subprocess.run([*run, *git_history.LOG_ARGUMENTS, "HEAD"], capture_output=True, check=True).stdout
    told = subprocess.run(
        [*run, "-c", "core.quotePath=false", "log", "--numstat", "--no-renames", "--format=", "HEAD"],
        capture_output=True,
        check=True,
    ).stdout.decode("utf-8", "replace")
    count = subprocess.run([*run, "rev-list", "--count", "HEAD"], capture_output=True, check=True).stdout
    rows = events(stream)
    numbers = [line.split("\t") for line in told.splitlines() if line]
    assert len(rows) == int(count)
    assert sum(row["files_changed"] or 0 for row in rows.values()) == len(numbers)
    assert sum(row["lines_added"] or 0 for row in rows.values()) == sum(int(n[0]) for n in numbers if n[0] != "-")


HEAD = "\x1e{0}\x1f{1}\x1f1772366400\x1f1772366400\x1fa@example.org\x1fb@example.org\x00"
BODY = "Words\n\x00\n1\t2\tname\x00-\t-\tb\x00"
STREAM = "".join(
    HEAD.format(commit * 40, parent * 40) + BODY for commit, parent in (("a", ""), ("b", "a"), ("c", "b"))
).encode()


def test_the_stream_of_the_next_test_is_what_git_prints() -> None:
    assert [row["files_changed"] for row in events(STREAM).values()] == [2, 2, 2]


@settings(max_examples=400)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    stream = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4) | st.just(b"\x00\x1e"))
        if not stream:
            break
    lines = list(git_history.cut([bytes(stream)]))
    parsed = git_history.parse(lines, Options())
    assert parsed.lines_read == len(lines) == parsed.records.height + len(parsed.rejects)
    rest = bytes(stream)
    for line in lines:
        assert rest[line.offset : line.offset + len(line.raw)] == line.raw

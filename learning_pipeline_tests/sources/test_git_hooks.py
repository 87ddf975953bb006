"""Lines of git hooks: our own form, the older ones, and what breaks a rule."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import git_hooks
from learning_pipeline_tests.sources.lines import is_conserved, parse, raw, rows

SHA, PARENT = "a1" * 20, "b2" * 20
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMIT: dict[str, Any] = {
    "v": 1,
    "event": "commit",
    "occurred_at": "2026-03-01T12:00:00.000Z",
    "repository": "repo",
    "worktree": "/srv/repo",
    "branch": "main",
    "commit": SHA,
    "parents": [PARENT],
    "author_hash": "0123456789abcdef",
    "files_changed": 3,
    "lines_added": 40,
    "lines_removed": 2,
    "duration_ms": 12,
    "session_id": None,
}


def one(line: dict[str, Any] | str, *, zone: str | None = None) -> dict[str, Any]:
    (row,) = rows("git_hooks", [line], zone=zone)
    return row


def test_a_commit() -> None:
    row = one(COMMIT)
    for column in ("branch", "commit", "parents", "author_hash", "files_changed", "lines_added", "duration_ms"):
        assert row[column] == COMMIT[column]
    assert (row["event_type"], row["occurred_at"], row["is_merge"], row["session_id"]) == ("commit", NOON, False, None)
    assert row["group_key"] == SHA and json.loads(row["attributes"]) == {"worktree": "/srv/repo"}


@pytest.mark.parametrize("event", ["checkout", "push", "amend", "rebase", "merge", "note"])
def test_what_is_no_new_commit_is_an_event_of_its_own(event: str) -> None:
    found = rows("git_hooks", [COMMIT, {**COMMIT, "event": event, "parents": []}])
    assert {row["event_type"] for row in found} == {"commit", event}
    assert len({row["event_id"] for row in found}) == 2
    assert {row["commit"] for row in found} == {SHA}


def test_a_merge_that_made_a_commit_is_that_commit() -> None:
    merge = {**COMMIT, "event": "merge", "parents": [PARENT, "c3" * 20], "squash": False}
    row = one(merge)
    assert (row["event_type"], row["is_merge"], row["group_key"]) == ("merge", True, SHA)


def test_a_session_from_the_hook() -> None:
    session = "0b1d6a5e-1111-4c4c-8d8d-000000000000"
    assert one({**COMMIT, "session_id": session})["session_id"] == session
    assert one({**COMMIT, "session_id": f"2026-01-02-{session}"})["session_id"] == session


def test_an_abbreviated_commit_is_no_commit_and_zeros_are_none() -> None:
    row = one({**COMMIT, "event": "push", "commit": "a1a1a1a"})
    assert row["commit"] is None and json.loads(row["attributes"])["commit"] == "a1a1a1a"
    assert one({**COMMIT, "event": "push", "commit": "0" * 40})["commit"] is None


def test_the_older_log_line() -> None:
    row = one(f"[2026-03-01 13:00:00] [INFO] [repo] post-commit: {SHA} done", zone="Europe/Berlin")
    assert (row["event_type"], row["occurred_at"], row["repository"], row["commit"]) == ("commit", NOON, "repo", SHA)
    parsed = parse("git_hooks", ["[2026-03-01 13:00:00] [INFO] [repo] starting up"], zone="UTC")
    assert parsed.ignored == {"no_event": 1} and is_conserved(parsed, 1)
    (reject,) = parse("git_hooks", ["[2026-03-01 13:00:00] [INFO] [repo] committed"]).rejects
    assert reject.check == "naive_time"


def test_the_older_table() -> None:
    row = one("repo,post-checkout,1772366400.123456789")
    assert (row["event_type"], row["repository"]) == ("checkout", "repo")
    assert row["occurred_at"] == NOON.replace(microsecond=123456)
    parsed = parse("git_hooks", ["repo,pre-commit,1772366400.1", "repo,odd-hook,1772366400.1"])
    assert parsed.ignored == {"no_event": 1, "unknown_event": 1} and parsed.unknown == {"kind:odd-hook": 1}


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ({**COMMIT, "occurred_at": "yesterday"}, "type"),
        ({**COMMIT, "occurred_at": "2026-03-01T12:00:00"}, "naive_time"),
        ({**COMMIT, "occurred_at": None}, "missing_field"),
        ({**COMMIT, "event": None}, "missing_field"),
        ({**COMMIT, "v": 2}, "version"),
        ({**COMMIT, "commit": "not a commit"}, "type"),
        ({**COMMIT, "parents": "x"}, "type"),
        ({**COMMIT, "lines_added": -1}, "range"),
        ({**COMMIT, "branch": 5}, "type"),
        (b'{"v":1,"event":"com', "json"),
        (b'{"v":1,"event":"\xff"}', "utf8"),
        (b"\xff,post-commit,1772366400", "utf8"),
        (b"anything, else", "form"),
        (b"[1]", "type"),
    ],
)
def test_lines_that_break_a_rule(line: dict[str, Any] | bytes, check: str) -> None:
    parsed = parse("git_hooks", [line])
    assert [reject.check for reject in parsed.rejects] == [check] and is_conserved(parsed, 1)


def test_unknown_names_are_counted() -> None:
    parsed = parse("git_hooks", [{**COMMIT, "mood": 1}, {**COMMIT, "event": "bisect"}])
    assert parsed.unknown == {"mood": 1, "kind:bisect": 1} and parsed.ignored == {"unknown_event": 1}
    assert json.loads(parsed.records["attributes"][0])["mood"] == 1


def test_sniffing() -> None:
    assert git_hooks.sniff(raw(COMMIT) + b"\nx")
    assert git_hooks.sniff(b"[2026-03-01 13:00:00] [INFO] [repo] x\n")
    assert git_hooks.sniff(b"repo,post-commit,1772366400.5\n")
    assert not git_hooks.sniff(b'{"event":"started","agent_name":"a"}')
    assert not git_hooks.sniff(b"a,b,1772366400\n") and not git_hooks.sniff(b"")


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    forms = (
        raw(COMMIT),
        b"repo,post-commit,1772366400.5",
        b"[2026-03-01 13:00:00] [INFO] [repo] commit " + SHA.encode(),
    )
    line = bytearray(data.draw(st.sampled_from(forms)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(line) - 1, 0)))
        line[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    parsed = parse("git_hooks", [bytes(line), raw(COMMIT)], zone="UTC")
    assert is_conserved(parsed, parsed.lines_read)
    assert SHA in set(parsed.records["group_key"])


@given(st.integers(1, 300), st.booleans())
def test_a_line_behind_one_that_broke_off_is_read(length: int, ended: bool) -> None:
    """A full disk leaves half a line; what is written when there is room again stands right behind it."""
    whole = json.dumps(COMMIT, separators=(",", ":")).encode()
    parsed = parse("git_hooks", [whole[: min(length, len(whole) - 1)] + whole, whole])
    assert [reject.check for reject in parsed.rejects] in (["json"], ["form"])
    if length >= 20 or parsed.rejects[0].check == "json":
        assert parsed.records["source_line"].to_list() == [1, 2]

"""Checkpoints: what their metadata says, and which commits name them."""

import json
import random
import tarfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import entire_checkpoints, git_history, git_notes
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import git
from learning_pipeline_tests.homes import SHARED
from learning_pipeline_tests.sources.lines import held, is_conserved, landed, united

ID = "abcdef012345"
UUID = "0b1d6a5e-1111-4c4c-8d8d-000000000000"
SHA = "a1" * 20
SESSION: dict[str, Any] = {
    "checkpoint_id": ID,
    "session_id": f"2026-03-01-{UUID}",
    "strategy": "manual-commit",
    "created_at": "2026-03-01T13:00:00.5514394+01:00",
    "branch": "feature",
    "agent": "Gemini CLI",
    "model": "",
    "files_touched": ["a.py", "b.py"],
    "transcript_lines_at_start": 713,
    "token_usage": {"input_tokens": 9, "cache_read_tokens": 7, "output_tokens": 3, "api_call_count": 2},
    "initial_attribution": {"agent_lines": 30, "human_added": 10, "agent_percentage": 75.5, "metric_version": 2},
    "session_metrics": {"turn_count": 4},
}
CHECKPOINT: dict[str, Any] = {
    "checkpoint_id": ID,
    "strategy": "manual-commit",
    "branch": "",
    "files_touched": None,
    "sessions": [{}, {}],
    "token_usage": {"input_tokens": 9},
}
COMMIT: dict[str, Any] = {
    "commit": SHA,
    "parents": ["b2" * 20],
    "author_time": "2026-03-01T12:00:00+11:00",
    "commit_time": "2026-03-01T13:00:00+11:00",
    "author": "Ada",
    "subject": "Words",
    "checkpoint_ids": [ID, "0123456789ab"],
    "co_authors": ["Ada L.", "Claude Opus 4.6"],
    "files": [{"path": "a", "added": 5, "deleted": 2}, {"path": "b", "added": None, "deleted": None}],
    "numstat_complete": True,
}


def parse(*said: dict[str, Any] | bytes, pretty: bool = False) -> Parsed:
    raw = [one if isinstance(one, bytes) else json.dumps(one, indent=2 if pretty else None).encode() for one in said]
    data = b"\n".join(raw)
    assert entire_checkpoints.sniff(data[:65_536])
    return entire_checkpoints.parse(split_lines(data), Options())


def rows(*parsed: Parsed) -> list[dict[str, Any]]:
    frames = [landed(one, "entire_checkpoints", f"{at}/metadata.json") for at, one in enumerate(parsed)]
    frame = git.assemble({"event": united(pl.concat(frames))})["git_events"]
    held(frame, "git_events")
    return frame.sort("event_id").to_dicts()


@pytest.mark.parametrize("pretty", [True, False])
def test_a_session_in_a_checkpoint(pretty: bool) -> None:
    parsed = parse(SESSION, pretty=pretty)
    assert (parsed.lines_read, parsed.unknown) == (1, Counter())
    (row,) = rows(parsed)
    assert (row["event_type"], row["session_id"], row["branch"], row["commit"]) == ("note", UUID, "feature", None)
    assert row["occurred_at"] == datetime(2026, 3, 1, 12, 0, 0, 551_439, tzinfo=UTC)
    # The label is known to be wrong at times: what acted is told by the transcript.
    assert row["co_authored_agent"] is None
    assert json.loads(row["attributes"]) == {
        "note": "entire",
        "entry": "session",
        "checkpoint": ID,
        "strategy": "manual-commit",
        "reported_agent": "Gemini CLI",
        "turns": 4,
        "transcript_lines_at_start": 713,
        "agent_lines": 30,
        "human_added": 10,
        "agent_percentage": 75.5,
        "metric_version": 2,
        "files": 2,
        "files_touched": ["a.py", "b.py"],
        "token_usage": {"input_tokens": 9, "cache_read_tokens": 7, "output_tokens": 3, "api_call_count": 2},
    }


def test_a_checkpoint_has_the_time_of_its_last_session() -> None:
    later = {**SESSION, "session_id": "other", "created_at": "2026-03-02T01:00:00Z"}
    found = rows(parse(CHECKPOINT), parse(SESSION), parse(later))
    whole = next(row for row in found if row["session_id"] is None)
    assert whole["occurred_at"] == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert json.loads(whole["attributes"])["time_of"] == "another entry"
    (alone,) = rows(parse(CHECKPOINT))
    assert (alone["occurred_at"], alone["day"]) == (None, git.UNDATED)


def test_a_session_that_is_condensed_twice_is_two_rows_and_a_copy_is_one() -> None:
    again = {**SESSION, "created_at": "2026-03-01T15:00:00Z"}
    assert len(rows(parse(SESSION), parse(again), parse(SESSION))) == 2


def test_commits_name_their_checkpoints() -> None:
    (row,) = rows(parse(COMMIT))
    assert (row["event_type"], row["commit"], row["subject"]) == ("commit", SHA, "Words")
    assert row["occurred_at"] == datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert (row["files_changed"], row["lines_added"], row["lines_removed"]) == (2, 5, 2)
    assert (row["co_authored_agent"], row["author_hash"], row["is_merge"]) == ("claude-code", None, False)
    assert json.loads(row["attributes"]) == {
        "authored_at": "2026-03-01T01:00:00+00:00",
        "checkpoint": "0123456789ab",
        "checkpoints": ["0123456789ab", ID],
        "co_authored_model": "claude-opus-4.6",
        "exported": True,
    }


def test_an_incomplete_export_tells_no_lines() -> None:
    (row,) = rows(parse({**COMMIT, "numstat_complete": False}))
    assert (row["files_changed"], row["lines_added"]) == (None, None)


def test_the_history_and_an_export_of_it_are_one_event() -> None:
    header = "\x1f".join((SHA, "b2" * 20, "1772330400", "1772330400", "ada@example.org", "ada@example.org"))
    log = f"\x1e{header}\x00Words\n\nEntire-Checkpoint: {ID}\n\x00\n9\t9\tx\x00".encode()
    history = landed(git_history.parse(git_history.cut([log]), Options()), "git_history", "/repo")
    exported = landed(parse(COMMIT), "entire_checkpoints", "commits.jsonl")
    for frames in ([history, exported], [exported, history]):
        (row,) = git.assemble({"event": united(pl.concat(frames))})["git_events"].to_dicts()
        assert (row["lines_added"], row["author_hash"] is not None, row["source"]) == (9, True, "git_history")
        assert json.loads(row["attributes"])["checkpoints"] == ["0123456789ab", ID]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"sha256:" + b"0f" * 32 + b"\n", "content_hash"),
        (b"# Session Context\n\n## User Prompts\n\n### Prompt 1\n", "context"),
        (
            b'{"v":1,"agent":"claude-code","cli_version":"0.5","type":"user","ts":"2026-03-01T12:00:00Z","content":[]}\n',
            "compact_transcript",
        ),
    ],
)
def test_copies_are_ignored_by_name(data: bytes, rule: str) -> None:
    parsed = parse(data)
    assert parsed.records.is_empty() and set(parsed.ignored) == {rule}
    assert is_conserved(parsed, parsed.lines_read)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"created_at": "yesterday"}, "type"),
        ({"created_at": "2026-03-01T12:00:00"}, "type"),
        ({"created_at": None}, "missing_field"),
        ({"session_id": "null"}, "missing_field"),
        ({"checkpoint_id": "not one"}, "missing_field"),
        ({"files_touched": [1]}, "type"),
        ({"initial_attribution": {"agent_percentage": 101}}, "range"),
        ({"initial_attribution": {"agent_lines": "many"}}, "range"),
        ({"token_usage": {"input_tokens": -1}}, "range"),
    ],
)
def test_what_is_broken_is_rejected(change: dict[str, Any], check: str) -> None:
    parsed = entire_checkpoints.parse(split_lines(json.dumps({**SESSION, **change}).encode()), Options())
    assert [reject.check for reject in parsed.rejects] == [check] and is_conserved(parsed, 1)


def test_unknown_fields_are_counted() -> None:
    assert parse({**SESSION, "mood": 1}).unknown == Counter({"field:mood": 1})


def test_sniff_is_strict() -> None:
    quoted = json.dumps({"type": "user", "sessionId": "s", "message": json.dumps(SESSION)}).encode()
    exported = json.dumps({**COMMIT, "checkpoint_ids": None, "trailers": []}).encode()
    without = json.dumps({name: value for name, value in COMMIT.items() if name != "checkpoint_ids"}).encode()
    for other in (quoted, without, b"", b"{", b'{"v":1,"event":"commit"}', b"sha256: no"):
        assert not entire_checkpoints.sniff(other)
    assert git_history.sniff(without) and git_history.sniff(exported) and not git_notes.sniff(exported)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["session", "later", "checkpoint", "commit"]), max_size=6), st.randoms())
def test_order_and_copies_change_nothing(names: list[str], rng: random.Random) -> None:
    said = {
        "session": SESSION,
        "later": {**SESSION, "created_at": "2026-03-04T00:00:00Z", "token_usage": None},
        "checkpoint": CHECKPOINT,
        "commit": COMMIT,
    }
    whole = [parse(said[name]) for name in names]
    if not whole:
        return

    def facts(parsed: list[Parsed]) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k != "source_file"} for row in rows(*parsed)]

    assert facts(whole) == facts(rng.sample(whole, len(whole)) + whole[:1])


@settings(max_examples=80)
@given(st.data())
def test_damaged_bytes_are_accounted_for(data: st.DataObject) -> None:
    said = data.draw(st.sampled_from([SESSION, CHECKPOINT, COMMIT]))
    raw = bytearray(json.dumps(said, indent=data.draw(st.sampled_from([None, 2]))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    entire_checkpoints.sniff(bytes(raw))
    parsed = entire_checkpoints.parse(split_lines(bytes(raw)), Options())
    assert is_conserved(parsed, parsed.lines_read)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["entireio-cli-checkpoints", "agentv-checkpoints"])
def test_real_checkpoints_equal_a_count_of_their_own(name: str) -> None:
    archive = SHARED / "data" / f"{name}.tar.gz"
    if not archive.exists():
        pytest.skip("the real checkpoints of shared/ are not on this machine")
    wanted: Counter[str] = Counter()
    sessions, linked, parsed = set(), set(), []
    with tarfile.open(archive) as files:
        for member in files:
            place = Path(member.name)
            if place.name not in ("metadata.json", "commits_with_checkpoint_trailer.jsonl"):
                continue
            data = files.extractfile(member).read()  # type: ignore[union-attr]
            parsed.append(entire_checkpoints.parse(split_lines(data), Options()))
            if place.name != "metadata.json":
                said = [json.loads(line) for line in data.splitlines()]
                wanted["commits"] = len(said)
                linked = {one for line in said for one in line["checkpoint_ids"]}
                continue
            one = json.loads(data)
            wanted["sessions" if "session_id" in one else "checkpoints"] += 1
            if "session_id" in one:
                sessions.add(one["session_id"][-36:])
                wanted["agent_lines"] += (one.get("initial_attribution") or {}).get("agent_lines", 0)
    assert not [reject for one in parsed for reject in one.rejects] and not any(one.unknown for one in parsed)
    found = pl.DataFrame(rows(*parsed))
    told = found.with_columns(
        pl.col("attributes").str.json_path_match(f"$.{field}").alias(field)
        for field in ("entry", "agent_lines", "checkpoint", "checkpoints")
    )
    notes = told.filter((pl.col("event_type") == "note") & (pl.col("entry") == "session"))
    commits = told.filter(pl.col("event_type") != "note")
    assert notes["occurred_at"].null_count() == 0
    assert set(notes["session_id"]) == sessions
    assert {
        "commits": commits.height,
        "sessions": notes.height,
        "checkpoints": told.filter(pl.col("entry") == "checkpoint").height,
        "agent_lines": notes["agent_lines"].cast(pl.Int64).sum(),
    } == dict(wanted)
    named = {one for text in commits["checkpoints"].drop_nulls() for one in json.loads(text)}
    assert named | set(commits["checkpoint"].drop_nulls()) == linked

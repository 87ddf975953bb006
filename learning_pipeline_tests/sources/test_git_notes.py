"""Authorship notes: every entry is a row, lines are counted once, and nothing that is broken is guessed at."""

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

from learning_pipeline.sources import git_history, git_notes
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import git
from learning_pipeline.sources.families.git import UNDATED
from learning_pipeline.sources.git_notes.note import Lines, read_note
from learning_pipeline_tests.homes import SHARED
from learning_pipeline_tests.sources.lines import held, is_conserved, landed, parse, united

SHA, OTHER = "a1" * 20, "b2" * 20
NOON = 1772366400
ARCHIVE = SHARED / "data" / "git-ai.tar.gz"


def prompt(tool: str = "claude", session: str = "s-1", **more: Any) -> dict[str, Any]:
    return {
        "agent_id": {"tool": tool, "id": session, "model": "claude-opus-4-5-20251101"},
        "human_author": "Ada <Ada@Example.org>",
        "messages": [],
        "total_additions": 40,
        "total_deletions": 3,
        "accepted_lines": 30,
        "overriden_lines": 2,
        **more,
    }


def note(attestation: str = "", **meta: Any) -> str:
    said = {"schema_version": "authorship/3.0.0", "base_commit_sha": OTHER, "prompts": {}, **meta}
    return f"{attestation}---\n{json.dumps(said, indent=2)}\n"


def line(text: str, commit: str = SHA, **more: Any) -> dict[str, Any]:
    return {"commit": commit, "bytes": len(text), "note": text, **more}


def events(*parsed: Parsed) -> list[dict[str, Any]]:
    frames = [landed(one, "git_notes", f"file{at}") for at, one in enumerate(parsed)]
    frame = git.assemble({"event": united(pl.concat(frames))})["git_events"]
    held(frame, "git_events")
    return frame.sort("event_id").to_dicts()


def told(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["attributes"])
    return found


def test_a_prompt_is_a_row_with_its_totals_and_its_lines() -> None:
    text = note(
        "src/a b.rs\n  7c1 5-7,1,2-3,6\n  human 9\nsrc/b.rs\n  7c1 4\n  h_0f 1-2\n  gone 8\n", prompts={"7c1": prompt()}
    )
    (row,) = events(parse("git_notes", [line(text)]))
    assert (row["event_type"], row["commit"], row["session_id"], row["co_authored_agent"]) == (
        "note",
        SHA,
        "s-1",
        "claude-code",
    )
    assert (row["occurred_at"], row["day"]) == (None, UNDATED)
    assert told(row) == {
        "note": "git-ai",
        "schema_version": "authorship/3.0.0",
        "base_commit": OTHER,
        "entry": "prompt",
        "entry_id": "7c1",
        "tool": "claude",
        "model": "claude-opus-4-5-20251101",
        "messages": 0,
        "total_additions": 40,
        "total_deletions": 3,
        "accepted_lines": 30,
        "overridden_lines": 2,
        "attributed_lines": 7,
        "range_lines": 8,
        "files": 2,
        "human_lines": 3,
        "unlisted_lines": 1,
        "dangling": True,
    }


def test_the_lines_of_a_session_are_those_of_its_edits_each_once() -> None:
    text = note(
        "a\n  s_01::t_01 1-5\n  s_01::t_02 4-9\nb\n  s_01::t_03 1\n",
        sessions={"s_01": {"agent_id": {"tool": "codex", "id": "x"}}},
    )
    (row,) = events(parse("git_notes", [line(text)]))
    said = told(row)
    assert (row["session_id"], row["co_authored_agent"]) == ("x", "codex")
    assert (said["entry"], said["accepted_lines"], said["lines_of"], said["range_lines"]) == (
        "session",
        10,
        "ranges",
        12,
    )
    assert "total_additions" not in said and "overridden_lines" not in said


def test_a_note_without_agents_is_a_row_too() -> None:
    (row,) = events(parse("git_notes", [line(note("a\n  human 1-4\n"))]))
    assert (row["session_id"], row["co_authored_agent"], told(row)["human_lines"]) == (None, None, 4)
    assert "entry" not in told(row)


def test_the_oldest_notes_name_authors() -> None:
    authors = [
        {"author": "Ada L.", "lines": [1, [4, 9]], "agent_metadata": None},
        {"author": "Cursor", "lines": [[2, 3], 3, [12, 11]], "agent_metadata": None},
    ]
    files = {"a.rs": {"file": "a.rs", "authors": authors}, "b.rs": {"file": "b.rs", "authors": authors[1:]}}
    blob = json.dumps({"files": files, "schema_version": "authorship/0.0.1"})
    (row,) = events(parse("git_notes", [{"commit": SHA, "blob": blob}]))
    said = told(row)
    assert (row["co_authored_agent"], said["entry"], said["accepted_lines"], said["files"]) == (
        "cursor",
        "author",
        8,
        2,
    )
    assert said["human_lines"] == 7


def test_a_commit_that_is_known_gives_the_note_its_time_and_place() -> None:
    exported = {
        "commit": SHA,
        "parents": [],
        "commit_time": "2026-03-01T13:00:00+01:00",
        "files": [],
        "subject": "x",
        "repository": "repo",
    }
    commit = landed(parse("git_history", [exported]), "git_history", "commits.jsonl")
    parsed = parse("git_notes", [line(note(prompts={"p": prompt()})), line(note(prompts={"p": prompt()}), OTHER)])
    for frames in ([commit, landed(parsed, "git_notes")], [landed(parsed, "git_notes"), commit]):
        rows = git.assemble({"event": united(pl.concat(frames))})["git_events"].filter(pl.col("event_type") == "note")
        found = {row["commit"]: row for row in rows.iter_rows(named=True)}
        noon = datetime.fromtimestamp(NOON, UTC)
        assert (found[SHA]["occurred_at"], found[SHA]["day"], found[SHA]["repository"]) == (noon, noon.date(), "repo")
        assert (told(found[SHA])["dangling"], told(found[OTHER])["dangling"]) == (False, True)
        assert (found[OTHER]["occurred_at"], found[OTHER]["day"]) == (None, UNDATED)


def test_times_of_messages_stand_in_and_say_so() -> None:
    dated = prompt(messages=[{"type": "user", "text": "t", "timestamp": "2026-03-01T12:00:00.5Z"}])
    rows = events(parse("git_notes", [line(note(prompts={"p": dated, "q": prompt()}))]))
    assert {row["occurred_at"] for row in rows} == {datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)}
    assert sorted(told(row)["time_of"] for row in rows) == ["another entry", "message"]


def test_a_note_that_grows_is_one_row_with_the_last_totals() -> None:
    small = line(note(prompts={"p": prompt(total_additions=4, accepted_lines=4)}))
    large = line(note(prompts={"p": prompt(total_additions=40, accepted_lines=3)}))
    for lines in ([small, large], [large, small]):
        (row,) = events(parse("git_notes", lines[:1]), parse("git_notes", lines[1:]))
        assert (told(row)["total_additions"], told(row)["accepted_lines"]) == (40, 3)


def test_a_prompt_in_several_commits_is_a_row_in_each() -> None:
    rows = events(parse("git_notes", [line(note(prompts={"p": prompt()}), sha) for sha in (SHA, OTHER)]))
    assert {(row["commit"], told(row)["entry_id"]) for row in rows} == {(SHA, "p"), (OTHER, "p")}


def test_words_and_names_of_people_are_left_out() -> None:
    secret = prompt(messages=[{"type": "user", "text": "words of a person"}])
    (row,) = events(parse("git_notes", [line(note("a\n  p 1\n", prompts={"p": secret}))]))
    kept = json.dumps(row, default=str)
    assert "words of a person" not in kept and "Ada" not in kept and "ada@" not in kept
    assert len(row["author_hash"]) == 16 and told(row)["messages"] == 1


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        ({"commit": SHA, "note": "no note at all"}, "json"),
        ({"commit": SHA, "note": "---\n{}"}, "version"),
        ({"commit": SHA, "note": note().replace("3.0.0", "9.0.0")}, "version"),
        ({"commit": SHA}, "missing_field"),
        ({"commit": "short", "note": note()}, "missing_field"),
        ({"commit": SHA, "note": note("a\n  p 9-3\n", prompts={"p": prompt()})}, "attestation"),
        ({"commit": SHA, "note": note("a\n  p x\n", prompts={"p": prompt()})}, "attestation"),
        ({"commit": SHA, "note": note("  p 1\n", prompts={"p": prompt()})}, "attestation"),
        ({"commit": SHA, "note": note(prompts={"p": prompt(accepted_lines=-1)})}, "range"),
        ({"commit": SHA, "note": note(prompts={"p": {}})}, "missing_field"),
        ({"commit": SHA, "note": note(prompts=[])}, "type"),
    ],
)
def test_what_is_broken_is_rejected_with_its_reason(broken: dict[str, Any], check: str) -> None:
    parsed = parse("git_notes", [broken, line(note())])
    assert [reject.check for reject in parsed.rejects] == [check]
    assert is_conserved(parsed, 2)


def test_unknown_fields_are_counted_and_do_no_harm() -> None:
    odd = note(prompts={"p": prompt(mood="good")}, sessions={}, weather="fine")
    parsed = parse("git_notes", [line(odd, tide="low")])
    assert parsed.rejects == []
    assert set(parsed.unknown) == {"field:prompt.mood", "field:weather", "field:tide"}


def test_sniff_is_strict() -> None:
    long = json.dumps(line(note("a\n  p 1\n" * 20_000))).encode()
    assert git_notes.sniff(long[:65_536]) and git_notes.sniff(json.dumps(line(note())).encode())
    assert not git_notes.sniff(b'{"commit": "' + SHA.encode() + b'", "note": "lgtm"}\n')
    assert not git_notes.sniff(b'{"commit": "' + SHA.encode() + b'", "subject": "x"}\n')
    assert not git_notes.sniff(b"") and not git_notes.sniff(b"{")


_ranges = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 60)).map(lambda r: (r[0], r[0] + r[1])), max_size=12)


@given(_ranges)
def test_lines_are_counted_as_a_set(ranges: list[tuple[int, int]]) -> None:
    counted = Lines()
    counted.add(ranges)
    assert counted.distinct == len({number for first, last in ranges for number in range(first, last + 1)})
    assert counted.written == sum(last - first + 1 for first, last in ranges)


@st.composite
def _notes(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(["p1", "p2", "s_1", "h_2", "human"]), max_size=4, unique=True))
    prompts = {
        key: prompt(session=f"of-{key}", total_additions=draw(st.integers(0, 9))) for key in keys if key[0] == "p"
    }
    sessions = {key: {"agent_id": {"tool": "codex", "id": key}} for key in keys if key[0] == "s"}
    text = "".join(f"f{n}\n  {key} {first}-{last}\n" for n, key in enumerate(keys) for first, last in draw(_ranges)[:1])
    commit = draw(st.sampled_from([SHA, OTHER, "c3" * 20]))
    return line(note(text, prompts=prompts, sessions=sessions), commit)


@settings(max_examples=60)
@given(st.lists(_notes(), max_size=8), st.randoms())
def test_order_and_splits_change_nothing(lines: list[dict[str, Any]], rng: random.Random) -> None:
    whole = events(parse("git_notes", lines))
    shuffled = rng.sample(lines, len(lines))
    at = rng.randrange(len(lines) + 1)
    parts = events(parse("git_notes", shuffled[:at]), parse("git_notes", shuffled[at:]), parse("git_notes", lines[:2]))
    lineage = ("source_file", "source_line")
    for rows in (whole, parts):
        for row in rows:
            for name in lineage:
                row.pop(name)
    assert whole == parts


@settings(max_examples=80)
@given(st.data())
def test_a_damaged_line_is_accounted_for(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(line(note("a\n  p 1-3\n", prompts={"p": prompt()}))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    lines = list(split_lines(bytes(raw)))
    assert is_conserved(git_notes.parse(lines, Options()), len(lines))
    git_notes.sniff(bytes(raw))


def test_a_note_may_hold_three_dashes_elsewhere() -> None:
    found = read_note(note("a---b\n  p 1\n", prompts={"p": prompt(human_author="--- <a@b>")}))
    assert [entry.key for entry in found.entries] == ["p"]


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real notes of shared/ are not on this machine")
def test_real_notes_equal_a_count_of_their_own() -> None:
    with tarfile.open(ARCHIVE) as archive:
        held_files = {
            Path(member.name).name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.name.endswith(("notes_ai.jsonl", "commits_numstat.jsonl"))
        }
    known = {json.loads(raw)["commit"] for raw in held_files["commits_numstat.jsonl"].splitlines()}
    wanted: Counter[str] = Counter()
    for raw in held_files["notes_ai.jsonl"].splitlines():
        row = json.loads(raw)
        text = "\n" + row["note"]
        try:
            said = json.loads(text[text.index("\n---\n") + 5 :])
        except ValueError:
            wanted["broken"] += 1
            continue
        wanted["notes"] += 1
        wanted["dangling"] += row["commit"] not in known
        wanted["prompts"] += len(said["prompts"])
        wanted["sessions"] += len(said.get("sessions") or {})
        for one in said["prompts"].values():
            wanted["accepted"] += one["accepted_lines"]
            wanted["overridden"] += one["overriden_lines"]
    parsed = git_notes.parse(split_lines(held_files["notes_ai.jsonl"]), Options())
    history = git_history.parse(split_lines(held_files["commits_numstat.jsonl"]), Options())
    commits = landed(history, "git_history", "commits")
    frame = git.assemble({"event": united(pl.concat([landed(parsed, "git_notes"), commits]))})["git_events"]
    held(frame, "git_events")
    rows = frame.filter(pl.col("event_type") == "note").select(
        "commit",
        *(
            pl.col("attributes").str.json_path_match(f"$.{name}").alias(name)
            for name in ("entry", "accepted_lines", "overridden_lines", "dangling")
        ),
    )
    prompts = rows.filter(pl.col("entry") == "prompt")
    counted = {
        "broken": len(parsed.rejects),
        "notes": rows["commit"].n_unique(),
        "dangling": rows.filter(pl.col("dangling") == "true")["commit"].n_unique(),
        "prompts": prompts.height,
        "sessions": rows.filter(pl.col("entry") == "session").height,
        "accepted": prompts["accepted_lines"].cast(pl.Int64).sum(),
        "overridden": prompts["overridden_lines"].cast(pl.Int64).sum(),
    }
    assert counted == dict(wanted)

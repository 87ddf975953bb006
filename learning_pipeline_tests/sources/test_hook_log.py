"""What hook payloads say, beside their transcripts and alone."""

import json
import random
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.lake.land import land
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources import hook_log
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families.transcripts import RecordTable
from learning_pipeline_tests.homes import NOW, SHARED, land_all, read, settings_of
from learning_pipeline_tests.transcripts import Session

Payload = dict[str, Any]
ARCHIVE = SHARED / "data" / "quantstats-hooks.tar.gz"


def payload(event: str, session: str = "s1", **more: Any) -> Payload:
    about = {"session_id": session, "transcript_path": f"/home/ada/.claude/{session}.jsonl", "cwd": "/home/ada/shop"}
    return {**about, "hook_event_name": event, **more}


def tool(event: str, number: int, session: str = "s1", **more: Any) -> Payload:
    given = {"tool_name": "Bash", "tool_input": {"command": f"make {number}"}, "tool_use_id": f"toolu_{number}"}
    response = {"tool_response": {"stdout": "ok", "interrupted": False}} if event == "PostToolUse" else {}
    return payload(event, session, **{**given, **response, **more})


def reduced(number: int, at: str | None = "2026-02-10T15:51:17.983986", session: str = "s1") -> Payload:
    kept = {"session_id": session, "hook_event_name": "PostToolUse", "tool_name": "Bash"}
    time = {"logged_at": at} if at else {}
    return {**kept, "tool_use_id": f"toolu_{number}", "is_mcp_tool": False, "tool_summary": "x", **time}


def array(*payloads: Payload) -> bytes:
    return json.dumps(payloads, indent=2).encode()


def write(tree: Path, **files: bytes) -> Path:
    tree.mkdir(exist_ok=True)
    for name, data in files.items():
        (tree / f"{name}.json").write_bytes(data)
    return tree


def parse(data: bytes) -> tuple[Parsed, dict[str, pl.DataFrame]]:
    table = RecordTable()
    parsed = hook_log.parse(split_lines(data), Options(), table)
    frames = table.frames()
    told = {line for frame in frames.values() for line in frame["source_line"]}
    rejected = {reject.line for reject in parsed.rejects}
    assert parsed.lines_read == len(told - rejected) + len(parsed.rejects) + parsed.ignored.total()
    return parsed, frames


def test_a_record_of_an_array_is_a_line(tmp_path: Path) -> None:
    payloads = [tool("PreToolUse", 1), tool("PostToolUse", 1), payload("Stop", stop_hook_active=False)]
    for name, data in {
        "indented": array(*payloads),
        "compact": json.dumps(payloads).encode(),
        "lines": b"\n".join(json.dumps(row).encode() for row in payloads),
        "array of lines": b"[\n" + b",\n".join(json.dumps(row).encode() for row in payloads) + b"\n]\n",
    }.items():
        parsed, frames = parse(data)
        assert (parsed.lines_read, parsed.ignored, parsed.rejects) == (3, {"event:Stop": 1}, []), name
        assert {kind: frame.height for kind, frame in frames.items()} == {"tool_use": 2, "tool_result": 1}
        assert hook_log.sniff(data)
    assert not hook_log.sniff(b'[{"hook_event_name": 1}]')
    assert not hook_log.sniff(json.dumps({"text": json.dumps(payloads)}).encode())


def test_nothing_is_given_a_time(tmp_path: Path) -> None:
    rows = [tool("PreToolUse", 1), tool("PostToolUse", 1), payload("UserPromptSubmit", prompt="fix the cart")]
    land_all(tmp_path / "home", write(tmp_path / "logs", a=array(*rows, reduced(2))), kind="hook_log")
    tools, executions = read(tmp_path / "home", "tool_calls"), read(tmp_path / "home", "executions")
    assert tools["tool_call_id"].to_list() == ["s1/toolu_1", "s1/toolu_2"]
    for frame in (tools, executions):
        assert frame["started_at"].null_count() == frame.height
        assert frame["day"].unique().to_list() == [UNDATED]
        assert frame["attributes"].unique().to_list() == ['{"time":"unknown"}']
    assert tools["duration_ms"].null_count() == 2
    assert executions["outcome"].to_list() == ["unknown"]


def test_a_hook_s_own_clock_is_one_when_its_zone_is_known(tmp_path: Path) -> None:
    tree = write(tmp_path / "logs", a=array(tool("PreToolUse", 1), tool("PostToolUse", 1)), b=array(reduced(1)))
    land_all(tmp_path / "home", tree, kind="hook_log")
    assert read(tmp_path / "home", "tool_calls")["started_at"].to_list() == [None]
    land_all(tmp_path / "home", tree, kind="hook_log", naive_timezone="Europe/Brussels")
    (row,) = read(tmp_path / "home", "tool_calls").to_dicts()
    assert row["started_at"].isoformat() == "2026-02-10T14:51:17.983986+00:00"
    # That is when the tool was done: how long it took is not known.
    assert (row["duration_ms"], row["attributes"], row["command_name"]) == (None, None, "make")


def test_the_native_form_is_preferred_in_any_order_of_files(tmp_path: Path) -> None:
    files = [array(reduced(1, None)), array(tool("PreToolUse", 1), tool("PostToolUse", 1)), array(reduced(1, None))]
    found = []
    for number, order in enumerate(([0, 1, 2], [2, 1, 0], [1, 0, 2])):
        tree = tmp_path / f"logs{number}"
        write(tree, **{f"f{place}": files[index] for place, index in enumerate(order)})
        report = land_all(tmp_path / f"home{number}", tree, kind="hook_log")
        assert (report.events, report.duplicates) == (3, 1)
        (row,) = read(tmp_path / f"home{number}", "tool_calls").to_dicts()
        found.append((row["command_name"], row["input_bytes"], row["is_error"], row["output_bytes"]))
    assert len(set(found)) == 1
    assert found[0][0] == "make"


def test_failures_denials_and_commits(tmp_path: Path) -> None:
    response = {"stdout": "[main abc1234] x\n 1 file changed"}
    rows = [
        tool("PostToolUseFailure", 1, error="Exit code 2\nno", is_interrupt=False),
        tool("PostToolUseFailure", 2, error="stopped", is_interrupt=True),
        tool("PermissionDenied", 3, reason="no"),
        tool("PostToolUse", 4, tool_input={"command": "git commit -m x"}, tool_response=response),
    ]
    land_all(tmp_path / "home", write(tmp_path / "logs", a=array(*rows)), kind="hook_log")
    told = read(tmp_path / "home", "tool_calls").sort("tool_call_id")
    columns = ("is_error", "exit_code", "error_type", "decision", "commit_prefix")
    assert list(told.select(columns).iter_rows()) == [
        (True, 2, "tool", None, None),
        (True, None, "interrupted", None, None),
        (None, None, None, "reject", None),
        (False, None, None, None, "abc1234"),
    ]


def test_sub_agents_are_counted_once(tmp_path: Path) -> None:
    asked: Payload = {"tool_name": "Task", "tool_input": {"prompt": "look", "subagent_type": "builder"}}
    rows = [
        payload("PreToolUse", **asked, tool_use_id="toolu_9"),
        payload("SubagentStart", agent_id="a1", agent_type="builder"),
        payload("SubagentStop", agent_id="a1", agent_type="", stop_hook_active=False),
        payload("SubagentStop", agent_id="a2", agent_type="researcher", stop_hook_active=False),
    ]
    tree = write(tmp_path / "logs", a=array(*rows), b=array(*rows))
    report = land_all(tmp_path / "home", tree, kind="hook_log")
    assert (report.events, report.duplicates) == (4, 4)
    executions = read(tmp_path / "home", "executions")
    assert sorted(executions["agent_name"]) == ["builder", "researcher"]


def test_the_transcript_lends_its_time_and_nothing_is_told_twice(tmp_path: Path) -> None:
    session = Session("s1")
    session.prompt("fix the cart")
    session.tool("m1", "1")
    session.result("1")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "s1.jsonl").write_bytes(session.text())
    rows = [
        payload("UserPromptSubmit", prompt="fix the cart"),
        tool("PreToolUse", 1),
        tool("PostToolUse", 1),
        tool("PreToolUse", 2),  # of which the transcript does not tell
        payload("PreToolUse", tool_name="Read", tool_input={"file_path": "/x"}),  # an older payload, without an id
    ]
    hooks = write(tmp_path / "hooks", a=array(*rows))
    specs = [
        SourceSpec(kind="claude_code", path=tmp_path / "logs"),
        SourceSpec(kind="hook_log", path=hooks),
    ]
    land(settings_of(tmp_path / "together"), specs, now=NOW)
    for name, order in (("logs first", specs), ("hooks first", specs[::-1])):
        for spec in order:
            land(settings_of(tmp_path / name), [spec], now=NOW)
        for stream, key in (("tool_calls", "tool_call_id"), ("executions", "execution_id")):
            assert_frame_equal(read(tmp_path / name, stream).sort(key), read(tmp_path / "together", stream).sort(key))
    tools = read(tmp_path / "together", "tool_calls").sort("tool_call_id")
    assert tools["tool_call_id"].to_list() == ["s1/toolu_1", "s1/toolu_2"]
    assert [time is None for time in tools["started_at"]] == [False, True]
    executions = read(tmp_path / "together", "executions")
    assert executions.height == 1
    assert executions["started_at"].null_count() == 0


def test_unknown_events_and_fields_are_counted_by_name() -> None:
    rows = [tool("PreToolUse", 1, mood="sunny"), payload("Telepathy"), {"session_id": "s1"}, payload("PreToolUse")]
    parsed, _ = parse(array(*rows))
    assert parsed.unknown == {"field:mood": 1, "kind:hook/Telepathy": 1}
    assert [reject.check for reject in parsed.rejects] == ["unknown_kind", "missing_field", "missing_field"]


def test_damage_costs_the_record_that_has_it() -> None:
    data = array(*(tool("PreToolUse", number) for number in range(5)))
    at = data.index(b'"cwd"', len(data) // 2)
    parsed, frames = parse(data[:at] + b"{{" + data[at:])
    assert (parsed.lines_read, len(parsed.rejects), frames["tool_use"].height) == (5, 1, 4)
    parsed, frames = parse(data[: len(data) // 2])
    assert (len(parsed.rejects), frames["tool_use"].height) == (1, 2)


_payloads = st.lists(
    st.builds(
        lambda event, number, session, name: (
            tool(event, number, session)
            if name
            else payload(event, session, tool_name="Read", tool_input={"n": number})
        ),
        st.sampled_from(["PreToolUse", "PostToolUse", "Stop"]),
        st.integers(0, 3),
        st.sampled_from(["s1", "s2"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(rows=_payloads, cut=st.integers(0, 12))
def test_a_growing_copy_adds_only_its_tail(rows: list[Payload], cut: int) -> None:
    _, whole = parse(array(*rows))
    _, part = parse(array(*rows[:cut]))
    for kind, frame in part.items():
        assert set(frame["record_key"]) <= set(whole[kind]["record_key"])
    # A tool call is what has an id, or what was said so often.
    named = {row["tool_use_id"] for row in rows if "tool_use_id" in row and row["hook_event_name"] != "Stop"}
    said = Counter(
        (row["session_id"], row["tool_input"]["n"], row["hook_event_name"])
        for row in rows
        if "tool_use_id" not in row and row["hook_event_name"] != "Stop"
    )
    most: Counter[tuple[str, int]] = Counter()
    for (session, number, _), n in said.items():
        most[session, number] = max(most[session, number], n)
    found = whole["tool_use"]["tool_call_id"].n_unique() if "tool_use" in whole else 0
    assert found == len(named) + most.total()


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 2000), put=st.binary(min_size=1, max_size=4), seed=st.integers(0, 3))
def test_damage_anywhere_is_accounted_for(at: int, put: bytes, seed: int) -> None:
    data = array(*(tool("PostToolUse", number) for number in range(4)))
    if seed % 2:
        data = b"\n".join(json.dumps(tool("PostToolUse", number)).encode() for number in range(4))
    at %= len(data)
    parse(data[:at] + put + data[at + 1 :])


@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real logs of shared/ are not on this machine")
def test_real_payload_arrays(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "logs", filter="data")
    told = [row for path in (tmp_path / "logs").rglob("*.json") for row in json.loads(path.read_text())]
    said = Counter(
        (row["hook_event_name"], row["session_id"], row["tool_name"], json.dumps(row["tool_input"], sort_keys=True))
        for row in told
    )
    before = {key[1:]: n for key, n in said.items() if key[0] == "PreToolUse"}
    after = {key[1:]: n for key, n in said.items() if key[0] == "PostToolUse"}
    calls = sum(max(before.get(key, 0), after.get(key, 0)) for key in {*before, *after})
    report = land_all(tmp_path / "home", tmp_path / "logs", kind="hook_log")
    assert (report.lines_read, report.events, report.quarantined) == (len(told), len(told), 0)
    assert report.unknown_fields == {}
    tools = read(tmp_path / "home", "tool_calls")
    assert tools.height == calls
    assert tools["is_error"].count() == sum(after.values())
    assert tools["started_at"].null_count() == tools.height
    # The arrays cut in two at random, and repeated, tell nothing else.
    cut = random.Random(1).randrange(1, len(told))
    write(tmp_path / "again", a=array(*told[:cut]), b=array(*told), c=array(*told[cut:]))
    land_all(tmp_path / "other", tmp_path / "again", kind="hook_log")
    assert read(tmp_path / "other", "tool_calls").height == calls

"""What the latest transcripts say beside the conversation, and side-chains that are cut over files."""

import itertools
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from learning_pipeline.sources import claude_code
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import transcripts
from learning_pipeline_tests.transcripts import Session

Row = dict[str, Any]


def parse(data: bytes) -> tuple[Parsed, dict[str, pl.DataFrame]]:
    table = transcripts.RecordTable()
    parsed = claude_code.parse(split_lines(data), Options(), table)
    frames = table.frames()
    lines = {line for frame in frames.values() for line in frame["source_line"]}
    lines -= {reject.line for reject in parsed.rejects}
    assert parsed.lines_read == len(lines) + len(parsed.rejects) + parsed.ignored.total()
    return parsed, frames


def assemble(*files: bytes) -> dict[str, pl.DataFrame]:
    parts: dict[str, list[pl.DataFrame]] = {}
    for number, data in enumerate(files):
        for kind, frame in parse(data)[1].items():
            origin = {"source_file": f"{number}.jsonl", "source": "claude_code", "host": "test"}
            parts.setdefault(kind, []).append(frame.with_columns(pl.lit(v).alias(name) for name, v in origin.items()))
    records = {
        kind: pl.concat(found).sort("source_file", "source_line").unique("record_key", keep="first")
        for kind, found in parts.items()
    }
    return transcripts.assemble(records)


def executions(*files: bytes) -> list[Row]:
    return assemble(*files)["executions"].sort("started_at", "execution_id").to_dicts()


def noted(row: Row) -> dict[str, Any]:
    return dict(json.loads(row["attributes"])) if row["attributes"] else {}


def queue(session: Session, text: Any, mode: str = "prompt", kind: str = "human", **more: Any) -> Row:
    command = {"type": "queued_command", "prompt": text, "commandMode": mode, "origin": {"kind": kind}, **more}
    return session.row("attachment", attachment=command)


def notice(task: str, status: str = "completed", tool: str | None = None) -> str:
    call = f"<tool-use-id>{tool}</tool-use-id>\n" if tool else ""
    result = "<result>it says <status>failed</status></result>\n<usage><duration_ms>66309</duration_ms></usage>"
    return (
        f"<task-notification>\n<task-id>{task}</task-id>\n{call}<status>{status}</status>\n"
        f"<summary>Agent done</summary>\n{result}\n</task-notification>"
    )


def test_a_queued_prompt_is_asked_once() -> None:
    session = Session()
    session.prompt("first")
    session.row("queue-operation", operation="enqueue", content="second")
    queue(session, "second", source_uuid="u2")
    queue(session, [{"type": "text", "text": "third"}, {"type": "image", "source": {}}], source_uuid="u3")
    queue(session, notice("b1"), "task-notification", "task-notification")
    queue(session, "from a peer", kind="peer")
    queue(session, "injected", isMeta=True)
    session.row("queue-operation", operation="remove")
    # One of them was delivered as a prompt of its own after all.
    session.prompt("third", uuid="u3")
    told = executions(session.text())
    assert [row["task_text"] for row in told] == ["first", "second", "third"]
    assert [row["execution_id"] for row in told][1:] == ["u2", "u3"]
    parsed, _ = parse(session.text())
    assert parsed.ignored == {"queue_operation": 2, "attachment:queued_command": 2}
    assert not parsed.unknown


def background(session: Session, agent: str = "a1") -> None:
    session.prompt()
    session.tool("m1", "t1", "Agent", prompt="look", subagent_type="Explore", description="x")
    session.result("t1", "launched", toolUseResult={"isAsync": True, "status": "async_launched", "agentId": agent})
    session.say("m2", stop="end_turn")


@pytest.mark.parametrize(
    ("status", "outcome", "success"),
    [("completed", "success", True), ("failed", "failure", False), ("killed", "interrupted", None)],
)
def test_a_notice_ends_a_background_agent(status: str, outcome: str, success: bool | None) -> None:
    session = Session()
    background(session)
    session.row("queue-operation", operation="enqueue", content=notice("a1", status))
    ended = session.now
    session.prompt(notice("a1", status), origin={"kind": "task-notification"})
    (run,) = [row for row in executions(session.text()) if row["agent_kind"] == "subagent"]
    assert (run["outcome"], run["success"], run["outcome_source"]) == (outcome, success, "reported")
    assert (run["ended_at"], run["duration_ms"]) == (ended, 66309)
    assert run["agent_name"] == "Explore"


def test_a_background_agent_without_a_notice_is_open_and_a_command_is_no_agent() -> None:
    session = Session()
    background(session)
    session.prompt(notice("b99", "failed"))
    told = executions(session.text())
    assert [(row["agent_kind"], row["outcome"]) for row in told] == [("main", "success"), ("subagent", "open")]


def test_a_notice_is_joined_by_the_tool_that_launched_the_agent() -> None:
    session = Session()
    background(session)
    session.prompt(notice("other", "completed", "toolu_t1"))
    (run,) = [row for row in executions(session.text()) if row["agent_kind"] == "subagent"]
    assert run["outcome"] == "success"


def test_a_separate_file_of_a_sub_agent_belongs_to_its_run() -> None:
    main, sub = Session(), Session(start=Session().now)
    background(main)
    sub.prompt("look", isSidechain=True, agentId="a1", uuid="x1")
    sub.say("n1", stop="end_turn", isSidechain=True, agentId="a1", uuid="x2")
    for files in ((main.text(), sub.text()), (sub.text(), main.text())):
        (run,) = [row for row in executions(*files) if row["agent_kind"] == "subagent"]
        assert (run["agent_name"], run["llm_calls"], run["task_text"]) == ("Explore", 1, "look")
        assert run["parent_execution_id"] is not None


def test_notes_are_kept_with_the_execution_of_their_time() -> None:
    session = Session()
    session.prompt("first")
    operation = {"commit": {"sha": "b51711ec", "kind": "committed"}, "push": {"branch": "main"}}
    session.tool("m1", "t1", command="git commit -m x && git push")
    session.result("t1", toolUseResult={"stdout": "", "gitOperation": operation})
    link = {"prNumber": 7, "prUrl": "https://example.org/o/r/pull/7", "prRepository": "o/r"}
    session.row("pr-link", **link)
    session.prompt("second")
    session.row("system", subtype="compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 155000})
    first, second = executions(session.text())
    assert noted(first) == {
        "git": [operation],
        "pull_request": [{"number": 7, "repository": "o/r", "url": link["prUrl"]}],
    }
    assert noted(second) == {"compaction": [{"trigger": "auto", "pre_tokens": 155000}]}
    assert assemble(session.text())["tool_calls"]["commit_prefix"].to_list() == ["b51711ec"]


def test_a_call_in_which_another_model_took_over_is_that_models() -> None:
    session = Session(model="claude-fable-5")
    session.prompt()
    session.row(
        "system",
        subtype="model_refusal_fallback",
        originalModel="claude-fable-5",
        fallbackModel="claude-opus-4-8",
        requestId="req_0",
        apiRefusalCategory="cyber",
        direction="down",
        trigger="refusal",
        refusedUserMessageUuid="s1-1",
    )
    change = {"type": "fallback", "from": {"model": "claude-fable-5"}, "to": {"model": "claude-opus-4-8"}}
    session.say("m1", {"type": "thinking", "thinking": "", "signature": "x"}, stop="end_turn")
    session.say("m1", change, stop="end_turn")
    session.say("m1", stop="end_turn")
    session.say("m2", stop="end_turn")
    told = assemble(session.text())
    calls = told["llm_calls"].sort("call_id")
    assert calls["model"].to_list() == ["claude-opus-4-8", "claude-fable-5"]
    models = {"from": "claude-fable-5", "to": "claude-opus-4-8"}
    assert json.loads(calls["attributes"][0]) == {"fallback": models}
    (row,) = told["executions"].to_dicts()
    assert noted(row) == {
        "fallback": [models],
        "refusal": [{**models, "category": "cyber", "request_id": "req_0"}],
    }


def test_a_tool_that_was_not_permitted_says_so() -> None:
    session = Session()
    session.prompt()
    for number, kind in enumerate(("user-rejected", "automode-unavailable")):
        session.tool(f"m{number}", str(number))
        session.result(str(number), error=True, toolDenialKind=kind)
    tools = assemble(session.text())["tool_calls"].sort("tool_call_id")
    assert tools["decision"].to_list() == ["reject", None]
    assert tools["error_type"].to_list() == ["permission", "permission"]


def test_a_transcript_that_became_one_array_is_read_row_by_row() -> None:
    session = Session()
    session.turn("a")
    rows = [json.loads(line) for line in session.lines]
    for data in (json.dumps(rows, indent=2).encode(), json.dumps(rows).encode()):
        assert claude_code.sniff(data)
        assert_frame_equal(
            assemble(data)["executions"].drop("source_file"), assemble(session.text())["executions"].drop("source_file")
        )
    parsed, _ = parse(json.dumps([{"a": 1}, {"b": 2}], indent=1).encode())
    assert [reject.check for reject in parsed.rejects] == ["foreign_document"]


def side_chain() -> Session:
    """Return a session of the oldest kind, whose two sub-agents are rows of its own file, one after the other."""
    session = Session()
    session.prompt("main")
    session.tool("m1", "t1", "Task", prompt="look here", description="x")
    session.tool("m2", "t2", "Task", prompt="look there", description="x")
    for name, text in (("p", "look here"), ("q", "look there")):
        before = session.prompt(text, isSidechain=True, uuid=f"{name}0")["uuid"]
        for step in range(1, 5):
            content = {"type": "text", "text": "x"}
            uuid = f"{name}{step}"
            if step == 2:
                row = session.prompt("caveat", isMeta=True, isSidechain=True, uuid=uuid, parentUuid=before)
            else:
                row = session.say(f"{name}{step}", content, isSidechain=True, uuid=uuid, parentUuid=before)
            before = row["uuid"]
    session.result("t1")
    session.result("t2")
    session.say("m3", stop="end_turn")
    return session


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_side_chain_is_one_agent_however_it_is_cut(data: st.DataObject) -> None:
    lines = side_chain().lines
    where = data.draw(st.lists(st.integers(0, 3), min_size=len(lines), max_size=len(lines)))
    files = [
        b"\n".join(line for line, place in zip(lines, where, strict=True) if place == number) + b"\n"
        for number in range(4)
    ]
    whole, cut = assemble(b"\n".join(lines)), assemble(*files)
    for stream, key in (("executions", "execution_id"), ("llm_calls", "call_id"), ("tool_calls", "tool_call_id")):
        told = [name for name in whole[stream].columns if not name.endswith(("source_file", "source_line"))]
        assert_frame_equal(whole[stream].select(told).sort(key), cut[stream].select(told).sort(key))
    runs = cut["executions"].filter(pl.col("agent_kind") == "subagent")
    assert sorted(runs["task_text"]) == ["look here", "look there"]
    assert runs["llm_calls"].to_list() == [3, 3]


def test_a_chain_that_leads_in_a_circle_comes_to_an_end() -> None:
    session = Session()
    for uuid, parent in itertools.pairwise("abca"):
        session.say(uuid, isSidechain=True, uuid=uuid, parentUuid=parent)
    assert assemble(session.text())["executions"].height == 1

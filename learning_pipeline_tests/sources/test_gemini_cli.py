"""Sessions of Gemini CLI: documents, files of lines, copies as they grow, damage, and real ones."""

import json
import random
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import claude_code, gemini_cli
from learning_pipeline_tests.agent_logs import START, assemble, read, stamp, told
from learning_pipeline_tests.homes import SHARED, digests, land_all
from learning_pipeline_tests.homes import read as read_stream
from learning_pipeline_tests.transcripts import Session as ClaudeSession

KIND = "gemini_cli"
TOKENS = {"input": 1000, "output": 20, "cached": 900, "thoughts": 30, "tool": 5, "total": 1055}
CHECKPOINTS = SHARED / "data" / "entireio-cli-checkpoints.tar.gz"
GIT_AI = SHARED / "data" / "git-ai.tar.gz"


class Session:
    """Writes messages, each two seconds after the one before."""

    def __init__(self, name: str = "session-1") -> None:
        self.head = {"sessionId": name, "projectHash": "f" * 64, "startTime": stamp(START), "lastUpdated": stamp(START)}
        self.now = START
        self.messages: list[dict[str, Any]] = []

    def add(self, kind: str, content: Any, **more: Any) -> dict[str, Any]:
        self.now += timedelta(seconds=2)
        message = {
            "id": f"{self.head['sessionId']}-m{len(self.messages)}",
            "timestamp": stamp(self.now),
            "type": kind,
            "content": content,
            **more,
        }
        self.messages.append(message)
        return message

    def gemini(self, content: str = "done", tokens: dict[str, int] | None = TOKENS, **more: Any) -> dict[str, Any]:
        return self.add("gemini", content, model="gemini-2.5-flash", thoughts=[], tokens=tokens, **more)

    def tool(self, name: str = "read_file", status: str = "success", **more: Any) -> dict[str, Any]:
        asked = int(self.now.timestamp() * 1000)
        self.now += timedelta(seconds=3)
        call = {
            "id": f"{name}-{asked}-abc{len(self.messages)}",
            "name": name,
            "args": {"file_path": "a.py"},
            "result": [{"functionResponse": {"response": {"output": "ok"}}}],
            "status": status,
            "timestamp": stamp(self.now),
            **more,
        }
        return self.gemini("I look", toolCalls=[call])

    def turn(self) -> None:
        self.add("user", "fix the bug in the cart")
        self.tool()
        self.gemini()

    def document(self, messages: int | None = None, indent: int | None = 2) -> bytes:
        return json.dumps({**self.head, "messages": self.messages[:messages]}, indent=indent).encode()

    def lines(self) -> bytes:
        return b"\n".join(json.dumps(row).encode() for row in ({**self.head, "kind": "main"}, *self.messages))


def one(*files: bytes) -> dict[str, list[dict[str, Any]]]:
    return told(assemble(KIND, files))


def a_turn() -> Session:
    session = Session()
    session.turn()
    return session


class TestMessages:
    @pytest.mark.parametrize("indent", [2, None])
    def test_a_document_counts_a_line_for_each_message(self, indent: int | None) -> None:
        parsed, _ = read(KIND, a_turn().document(indent=indent))
        assert (parsed.lines_read, parsed.rejects, parsed.ignored.total()) == (3, [], 0)
        assert not parsed.unknown

    def test_cached_input_is_taken_out_and_thoughts_are_output(self) -> None:
        rows = one(a_turn().document())
        (execution,) = rows["executions"]
        for call in rows["llm_calls"]:
            assert (call["input_tokens"], call["cache_read_tokens"]) == (105, 900)
            assert (call["output_tokens"], call["reasoning_tokens"], call["output_tokens_final"]) == (50, 30, True)
        assert (execution["input_tokens"], execution["output_tokens"], execution["reasoning_tokens"]) == (210, 100, 60)
        assert (execution["agent_name"], execution["model"], execution["provider"]) == (
            "gemini-cli",
            "gemini-2.5-flash",
            "google",
        )

    def test_counts_that_are_all_zero_are_not_known(self) -> None:
        session = a_turn()
        session.gemini("more", tokens=dict.fromkeys(TOKENS, 0))
        call = max(one(session.document())["llm_calls"], key=lambda row: row["started_at"])
        assert call["input_tokens"] is call["output_tokens"] is None

    def test_a_message_that_only_carries_tool_calls_is_no_call_of_its_own(self) -> None:
        session = a_turn()
        session.tool()
        session.messages[-1] |= {"content": "", "tokens": dict.fromkeys(TOKENS, 0)}
        rows = one(session.document())
        assert (len(rows["llm_calls"]), len(rows["tool_calls"])) == (2, 2)

    def test_a_tool_takes_from_the_moment_in_its_id_to_its_result(self) -> None:
        (tool,) = one(a_turn().document())["tool_calls"]
        assert (tool["duration_ms"], tool["is_error"], tool["file_path"]) == (3000, False, "a.py")

    @pytest.mark.parametrize(
        ("status", "is_error", "outcome"), [("success", False, "success"), ("error", True, "failure")]
    )
    def test_status_of_a_tool(self, status: str, is_error: bool, outcome: str) -> None:
        session = Session()
        session.add("user", "fix it")
        session.tool(status=status)
        session.gemini()
        rows = one(session.document())
        assert rows["tool_calls"][0]["is_error"] is is_error
        assert rows["executions"][0]["outcome"] == outcome

    @pytest.mark.parametrize("status", ["executing", "scheduled", "awaiting_approval"])
    def test_a_tool_without_an_end_has_no_result(self, status: str) -> None:
        session = Session()
        session.add("user", "fix it")
        session.tool(status=status)
        (tool,) = one(session.document())["tool_calls"]
        assert tool["is_error"] is tool["duration_ms"] is tool["output_bytes"] is None

    def test_a_shell_command(self) -> None:
        session = Session()
        session.add("user", "commit it")
        said = "Exit Code: 3\n[main abc1234] fix\n 1 file changed"
        result = [{"functionResponse": {"response": {"output": said}}}]
        session.tool("run_shell_command", args={"command": "cd x && git commit -m fix"}, result=result)
        (tool,) = one(session.document())["tool_calls"]
        assert (tool["tool_kind"], tool["command_name"], tool["exit_code"]) == ("shell", "git", 3)
        assert tool["commit_prefix"] == "abc1234"

    def test_a_person_refuses_a_tool(self) -> None:
        session = Session()
        session.add("user", "fix it")
        said = {"functionResponse": {"response": {"error": "[Operation Cancelled] User did not allow tool call"}}}
        session.tool(status="cancelled", result=[said])
        (tool,) = one(session.document())["tool_calls"]
        assert (tool["decision"], tool["is_error"]) == ("reject", None)

    def test_a_file_that_was_written_is_changed(self) -> None:
        session = Session()
        session.add("user", "fix it")
        session.tool("replace", resultDisplay={"diffStat": {"model_added_lines": 4, "model_removed_lines": 1}})
        _, records = read(KIND, session.document())
        assert records["change"].select("file_path", "lines_added", "lines_removed").row(0) == ("a.py", 4, 1)
        assert one(session.document())["executions"][0]["files_changed"] == 1

    @pytest.mark.parametrize(
        ("kind", "content", "outcome"),
        [
            ("info", "Request cancelled.", "interrupted"),
            ("error", "[API Error: quota exceeded]", "failure"),
            ("info", "An update is available", "success"),
            ("warning", "A hook failed", "success"),
        ],
    )
    def test_what_the_program_says(self, kind: str, content: str, outcome: str) -> None:
        session = a_turn()
        session.add(kind, content)
        (execution,) = one(session.document())["executions"]
        assert execution["outcome"] == outcome
        assert (execution["error_type"] == "rate_limit") is (outcome == "failure")

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            ([{"text": "look at @a.py"}, {"text": "\n--- Content from referenced files ---"}, {"text": "x = 1"}],
             "look at @a.py"),
            ([{"text": "one"}, {"inlineData": {}}, "two"], "one\ntwo"),
            ({"text": "one"}, "one"),
        ],
    )  # fmt: skip
    def test_a_prompt_in_parts(self, content: Any, text: str) -> None:
        session = Session()
        session.add("user", content)
        assert one(session.document())["executions"][0]["task_text"] == text

    def test_words_that_no_person_said_are_no_prompt(self) -> None:
        session = a_turn()
        session.add("user", "System: Please continue.")
        session.add("user", [{"functionResponse": {"id": "x"}}])
        parsed, _ = read(KIND, session.document())
        assert parsed.ignored == {"user:continue": 1, "user:no_text": 1}
        assert len(one(session.document())["executions"]) == 1

    def test_an_empty_session_is_one_line(self) -> None:
        parsed, _ = read(KIND, Session().document())
        assert (parsed.lines_read, parsed.ignored) == (1, {"empty_session": 1})


class TestLines:
    def test_a_file_of_lines_says_what_the_document_says(self) -> None:
        session = a_turn()
        assert one(session.lines()) == one(session.document()) == one(session.lines(), session.document())

    def test_a_message_that_is_written_again_counts_once(self) -> None:
        session = a_turn()
        early = [json.dumps({**message, "tokens": None, "toolCalls": []}).encode() for message in session.messages]
        head, *rest = session.lines().split(b"\n")
        rows = one(b"\n".join((head, early[1], early[2], *rest)))
        assert rows == one(session.document())

    def test_what_changes_the_session_is_named(self) -> None:
        session = a_turn()
        more = [{"$set": {"lastUpdated": "x"}}, {"$rewindTo": "m1"}, {"$set": {"messages": session.messages}}]
        data = b"\n".join((session.lines(), *(json.dumps(row).encode() for row in more)))
        parsed, _ = read(KIND, data)
        assert parsed.ignored == {"session_header": 1, "session_update": 1, "rewind": 1}
        assert one(data) == one(session.document())

    def test_lines_without_a_header_go_by_their_first_message(self) -> None:
        lines = a_turn().lines().split(b"\n")[1:]
        rows = one(b"\n".join(lines))
        assert {row["session_id"] for row in rows["llm_calls"]} == {"message:session-1-m0"}

    def test_a_session_of_a_subagent(self) -> None:
        session = a_turn()
        data = session.lines().replace(b'"kind": "main"', b'"kind": "subagent"')
        rows = one(data)
        assert {row["agent_kind"] for row in rows["executions"]} == {"subagent"}
        assert all(row["is_subagent"] for row in rows["llm_calls"])


class TestForeignAndBroken:
    def test_sniff(self) -> None:
        session = a_turn()
        for data in (session.document(), session.document(indent=None), session.lines(), session.document()[:500]):
            assert gemini_cli.sniff(data)
        headless = session.lines().split(b"\n", 1)[1]
        assert gemini_cli.sniff(headless)
        foreign: list[bytes] = [
            b"",
            b"{}",
            b"[]",
            b"words",
            json.dumps({"id": 1, "messages": []}).encode(),
            json.dumps({"uuid": "x", "sessionId": "s", "type": "user", "timestamp": "t", "message": {}}).encode(),
            json.dumps({"id": "x", "timestamp": "t", "type": "message", "content": "", "role": "user"}).encode(),
        ]
        assert not any(map(gemini_cli.sniff, foreign))
        claude = ClaudeSession()
        claude.turn("t")
        assert not gemini_cli.sniff(claude.text())
        assert not claude_code.sniff(session.document())

    def test_a_transcript_of_another_agent_gives_nothing(self) -> None:
        claude = ClaudeSession()
        claude.turn("t")
        parsed, records = read(KIND, claude.text())
        assert not records
        assert {reject.check for reject in parsed.rejects} == {"foreign_document"}

    @pytest.mark.parametrize("data", [b'{\n "a": 1\n}', b"[\n {},\n 2\n]", b'{\n "messages": [\n  {"id": "x"'])
    def test_a_foreign_or_torn_document_is_one_reject(self, data: bytes) -> None:
        parsed, records = read(KIND, data)
        assert (parsed.lines_read, len(parsed.rejects), records) == (1, 1, {})

    def test_a_bad_message_costs_that_message_only(self) -> None:
        session = a_turn()
        session.messages.insert(1, {"id": "bad", "timestamp": "soon", "type": "user", "content": "x"})
        session.messages.insert(2, {"id": "odd", "timestamp": stamp(START), "type": "dance", "content": "x"})
        parsed, _ = read(KIND, session.document())
        assert {reject.line: reject.check for reject in parsed.rejects} == {2: "timestamp", 3: "unknown_kind"}
        assert parsed.unknown == {"kind:dance": 1}
        assert len(one(a_turn().document())["llm_calls"]) == 2

    def test_fields_that_are_new_are_counted(self) -> None:
        session = a_turn()
        session.head["mood"] = "good"
        session.messages[1] |= {"colour": 1, "tokens": {**TOKENS, "audio": 1}}
        session.messages[1]["toolCalls"][0]["cost"] = 1
        parsed, _ = read(KIND, session.document())
        assert parsed.unknown == {
            "field:mood": 1,
            "field:messages.colour": 1,
            "field:messages.tokens.audio": 1,
            "field:messages.toolCalls.cost": 1,
        }

    @settings(max_examples=150, deadline=None)
    @given(st.booleans(), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=3)), min_size=1, max_size=5))
    def test_damage_is_accounted_for(self, lines: bool, wounds: list[tuple[int, bytes]]) -> None:
        session = a_turn()
        data = session.lines() if lines else session.document()
        for at, put in wounds:
            at %= len(data)
            data = data[:at] + put + data[at + 1 :]
        read(KIND, data)


class TestLaws:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.randoms(use_true_random=False), st.booleans())
    def test_copies_of_a_growing_session_in_any_order_are_the_session(
        self, ends: list[int], chance: random.Random, lines: bool
    ) -> None:
        session = Session()
        for _ in range(3):
            session.turn()
        whole = one(session.document())
        files = [session.document(end) for end in ends] + [session.lines() if lines else session.document()]
        chance.shuffle(files)
        assert one(*files) == whole

    def test_a_document_that_is_rewritten_as_it_grows(self, tmp_path: Path) -> None:
        session = Session()
        for _ in range(3):
            session.turn()
        file = tmp_path / "logs" / "session-1.json"
        file.parent.mkdir()
        for end in (1, 4, 5, 9):
            file.write_bytes(session.document(end))
            land_all(tmp_path / "grown", file.parent, kind=KIND)
        land_all(tmp_path / "whole", file.parent, kind=KIND)
        assert digests(tmp_path / "grown") == digests(tmp_path / "whole")
        file.write_bytes(Session().document())
        again = land_all(tmp_path / "grown", file.parent, kind=KIND)
        assert (again.days, digests(tmp_path / "grown")) == ([], digests(tmp_path / "whole"))
        assert land_all(tmp_path / "grown", file.parent, kind=KIND).files_changed == 0


@pytest.mark.skipif(not CHECKPOINTS.exists(), reason="the real logs of shared/ are not on this machine")
class TestRealSessions:
    def test_messages_tokens_and_tools_equal_an_independent_count(self, tmp_path: Path) -> None:
        tree = tmp_path / "logs"
        tree.mkdir()
        with tarfile.open(CHECKPOINTS) as archive:
            for member in archive:
                held = archive.extractfile(member) if member.name.endswith("/full.jsonl") else None
                if held is not None and held.read(2) == b"{\n":
                    (tree / f"{member.name.replace('/', '-')}").write_bytes(b"{\n" + held.read())
        documents = [json.loads(path.read_bytes()) for path in tree.iterdir()]
        assert len(documents) == 6
        messages = {message["id"]: message for each in sorted(documents, key=lambda d: len(d["messages"]))
                    for message in each["messages"]}  # fmt: skip
        counted = [message["tokens"] for message in messages.values() if message.get("tokens", {}).get("total")]
        tools = [tool for message in messages.values() for tool in message.get("toolCalls", ())]
        report = land_all(tmp_path, tree, kind=KIND)
        assert report.lines_read == sum(len(each["messages"]) for each in documents)
        assert (report.quarantined, report.unknown_fields) == (0, {})
        calls = read_stream(tmp_path, "llm_calls")
        assert calls.height == len(counted)
        assert calls.select(pl.col("input_tokens") + pl.col("cache_read_tokens")).sum().item() == sum(
            each["input"] for each in counted
        )
        assert calls["cache_read_tokens"].sum() == sum(each["cached"] for each in counted)
        assert calls["output_tokens"].sum() == sum(each["output"] + each["thoughts"] for each in counted)
        found = read_stream(tmp_path, "tool_calls")
        assert sorted(found["tool_call_id"]) == sorted(tool["id"] for tool in tools)
        assert found["is_error"].to_list().count(False) == len(tools)
        prompts = [m for m in messages.values() if m["type"] == "user" and m["content"] != "System: Please continue."]
        assert sorted(read_stream(tmp_path, "executions")["execution_id"]) == sorted(m["id"] for m in prompts)


@pytest.mark.skipif(not GIT_AI.exists(), reason="the real logs of shared/ are not on this machine")
def test_a_real_file_of_lines(tmp_path: Path) -> None:
    with tarfile.open(GIT_AI) as archive:
        member = next(each for each in archive if each.name.endswith("gemini-session-simple.jsonl"))
        held = archive.extractfile(member)
        assert held is not None
        (tmp_path / "s.jsonl").write_bytes(held.read())
    report = land_all(tmp_path / "home", tmp_path / "s.jsonl", kind=KIND)
    assert (report.lines_read, report.events, report.quarantined, report.ignored) == (7, 6, 0, 1)
    calls = read_stream(tmp_path / "home", "llm_calls")
    assert (calls.height, calls["input_tokens"].null_count()) == (5, 5)
    assert read_stream(tmp_path / "home", "tool_calls").height == 4

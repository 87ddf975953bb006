"""What the events of a session of Copilot CLI say."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import copilot_cli
from learning_pipeline_tests.agent_logs import Log, assemble, read, stamp, told

KIND = "copilot_cli"
SESSION = "832dd140-8fac-433c-a45a-d29e7b1a4a39"
MODEL = "claude-sonnet-4.6"


class Events(Log):
    """One session's file, as Copilot writes it."""

    def __init__(self, session: str = SESSION, **start: Any) -> None:
        super().__init__()
        self.session = session
        self.calls = 0
        context = {"cwd": "/work/shop", "gitRoot": "/work/shop", "branch": "main"}
        given = {"sessionId": session, "version": 1, "copilotVersion": "1.0.64", "context": context, **start}
        self.event("session.start", **given)

    def event(self, kind: str, **data: Any) -> dict[str, Any]:
        number = len(self.lines)
        own = f"{self.session[:24]}{number:012}"
        row = {"type": kind, "data": data, "id": own, "timestamp": stamp(self.now), "parentId": None}
        return self.write(row)

    def ask(self, text: str = "mend the cart", **more: Any) -> None:
        self.event("user.message", content=text, transformedContent=f"<now>{text}", attachments=[], **more)

    def say(self, output: int | None = 10, *, model: str | None = MODEL, tools: int = 0, **more: Any) -> str:
        self.calls += 1
        call = f"{self.session}-m{self.calls}"
        requests = [{"toolCallId": f"t{number}"} for number in range(tools)]
        data = {"messageId": call, "content": "x", "toolRequests": requests, **more}
        if model is not None:
            data["model"] = model
        if output is not None:
            data["outputTokens"] = output
        self.event("assistant.message", **data)
        return call

    def tool(self, call: str, name: str = "bash", content: str = "ok", *, success: bool = True, **more: Any) -> None:
        arguments = more.pop("arguments", {"command": "pytest -q"})
        self.event("tool.execution_start", toolCallId=call, toolName=name, arguments=arguments)
        result = {"result": {"content": content}} if success else {"error": {"message": content, "code": "failure"}}
        self.event("tool.execution_complete", toolCallId=call, success=success, **{**result, **more})

    def shutdown(self, *, count: int = 1, model: str = MODEL, **usage: int) -> None:
        metrics = {model: {"requests": {"count": count, "cost": 0}, "usage": usage}} if usage else {}
        self.event("session.shutdown", shutdownType="routine", modelMetrics=metrics, totalPremiumRequests=0)


def use(given: int, output: int, cached: int = 0, written: int = 0, reasoning: int = 0) -> dict[str, int]:
    names = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens")
    return dict(zip(names, (given, output, cached, written, reasoning), strict=True))


def rows(*logs: Log | bytes) -> dict[str, pl.DataFrame]:
    return assemble(KIND, [log if isinstance(log, bytes) else log.text() for log in logs])


def only(frame: pl.DataFrame) -> dict[str, Any]:
    assert frame.height == 1
    return frame.row(0, named=True)


def tokens(frame: pl.DataFrame) -> tuple[int, ...]:
    """Return input as the log counts it, output, cache reads and writes, and reasoning."""
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "reasoning_tokens")
    given, output, cached, written, reasoning = (frame[name].sum() for name in names)
    return given + cached + written, output, cached, written, reasoning


class TestUsage:
    def test_the_only_call_of_a_run_has_all_that_the_run_used(self) -> None:
        log = Events()
        log.ask()
        call = log.say(101)
        log.shutdown(**use(12847, 101, 10000, 47, 94))
        row = only(rows(log)["llm_calls"])
        assert (row["call_id"], row["input_tokens"], row["cache_read_tokens"]) == (call, 2800, 10000)
        assert (row["output_tokens"], row["reasoning_tokens"], row["model"]) == (101, 94, MODEL)

    def test_the_messages_are_taken_off_what_the_run_used(self) -> None:
        log = Events()
        log.ask()
        log.say(10, tools=1)
        log.say(20)
        log.shutdown(count=2, **use(1000, 30, 600, 100, 5))
        found = rows(log)
        assert found["llm_calls"].height == 3
        assert tokens(found["llm_calls"]) == (1000, 30, 600, 100, 5)
        row = only(found["executions"])
        assert (row["input_tokens"], row["output_tokens"], row["llm_calls"]) == (300, 30, 3)

    def test_output_that_no_message_tells_is_in_the_rest(self) -> None:
        log = Events()
        log.ask()
        log.say(None)
        log.say(20)
        log.shutdown(count=2, **use(1000, 55))
        assert tokens(rows(log)["llm_calls"])[:2] == (1000, 55)

    def test_with_several_prompts_the_rest_belongs_to_none_of_them(self) -> None:
        log = Events()
        for _ in range(2):
            log.ask()
            log.say(10)
        log.shutdown(count=2, **use(1000, 20))
        found = rows(log)
        rest = only(found["llm_calls"].filter(pl.col("input_tokens") == 1000))
        assert (rest["execution_id"], rest["agent_name"], rest["output_tokens"]) == (None, "copilot-cli", 0)
        assert found["executions"]["input_tokens"].to_list() == [None, None]
        assert found["executions"]["output_tokens"].to_list() == [10, 10]

    def test_a_session_without_its_end_has_no_input(self) -> None:
        log = Events()
        log.ask()
        log.say(10)
        assert only(rows(log)["llm_calls"])["input_tokens"] is None

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_a_resumed_session_counts_each_run_once(self, goes_on: bool) -> None:
        """Versions differ: the sums of a later run begin at zero, or go on from those of the run before."""
        log = Events()
        log.ask()
        log.say(100)
        log.say(100)
        log.shutdown(count=2, **use(1000, 200, 500))
        log.event("session.resume", resumeTime=stamp(log.now), eventCount=4)
        log.now += timedelta(days=1)
        log.ask()
        log.say(150)
        log.say(150)
        log.shutdown(count=4 if goes_on else 2, **(use(3000, 500, 1500) if goes_on else use(2000, 300, 1000)))
        found = rows(log)["llm_calls"]
        assert tokens(found)[:3] == (3000, 500, 1500)
        assert found.group_by("day").agg(pl.col("output_tokens").sum()).sort("day")["output_tokens"].to_list() == [
            200,
            300,
        ]

    def test_a_run_that_was_killed_tells_no_sums_for_the_next(self) -> None:
        log = Events()
        log.ask()
        log.say(100)
        log.event("session.resume", resumeTime=stamp(log.now))
        log.ask()
        log.say(10)
        log.say(None)
        log.shutdown(count=2, **use(1000, 25))
        found = rows(log)
        assert tokens(found["llm_calls"])[:2] == (1000, 125)
        assert found["executions"].sort("started_at")["output_tokens"].to_list() == [100, 25]

    def test_sums_by_model(self) -> None:
        log = Events()
        log.ask()
        log.say(10)
        log.event("session.model_change", newModel="gpt-5.4-mini")
        log.say(5, model=None)
        log.say(5, model=None)
        metrics = {
            MODEL: {"requests": {"count": 1}, "usage": use(100, 10)},
            "gpt-5.4-mini": {"requests": {"count": 2}, "usage": use(200, 10)},
            "idle": {"requests": {"count": 0}, "usage": use(0, 0)},
        }
        log.event("session.shutdown", modelMetrics=metrics)
        found = rows(log)["llm_calls"]
        assert tokens(found.filter(pl.col("model") == MODEL))[:2] == (100, 10)
        assert tokens(found.filter(pl.col("model") == "gpt-5.4-mini"))[:2] == (200, 10)
        assert "idle" not in set(found["model"])

    def test_messages_that_name_no_model_are_of_the_only_one(self) -> None:
        log = Events()
        log.ask()
        log.say(5, model=None)
        log.say(5, model=None)
        log.shutdown(count=2, **use(200, 10))
        assert tokens(rows(log)["llm_calls"])[:2] == (200, 10)

    def test_an_end_that_tells_nothing_is_ignored(self) -> None:
        log = Events()
        log.shutdown()
        assert read(KIND, log.text())[0].ignored["session.shutdown"] == 1

    def test_a_count_below_zero_is_rejected(self) -> None:
        log = Events()
        log.say(-1)
        log.shutdown(**use(-5, 1))
        assert [reject.check for reject in read(KIND, log.text())[0].rejects] == ["range", "range"]


class TestTurns:
    def test_a_prompt_is_an_execution(self) -> None:
        log = Events()
        log.ask("mend the cart")
        log.say(tools=1)
        log.tool("t1", content="fine\n<shellId: 0 completed with exit code 0>")
        log.say()
        row = only(rows(log)["executions"])
        assert (row["task_text"], row["agent_name"], row["repository"], row["branch"]) == (
            "mend the cart", "copilot-cli", "shop", "main",
        )  # fmt: skip
        assert (row["outcome"], row["model"], row["agent_version"]) == ("success", MODEL, "1.0.64")

    def test_an_abort_is_an_interruption(self) -> None:
        log = Events()
        log.ask()
        log.say(tools=1)
        log.event("abort", reason="user initiated")
        assert only(rows(log)["executions"])["outcome"] == "interrupted"

    def test_an_error_of_the_session_is_a_failure(self) -> None:
        log = Events()
        log.ask()
        log.event("session.error", errorType="rate_limit", message="slow down")
        row = only(rows(log)["executions"])
        assert (row["outcome"], row["error_type"], row["error_message"]) == ("failure", "rate_limit", "slow down")

    def test_what_a_skill_puts_in_is_no_prompt(self) -> None:
        log = Events()
        log.ask("read this skill", source="skill-pdf")
        assert read(KIND, log.text())[0].ignored["injected_text"] == 1

    def test_the_editor_is_another_agent(self) -> None:
        log = Events(vscodeVersion="1.109.3", producer="copilot-agent")
        log.ask()
        assert only(rows(log)["executions"])["agent_name"] == "copilot-vscode"

    def test_a_sub_agent_is_an_execution_of_its_own(self) -> None:
        log = Events()
        log.ask("mend the cart")
        log.say(10, tools=1)
        given = {"agent_type": "explore", "prompt": "look at the till", "description": "x"}
        log.event("tool.execution_start", toolCallId="task1", toolName="task", arguments=given)
        log.event("subagent.started", toolCallId="task1", agentName="explore")
        log.say(20, parentToolCallId="task1", tools=1)
        log.event("tool.execution_start", toolCallId="in1", toolName="view", arguments={}, parentToolCallId="task1")
        log.event("tool.execution_complete", toolCallId="in1", success=True, parentToolCallId="task1")
        log.event("tool.execution_complete", toolCallId="task1", success=True, result={"content": "seen"})
        log.say(5)
        found = rows(log)["executions"].sort("agent_kind")
        assert found["agent_name"].to_list() == ["copilot-cli", "explore"]
        assert found["task_text"].to_list() == ["mend the cart", "look at the till"]
        assert found["parent_execution_id"].to_list() == [None, found["execution_id"][0]]
        assert found["output_tokens"].to_list() == [15, 20]


class TestTools:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"content": "x\n<shellId: 3 completed with exit code 1>"}, (False, 1, None)),
            ({"content": "x\n<exited with exit code 128>\n"}, (False, 128, None)),
            ({"content": "x exit code 9> waiting"}, (False, None, None)),
            ({"toolTelemetry": {"metrics": {"exit_code": 2}}}, (False, 2, None)),
            ({"success": False, "content": "no"}, (True, None, "tool")),
            ({"success": False, "error": {"code": "denied", "message": "no"}}, (True, None, "permission")),
        ],
    )
    def test_what_the_end_of_a_tool_tells(self, given: dict[str, Any], expected: tuple[Any, ...]) -> None:
        log = Events()
        log.ask()
        log.tool("t1", **given)
        row = only(rows(log)["tool_calls"])
        assert (row["is_error"], row["exit_code"], row["error_type"]) == expected
        assert (row["tool_kind"], row["command_name"], row["duration_ms"]) == ("shell", "pytest", 1000)

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ("approved", "accept"),
            ("approved-for-session", "accept"),
            ("denied-interactively-by-user", "reject"),
            ("denied-by-rules", None),
        ],
    )
    def test_what_a_person_decided(self, answer: str, expected: str | None) -> None:
        log = Events()
        log.ask()
        log.event("tool.execution_start", toolCallId="t1", toolName="bash", arguments={"command": "ls"})
        log.event("permission.requested", requestId="r", permissionRequest={"kind": "shell", "toolCallId": "t1"})
        log.event("permission.completed", requestId="r", result={"kind": answer})
        log.event("tool.execution_complete", toolCallId="t1", success=answer.startswith("approved"))
        assert only(rows(log)["tool_calls"])["decision"] == expected

    def test_changed_lines_count_where_the_edit_worked(self) -> None:
        log = Events()
        log.ask()
        metrics = {"metrics": {"linesAdded": 8, "linesRemoved": 3}}
        log.tool("t1", "edit", arguments={"path": "/work/shop/a.py"}, toolTelemetry=metrics)
        log.tool("t2", "edit", success=False, arguments={"path": "/work/shop/b.py"}, toolTelemetry=metrics)
        log.say()
        row = only(rows(log)["executions"])
        assert (row["files_changed"], row["lines_added"], row["lines_removed"]) == (1, 8, 3)

    def test_tools_of_servers_and_tools_that_never_ended(self) -> None:
        log = Events()
        log.ask()
        log.event("tool.execution_start", toolCallId="t1", toolName="wiki-ask", mcpServerName="wiki", mcpToolName="ask")
        row = only(rows(log)["tool_calls"])
        assert (row["tool_name"], row["tool_kind"], row["mcp_server"]) == ("mcp__wiki__ask", "mcp", "wiki")
        assert (row["is_error"], row["duration_ms"]) == (None, None)


class TestDrift:
    def test_unknown_kinds_are_quarantined_and_unknown_fields_counted(self) -> None:
        log = Events()
        log.event("session.dream")
        log.ask(mood="good")
        found, records = read(KIND, log.text())
        assert [reject.check for reject in found.rejects] == ["unknown_kind"]
        assert dict(found.unknown) == {"kind:session.dream": 1, "field:data.mood": 1}
        assert records["prompt"].height == 1

    def test_the_directorys_name_stands_in_for_a_first_event_that_is_lost(self) -> None:
        log = Events()
        log.ask()
        lost = b"{not json\n" + b"\n".join(log.lines[1:])
        assert [reject.check for reject in read(KIND, lost)[0].rejects] == ["json", "no_session"]
        _, records = read(KIND, lost, f"/home/x/.copilot/session-state/{SESSION}/events.jsonl")
        assert records["prompt"]["group_key"].to_list() == [SESSION]

    def test_hooks_are_ignored_by_one_name(self) -> None:
        log = Events()
        log.event("hook.start", hookInvocationId="h", hookType="preToolUse", input={"timestamp": 1})
        log.event("hook.end", hookInvocationId="h", hookType="preToolUse", success=True)
        assert read(KIND, log.text())[0].ignored["hook"] == 2

    def test_only_events_of_copilot_are_taken_for_some(self) -> None:
        assert copilot_cli.sniff(Events().text())
        for other in (b"", b"\xff", b'{"type":"user","data":1}', b'{"type":"session.start","payload":{}}', b"[]"):
            assert not copilot_cli.sniff(other)


def usual() -> Events:
    log = Events()
    for number in range(2):
        log.ask(f"task {number}")
        log.say(10, tools=1)
        log.tool(f"t{number}", content=f"<exited with exit code {number}>")
        log.say(20)
    log.shutdown(count=4, **use(1000, 60, 500))
    log.event("session.resume", eventCount=9)
    log.ask("the last")
    log.say(5)
    log.shutdown(**use(100, 5))
    return log


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_growing_copies_of_a_session_unite_to_the_longest(cuts: list[int]) -> None:
    log = usual()
    copies = [log.text(1 + cut % len(log.lines)) for cut in cuts]
    assert told(rows(log.text(), *copies)) == told(rows(log))
    assert told(rows(*copies, log.text())) == told(rows(log))


DAMAGE = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(DAMAGE, st.integers(0, 40))
def test_no_damage_makes_the_parser_fail_or_lose_a_line(damage: list[tuple[int, int]], where: int) -> None:
    lines = usual().lines
    at = where % len(lines)
    target = bytearray(lines[at])
    for position, byte in damage:
        target[position % len(target)] = byte
    read(KIND, b"\n".join([*lines[:at], bytes(target), *lines[at + 1 :]]), str(Path("x") / SESSION / "events.jsonl"))


def test_a_document_is_one_reject() -> None:
    found, _ = read(KIND, json.dumps({"a": [1, 2]}, indent=1).encode())
    assert (found.lines_read, [reject.check for reject in found.rejects]) == (1, ["foreign_document"])

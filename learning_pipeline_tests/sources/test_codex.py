"""What a rollout of Codex says."""

from typing import Any

import pytest

from learning_pipeline_tests.agent_logs import read
from learning_pipeline_tests.rollouts import KIND, Rollout, exited, only, rows, tokens, usual

PATCH = '{"patch":"*** Begin Patch\\n*** Update File: src/a.rs\\n"}'


class TestUsage:
    def test_input_is_without_the_cache_and_reasoning_is_a_part_of_output(self) -> None:
        log = Rollout()
        log.ask()
        log.usage((1000, 800, 50, 20))
        row = only(rows(log)["llm_calls"])
        assert (row["input_tokens"], row["cache_read_tokens"]) == (200, 800)
        assert (row["output_tokens"], row["reasoning_tokens"], row["output_tokens_final"]) == (50, 20, True)
        assert (row["model"], row["provider"]) == ("gpt-5.5", "openai")

    def test_a_row_that_is_written_again_counts_once(self) -> None:
        log = Rollout()
        log.ask()
        log.usage()
        log.usage(again=True)
        log.usage()
        found = read(KIND, log.text())[0]
        assert found.ignored["repeated_usage"] == 1
        assert tokens(rows(log)["llm_calls"]) == (400, 1600, 100, 40)

    def test_what_only_the_sum_tells_is_not_added(self) -> None:
        log = Rollout()
        log.ask()
        log.usage()
        log.sum = (5000, 4000, 500, 50)  # a call that was interrupted is in the sum only
        log.usage((10, 0, 1, 0))
        assert tokens(rows(log)["llm_calls"]) == (210, 800, 51, 20)

    def test_without_a_last_part_the_sum_tells_how_much_was_new(self) -> None:
        log = Rollout()
        log.ask()
        for total in ((100, 10, 20, 5), (250, 40, 50, 9), (100, 10, 20, 5)):  # set back at last
            log.sum = total
            log.usage(None)
        assert tokens(rows(log)["llm_calls"]) == (210, 40, 50, 9)

    def test_a_sum_that_comes_again_is_another_call(self) -> None:
        log = Rollout()
        log.ask()
        for total, last in (((9, 0, 1, 0), (9, 0, 1, 0)), ((20, 0, 2, 0), (11, 0, 1, 0)), ((9, 0, 1, 0), (9, 0, 1, 0))):
            log.sum = total
            log.usage(last, again=True)
        assert tokens(rows(log)["llm_calls"]) == (29, 0, 3, 0)

    def test_calls_without_a_sum_are_told_apart_by_their_time(self) -> None:
        log = Rollout()
        log.ask()
        log.usage(total=False)
        log.usage(total=False)
        assert tokens(rows(log)["llm_calls"]) == (400, 1600, 100, 40)

    def test_rate_limits_alone_and_empty_usage_are_no_call(self) -> None:
        log = Rollout()
        log.ask()
        log.event("token_count", info=None, rate_limits={})
        log.usage((0, 0, 0, 0))
        found, records = read(KIND, log.text())
        assert "call" not in records
        assert (found.ignored["rate_limits"], found.ignored["no_usage"]) == (1, 1)

    def test_no_model_is_made_up(self) -> None:
        log = Rollout()
        log.usage()
        assert only(rows(log)["llm_calls"])["model"] is None

    def test_a_call_has_the_model_of_the_turn_above_it(self) -> None:
        log = Rollout()
        log.ask(model="gpt-5.5")
        log.done()
        log.ask(model="gpt-5.3-codex-spark")
        log.done()
        assert rows(log)["llm_calls"].sort("at")["model"].to_list() == ["gpt-5.5", "gpt-5.3-codex-spark"]

    def test_a_count_below_zero_is_rejected(self) -> None:
        log = Rollout()
        log.ask()
        log.usage((-5, 0, 1, 0))
        assert [reject.check for reject in read(KIND, log.text())[0].rejects] == ["range"]


class TestTurns:
    def test_a_turn_is_an_execution_with_the_time_that_the_log_measured(self) -> None:
        found = rows(usual())["executions"].sort("started_at")
        assert found["task_text"].to_list() == ["mend the cart", "and the till"]
        assert found["duration_ms"].to_list() == [12_345, 12_345]
        assert found["agent_name"].to_list() == ["codex", "codex"]
        assert found["repository"].to_list() == ["shop", "shop"]
        assert (found["llm_calls"].to_list(), found["tool_calls"].to_list()) == ([2, 2], [1, 1])
        assert found["outcome"].to_list() == ["success", "failure"]

    def test_what_a_person_adds_while_the_agent_works_is_no_new_turn(self) -> None:
        log = Rollout()
        log.ask("mend the cart")
        log.say_user("the red one")
        log.done()
        assert read(KIND, log.text())[0].ignored["steering"] == 1
        assert only(rows(log)["executions"])["task_text"] == "mend the cart"

    def test_an_aborted_turn_is_interrupted(self) -> None:
        log = Rollout()
        log.ask()
        log.tool("call_1", "aborted by user after 29.7s")
        log.abort()
        found = rows(log)
        row = only(found["executions"])
        assert (row["outcome"], row["success"], row["duration_ms"]) == ("interrupted", None, 999)
        tool = only(found["tool_calls"])
        assert (tool["is_error"], tool["error_type"], tool["exit_code"]) == (True, "interrupted", None)

    def test_a_spent_budget_leaves_a_part(self) -> None:
        log = Rollout()
        log.ask()
        log.abort("budget_limited")
        row = only(rows(log)["executions"])
        assert (row["outcome"], row["outcome_source"]) == ("partial", "reported")

    def test_a_turn_that_never_ended_is_open(self) -> None:
        log = Rollout()
        log.ask()
        log.tool("call_1", exited(0))
        log.usage()
        assert only(rows(log)["executions"])["outcome"] == "open"

    def test_turns_without_events_of_their_own(self) -> None:
        """The desktop application writes no events: the user's message is the prompt, once it was answered."""
        log = Rollout()
        log.row("turn_context", {"turn_id": "turn-1", "cwd": "/work/shop", "model": "gpt-5.1-codex"})
        log.item("message", role="user", content=[{"type": "input_text", "text": "# AGENTS.md instructions for /x"}])
        log.item("message", role="user", content=[{"type": "input_text", "text": "mend the cart"}])
        assert "prompt" not in read(KIND, log.text())[1]
        log.tool("call_1", exited(0))
        found, records = read(KIND, log.text())
        assert records["prompt"]["text"].to_list() == ["mend the cart"]
        assert found.ignored["injected_text"] == 1

    def test_turns_of_two_sessions_with_the_same_name_are_two(self) -> None:
        logs = [Rollout(1), Rollout(2)]
        for log in logs:
            log.event("task_started", turn_id="turn-1")
            log.say_user("mend")
        assert rows(*logs)["executions"]["execution_id"].n_unique() == 2

    def test_changed_lines_count(self) -> None:
        log = Rollout()
        log.ask()
        diff = "@@ -1,2 +1,3 @@\n x\n-old\n+new\n+more"
        changes = {
            "/work/shop/a.py": {"type": "update", "unified_diff": diff, "move_path": None},
            "/work/shop/b.py": {"type": "add", "content": "one\ntwo\n"},
            "/work/shop/c.py": {"type": "delete", "content": "gone\n"},
        }  # fmt: skip
        log.event("patch_apply_end", call_id="call_p", success=True, changes=changes)
        log.event("patch_apply_end", call_id="call_q", success=False, changes={"/work/shop/d.py": {"type": "add"}})
        log.done()
        row = only(rows(log)["executions"])
        assert (row["files_changed"], row["lines_added"], row["lines_removed"]) == (3, 4, 2)


class TestTools:
    @pytest.mark.parametrize(
        ("output", "expected"),
        [
            (exited(0), (False, 0, 250, None)),
            (exited(128), (True, 128, 250, "tool")),
            (exited(0, "Process exited with code 7"), (False, 0, 250, None)),
            ("Exit code: 1\nWall time: 2 seconds\nOutput:\n", (True, 1, 2000, "tool")),
            (
                "Exit code: 124\nWall time: 9 seconds\nOutput:\ncommand timed out after 9 s",
                (True, 124, 9000, "timeout"),
            ),
            (
                "Chunk ID: 1\nWall time: 30.0 seconds\nProcess running with session ID 5\nOutput:\n",
                (False, None, 30000, None),
            ),
            ('{"output":"x","metadata":{"exit_code":2,"duration_seconds":0.5}}', (True, 2, 500, "tool")),
            ("apply_patch verification failed: no such lines", (True, None, 1000, "tool")),
            ("exec command rejected by user", (True, None, 1000, "permission")),
            ("Plan updated", (False, None, 1000, None)),
            ([{"type": "input_text", "text": "Wall time: 1.5 seconds\nOutput:\nx"}], (False, None, 1500, None)),
            ([{"type": "input_image", "image_url": "data:"}], (False, None, 1000, None)),
        ],
    )
    def test_what_an_output_tells(self, output: str | list[Any], expected: tuple[Any, ...]) -> None:
        log = Rollout()
        log.ask()
        log.tool("call_1", output)
        row = only(rows(log)["tool_calls"])
        assert (row["is_error"], row["exit_code"], row["duration_ms"], row["error_type"]) == expected

    def test_a_refused_command_was_decided_by_the_user(self) -> None:
        log = Rollout()
        log.ask()
        log.tool("call_1", "exec command rejected by user")
        assert only(rows(log)["tool_calls"])["decision"] == "reject"

    def test_a_call_without_output_did_neither_fail_nor_work(self) -> None:
        log = Rollout()
        log.ask()
        log.call("call_1")
        row = only(rows(log)["tool_calls"])
        assert (row["is_error"], row["exit_code"], row["duration_ms"]) == (None, None, None)

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ({"arguments": '{"cmd":"cd /x && git commit -m y"}'}, ("exec_command", "shell", "git", None)),
            (
                {"name": "shell", "arguments": '{"command":["bash","-lc","pytest -q"]}'},
                ("shell", "shell", "pytest", None),
            ),
            (
                {"name": "read_wiki", "namespace": "mcp__deepwiki", "arguments": "{}"},
                ("mcp__deepwiki__read_wiki", "mcp", None, None),
            ),
            ({"name": "view_image", "arguments": '{"path":"/a.png"}'}, ("view_image", "builtin", None, "/a.png")),
            ({"name": "apply_patch", "arguments": PATCH}, ("apply_patch", "builtin", None, "src/a.rs")),
            ({"name": "odd", "arguments": "not json"}, ("odd", "builtin", None, None)),
        ],
    )
    def test_what_a_tool_was_given(self, call: dict[str, Any], expected: tuple[Any, ...]) -> None:
        log = Rollout()
        log.ask()
        log.call("call_1", **{"name": "exec_command", **call})
        row = only(rows(log)["tool_calls"])
        assert (row["tool_name"], row["tool_kind"], row["command_name"], row["file_path"]) == expected

    def test_custom_tools_and_tools_of_the_provider(self) -> None:
        log = Rollout()
        log.ask()
        log.item(
            "custom_tool_call", name="apply_patch", input="*** Begin Patch\n*** Add File: b.py\n", call_id="call_c"
        )
        log.item("custom_tool_call_output", call_id="call_c", output="Exit code: 0\nWall time: 0 seconds\nOutput:\n")
        log.event("web_search_end", call_id="ws_1", query="x", action={})
        log.item("web_search_call", status="completed", action={"type": "search", "query": "x"})
        log.item("tool_search_call", call_id="call_t", status="completed", arguments={"query": "x"})
        log.item("tool_search_output", call_id="call_t", tools=[])
        found = rows(log)["tool_calls"].sort("at")
        assert found["tool_name"].to_list() == ["apply_patch", "web_search", "tool_search"]
        assert found["file_path"].to_list() == ["b.py", None, None]
        assert found["is_error"].to_list() == [False, False, False]

    def test_an_mcp_tools_event_tells_whether_it_failed(self) -> None:
        log = Rollout()
        log.ask()
        log.call("call_1", "ask", namespace="mcp__wiki", arguments="{}")
        result = {"Ok": {"content": [], "isError": True}}
        log.event("mcp_tool_call_end", call_id="call_1", result=result, duration={"secs": 2, "nanos": 500_000_000})
        log.item("function_call_output", call_id="call_1", output="the wiki is shut")
        row = only(rows(log)["tool_calls"])
        assert (row["is_error"], row["duration_ms"], row["mcp_server"]) == (True, 2500, "wiki")

    def test_a_printed_commit_is_found(self) -> None:
        log = Rollout()
        log.ask()
        log.tool("call_1", exited(0, "[main abc1234] x\n 1 file changed"), arguments='{"cmd":"git commit -m x"}')
        log.done()
        assert only(rows(log)["tool_calls"])["commit_prefix"] == "abc1234"
        assert only(rows(log)["executions"])["outcome_source"] == "git"

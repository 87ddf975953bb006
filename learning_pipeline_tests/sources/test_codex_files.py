"""Rollouts of Codex as files: copies, forks, damage, and what nobody has seen before."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import codex
from learning_pipeline_tests.agent_logs import START, read, told
from learning_pipeline_tests.rollouts import KIND, Rollout, exited, only, rows, tokens, usual


class TestCopies:
    def parent(self) -> Rollout:
        log = Rollout(1)
        log.ask("mend the cart")
        log.tool("call_1", exited(0))
        log.usage((100, 10, 20, 5))
        log.done()
        return log

    def fork(self, parent: Rollout, *, again: bool = True, **meta: Any) -> Rollout:
        """A session that begins with the parent's history, written within some seconds."""
        log = Rollout(2, start=parent.now + timedelta(hours=1), **meta)
        for line in parent.lines[0 if again else 1 :]:
            row = json.loads(line)
            log.row(row["type"], row["payload"], seconds=0.4)
        log.sum = parent.sum
        log.now += timedelta(minutes=1)
        return log

    @pytest.mark.parametrize("again", [True, False])
    def test_the_history_of_a_fork_counts_once(self, again: bool) -> None:
        parent = self.parent()
        fork = self.fork(parent, again=again, forked_from_id=parent.session)
        copied = len(fork.lines) - 1
        fork.ask("now the till")
        fork.done()
        found, _ = read(KIND, fork.text())
        assert found.ignored["copied_history"] == copied
        whole = rows(parent, fork)
        assert tokens(whole["llm_calls"]) == (90 + 200 + 200, 10 + 800 + 800, 20 + 50 + 50, 5 + 20 + 20)
        assert whole["tool_calls"].height == 1
        assert sorted(whole["executions"]["task_text"]) == ["mend the cart", "now the till"]

    def test_a_history_that_kept_its_times_and_has_no_turn_ids_is_a_copy_too(self) -> None:
        parent = self.parent()
        fork = Rollout(2, start=parent.now + timedelta(hours=1))
        fork.lines += parent.lines
        for number, line in enumerate(fork.lines):
            row = json.loads(line)
            row["payload"].pop("turn_id", None)
            fork.lines[number] = json.dumps(row).encode()
        fork.sum = parent.sum
        fork.now += timedelta(minutes=1)
        fork.say_user("now the till")
        fork.usage((7, 0, 1, 0))
        assert tokens(rows(fork)["llm_calls"]) == (7, 0, 1, 0)

    def test_a_resumed_session_is_one_session(self) -> None:
        log = self.parent()
        log.row("session_meta", json.loads(log.lines[0])["payload"])
        log.ask("go on")
        log.done()
        found = rows(log)
        assert found["executions"].height == 2
        assert found["llm_calls"]["session_id"].unique().to_list() == [log.session]

    def test_two_rollouts_one_after_the_other_in_a_file_are_two_sessions(self) -> None:
        first, second = self.parent(), Rollout(2, start=START + timedelta(days=1))
        second.ask("the till")
        second.done()
        found = rows(first.text() + second.text())
        assert set(found["executions"]["session_id"]) == {first.session, second.session}
        assert tokens(found["llm_calls"]) == (490, 1610, 120, 45)

    def test_a_sub_agent_works_for_its_parents_turn(self) -> None:
        parent = Rollout(1)
        parent.ask("mend the cart")
        parent.call("call_s", "spawn_agent", arguments='{"message":"look at the till","agent_type":"explorer"}')
        start = parent.now + timedelta(seconds=1)
        source = {
            "subagent": {"thread_spawn": {"parent_thread_id": parent.session, "depth": 1, "agent_role": "explorer"}}
        }
        child = Rollout(3, start=start, source=source)
        output = json.dumps({"agent_id": child.session, "nickname": "Ada"})
        parent.item("function_call_output", call_id="call_s", output=output)
        parent.usage()
        parent.done()
        child.ask("look at the till")
        child.tool("call_9", exited(0))
        child.usage()
        child.done()
        for logs in ((parent, child), (child, parent)):
            found = rows(*logs)["executions"].sort("agent_kind")
            assert found["agent_name"].to_list() == ["codex", "explorer"]
            assert found["parent_execution_id"].to_list() == [None, found["execution_id"][0]]
            assert found["session_id"].to_list() == [parent.session] * 2
            assert (found["llm_calls"].to_list(), found["tool_calls"].to_list()) == ([2, 2], [1, 1])
            assert found["outcome"].to_list() == ["success", "success"]
        assert only(rows(child)["executions"])["agent_kind"] == "subagent"

    def test_a_review_is_a_sub_agent_of_its_own_session(self) -> None:
        log = Rollout(source={"subagent": "review"})
        log.ask("review it")
        log.done()
        row = only(rows(log)["executions"])
        assert (row["agent_name"], row["agent_kind"], row["session_id"]) == ("review", "subagent", log.session)


class TestDrift:
    def test_unknown_kinds_are_quarantined_and_unknown_fields_counted(self) -> None:
        log = Rollout()
        log.ask()
        log.row("telepathy", {"type": "x"})
        log.event("dream")
        log.item("omen")
        log.event("token_count", info=None, rate_limits=None, mood="good")
        found, _ = read(KIND, log.text())
        assert [reject.check for reject in found.rejects] == ["unknown_kind"] * 3
        assert dict(found.unknown) == {
            "kind:telepathy": 1, "kind:event_msg/dream": 1, "kind:response_item/omen": 1, "field:payload.mood": 1,
        }  # fmt: skip

    def test_a_new_field_loses_no_usage(self) -> None:
        log = usual()
        data = log.text().replace(b'"output_tokens"', b'"smell_tokens":3,"output_tokens"')
        assert tokens(rows(data)["llm_calls"]) == tokens(rows(log)["llm_calls"])
        assert read(KIND, data)[0].unknown["field:payload.info.last_token_usage.smell_tokens"] == 4

    def test_the_files_name_stands_in_for_a_first_row_that_is_lost(self) -> None:
        log = usual()
        lost = b"{not json\n" + b"\n".join(log.lines[1:])
        assert {reject.check for reject in read(KIND, lost)[0].rejects} == {"json", "no_session"}
        found, records = read(KIND, lost, f"/x/rollout-2026-06-26T12-00-00-{log.session}.jsonl")
        assert [reject.check for reject in found.rejects] == ["json"]
        assert records["call"]["group_key"].unique().to_list() == [log.session]

    def test_glued_torn_and_escaped_lines(self) -> None:
        log = usual()
        lines = list(log.lines)
        lines[1] = lines[1] + lines.pop(2)
        lines[3] = lines[3].replace(b"mend", rb"mend \ud83d\u0000")
        found, records = read(KIND, b"\n".join([*lines, b'{"timestamp":"2026']))
        assert [reject.check for reject in found.rejects] == ["json"]
        assert records["prompt"]["text"][0] == "mend \ufffd the cart"

    def test_a_document_is_one_reject(self) -> None:
        found, _ = read(KIND, json.dumps({"a": [1, 2]}, indent=1).encode())
        assert (found.lines_read, [reject.check for reject in found.rejects]) == (1, ["foreign_document"])

    def test_only_rollouts_are_taken_for_one(self) -> None:
        assert codex.sniff(usual().text())
        assert codex.sniff(json.dumps(json.loads(usual().lines[0])).encode())
        for other in (
            b"",
            b"\x00\xff",
            b"[]",
            b'{"type":"user","sessionId":"s","payload":1}',
            b'{"payload":{"type":"odd"}}',
            b'{"text":"\\"type\\":\\"session_meta\\" and \\"payload\\""}',
        ):
            assert not codex.sniff(other)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_growing_copies_of_a_session_unite_to_the_longest(cuts: list[int]) -> None:
    log = usual()
    copies = [log.text(1 + cut % len(log.lines)) for cut in cuts]
    assert told(rows(log.text(), *copies)) == told(rows(log))
    assert told(rows(*copies, log.text())) == told(rows(log))


DAMAGE = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(DAMAGE, st.integers(0, 40))
def test_no_damage_makes_the_parser_fail_or_lose_a_line(damage: list[tuple[int, int]], where: int) -> None:
    lines = usual().lines
    target = bytearray(lines[where % len(lines)])
    for position, byte in damage:
        target[position % len(target)] = byte
    at = where % len(lines)
    read(KIND, b"\n".join([*lines[:at], bytes(target), *lines[at + 1 :]]))

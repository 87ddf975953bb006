"""What a transcript's lines say."""

import json

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.lake.records import united
from learning_pipeline.sources import claude_code
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import transcripts
from learning_pipeline_tests.transcripts import Session


def parse(data: bytes) -> Parsed:
    return read(data)[0]


def read(data: bytes, file: str = "0.jsonl") -> tuple[Parsed, dict[str, pl.DataFrame]]:
    table = transcripts.RecordTable()
    table.file = file
    parsed = claude_code.parse(split_lines(data), Options(), table)
    origin = [pl.lit("claude_code").alias("source"), pl.lit("test").alias("host")]
    records = {kind: frame.with_columns(origin) for kind, frame in table.frames().items()}
    told = {line for frame in records.values() for line in frame["source_line"]}
    lines = told - {reject.line for reject in parsed.rejects}
    assert parsed.lines_read == len(lines) + len(parsed.rejects) + parsed.ignored.total()
    return parsed, records


def counts(data: bytes) -> dict[str, int]:
    return {kind: frame.height for kind, frame in read(data)[1].items()}


def assemble(*files: bytes) -> dict[str, pl.DataFrame]:
    found = united(read(data, f"{number}.jsonl")[1] for number, data in enumerate(files))
    records = {
        kind: frame.sort("source_file", "source_line").unique("record_key", keep="first")
        for kind, frame in found.items()
    }
    return transcripts.assemble(records)


def test_a_response_written_as_several_lines_is_one_call_with_its_final_usage() -> None:
    session = Session()
    session.prompt()
    session.say("m1", {"type": "thinking", "thinking": "hm", "signature": "x"}, output=1)
    session.say("m1", {"type": "text", "text": "done"}, output=50, stop="end_turn")
    calls = assemble(session.text())["llm_calls"]
    assert calls.height == 1
    row = calls.row(0, named=True)
    assert (row["input_tokens"], row["output_tokens"], row["cache_read_tokens"]) == (3, 50, 1000)
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (60, 40)
    assert row["output_tokens_final"] is True


def test_an_output_count_without_a_reason_to_stop_is_only_a_lower_bound() -> None:
    session = Session()
    session.say("m1", output=2)
    assert assemble(session.text())["llm_calls"]["output_tokens_final"].to_list() == [False]


def test_cache_writes_that_do_not_add_up_are_taken_from_the_total() -> None:
    session = Session()
    session.say("m1", usage={"cache_creation_input_tokens": 500})
    row = assemble(session.text())["llm_calls"].row(0, named=True)
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (500, 0)


def test_two_objects_glued_on_one_line_are_both_read() -> None:
    session = Session()
    session.prompt()
    session.say("m1", stop="end_turn")
    glued = b"".join(session.lines) + b'{"type":"summary","summary":"t","leafUuid":"x"}'
    assert parse(glued).lines_read == 1
    assert counts(glued) == {"prompt": 1, "call": 1}


def test_a_glued_line_with_a_broken_part_is_rejected_and_keeps_its_good_part() -> None:
    session = Session()
    session.prompt()
    data = session.lines[0] + b'{"type":"assist'
    parsed = parse(data)
    assert [reject.check for reject in parsed.rejects] == ["json"]
    assert counts(data) == {"prompt": 1}


def test_what_is_glued_behind_an_unknown_kind_is_read() -> None:
    session = Session()
    session.row("telepathy")
    session.prompt()
    data = b"".join(session.lines)
    parsed = parse(data)
    assert [reject.check for reject in parsed.rejects] == ["unknown_kind"]
    assert counts(data) == {"prompt": 1}


def test_lone_surrogates_and_nul_escapes_do_not_lose_the_line() -> None:
    session = Session()
    session.prompt("see X here")
    line = session.lines[0].replace(b"see X here", rb"see \ud83d\u0000 here")
    assert read(line)[1]["prompt"]["text"].to_list() == ["see \ufffd here"]


def test_whole_surrogate_pairs_stay_whole() -> None:
    session = Session()
    session.prompt("see X \ud83d here")
    line = session.lines[0].replace(b"see X", rb"see \ud83d\ude00")
    assert read(line)[1]["prompt"]["text"].to_list() == ["see \U0001f600 \ufffd here"]


def test_an_unknown_field_is_counted_by_name_and_the_line_is_read() -> None:
    session = Session()
    session.prompt(mood="sunny")
    session.say("m1", usage={"surprise": 1}, stop="end_turn")
    parsed = parse(session.text())
    assert parsed.unknown == {"field:mood": 1, "field:message.usage.surprise": 1}
    assert counts(session.text()) == {"prompt": 1, "call": 1}
    assert not parsed.rejects


def test_an_unknown_kind_is_counted_by_name_and_kept_in_quarantine() -> None:
    session = Session()
    session.row("telepathy")
    parsed = parse(session.text())
    assert parsed.unknown == {"kind:telepathy": 1}
    assert [reject.check for reject in parsed.rejects] == ["unknown_kind"]


def test_a_foreign_document_is_one_reject() -> None:
    document = json.dumps({"sessionId": "x", "messages": [{"type": "user", "content": "hi"}]}, indent=2).encode()
    parsed = parse(document)
    assert parsed.lines_read == 1
    assert [reject.check for reject in parsed.rejects] == ["foreign_document"]


def test_a_pretty_printed_line_inside_a_file_does_not_hide_the_rest() -> None:
    session = Session()
    session.prompt()
    data = b"{\n" + session.text()
    parsed = parse(data)
    assert parsed.lines_read == 2
    assert counts(data) == {"prompt": 1}


def test_side_rows_are_ignored_by_a_named_rule() -> None:
    session = Session()
    session.row("progress", data={"type": "bash_progress", "output": "x", "fullOutput": "x"})
    session.row("system", subtype="stop_hook_summary", hookCount=1)
    session.prompt("<command-name>/clear</command-name>")
    session.prompt("caveat", isMeta=True)
    assert parse(session.text()).ignored == {
        "progress:bash_progress": 1,
        "system:stop_hook_summary": 1,
        "user:tagged": 1,
        "user:meta": 1,
    }


def test_a_row_without_a_time_or_session_is_rejected_with_the_column() -> None:
    session = Session()
    session.prompt()
    row = json.loads(session.lines[0])
    for name, check in (("timestamp", "timestamp"), ("sessionId", "missing_field"), ("uuid", "missing_field")):
        broken = {key: value for key, value in row.items() if key != name}
        rejects = parse(json.dumps(broken).encode()).rejects
        assert [(reject.check, reject.column) for reject in rejects] == [(check, name)]
    assert parse(json.dumps({**row, "timestamp": "2026-02-30T10:00:00.000Z"}).encode()).rejects[0].check == "timestamp"


def test_negative_tokens_are_rejected() -> None:
    session = Session()
    session.say("m1", output=-5)
    assert [reject.check for reject in parse(session.text()).rejects] == ["range"]


class TestOutcome:
    """Each outcome comes with the evidence behind it."""

    def outcome(self, session: Session) -> tuple[str, bool | None, str, str | None]:
        row = assemble(session.text())["executions"].sort("started_at").row(0, named=True)
        return row["outcome"], row["success"], row["outcome_source"], row["error_type"]

    def test_the_last_tool_worked_and_the_turn_ended(self) -> None:
        session = Session()
        session.turn("t")
        assert self.outcome(session) == ("success", True, "tool_result", None)

    def test_the_last_tool_failed_and_the_turn_ended(self) -> None:
        session = Session()
        session.turn("t", error=True)
        assert self.outcome(session) == ("failure", False, "tool_result", "tool")

    def test_no_tool_was_used(self) -> None:
        session = Session()
        session.prompt()
        session.say("m", stop="end_turn")
        assert self.outcome(session) == ("success", True, "heuristic", None)

    def test_a_person_stopped_it(self) -> None:
        session = Session()
        session.prompt()
        session.tool("m", "t")
        session.row(
            "user", message={"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]}
        )
        assert self.outcome(session) == ("interrupted", None, "reported", "interrupted")

    def test_an_api_error_was_the_last_thing(self) -> None:
        session = Session()
        session.prompt()
        message = {
            "id": "x", "role": "assistant", "model": "<synthetic>",
            "content": [{"type": "text", "text": "API Error: 529 Overloaded"}],
        }  # fmt: skip
        session.row("assistant", message=message, isApiErrorMessage=True)
        outcome = self.outcome(session)
        assert outcome[:3] == ("failure", False, "reported")
        assert outcome[3] is not None

    def test_a_commit_was_made(self) -> None:
        session = Session()
        session.prompt()
        session.tool("m", "t", command="git commit -m x")
        session.result("t", "[main abc1234] x\n 1 file changed, 2 insertions(+)")
        session.say("n", stop="end_turn")
        assert self.outcome(session) == ("success", True, "git", None)
        assert assemble(session.text())["tool_calls"]["commit_prefix"].to_list() == ["abc1234"]

    def test_nothing_came_after_the_prompt(self) -> None:
        session = Session()
        session.prompt()
        assert self.outcome(session) == ("open", None, "none", None)

    def test_a_next_prompt_came_before_any_answer(self) -> None:
        session = Session()
        session.prompt()
        session.prompt("something else")
        assert self.outcome(session) == ("unknown", None, "none", None)


def test_a_printed_commit_of_a_command_that_commits_nothing_is_not_believed() -> None:
    session = Session()
    session.prompt()
    session.tool("m", "t", command="cat notes.txt")
    session.result("t", "[main abc1234] x\n 1 file changed")
    assert assemble(session.text())["tool_calls"]["commit_prefix"].to_list() == [None]


def subagent_session() -> Session:
    session = Session()
    session.prompt("review it all")
    session.tool("m1", "task", name="Task", subagent_type="reviewer", prompt="review the cart")
    return session


def test_a_subagents_calls_in_progress_rows_are_its_own_execution() -> None:
    session = subagent_session()
    inner = Session("s1")
    said = inner.say("inner", {"type": "tool_use", "id": "toolu_in", "name": "Read", "input": {"file_path": "/a"}})
    data = {
        "type": "agent_progress", "agentId": "a1", "prompt": "review the cart", "normalizedMessages": [],
        "message": {key: said[key] for key in ("type", "uuid", "timestamp", "message", "requestId")},
    }  # fmt: skip
    session.row("progress", data=data, parentToolUseID="toolu_task", toolUseID="x")
    session.result("task", toolUseResult={"status": "completed", "agentId": "a1", "totalDurationMs": 1234})
    session.say("m2", stop="end_turn")
    out = assemble(session.text())
    sub = out["executions"].filter(pl.col("agent_kind") == "subagent").row(0, named=True)
    main = out["executions"].filter(pl.col("agent_kind") == "main").row(0, named=True)
    assert (sub["agent_name"], sub["task_text"], sub["duration_ms"]) == ("reviewer", "review the cart", 1234)
    assert sub["parent_execution_id"] == main["execution_id"]
    assert (sub["llm_calls"], sub["tool_calls"], main["llm_calls"]) == (1, 1, 2)
    assert (sub["outcome"], sub["outcome_source"]) == ("success", "reported")
    assert out["tool_calls"].filter(pl.col("is_subagent"))["tool_name"].to_list() == ["Read"]


def test_a_subagents_own_file_is_joined_to_the_task_that_started_it() -> None:
    main = subagent_session()
    main.result("task", toolUseResult={"status": "completed", "agentId": "a1"})
    own = Session("s1")
    own.prompt("review the cart", isSidechain=True, agentId="a1")
    own.say("inner", isSidechain=True, agentId="a1", stop="end_turn")
    # Both sessions count their rows from 1, as one program would not.
    own.lines = [line.replace(b'"uuid":"s1-', b'"uuid":"own-') for line in own.lines]
    for files in ((main.text(), own.text()), (own.text(), main.text())):
        executions = assemble(*files)["executions"].sort("agent_kind")
        assert executions["agent_name"].to_list() == ["claude-code", "reviewer"]
        assert executions["parent_execution_id"].to_list() == [None, executions["execution_id"][0]]


def test_a_side_chain_in_the_main_file_is_found_by_its_task_text() -> None:
    session = subagent_session()
    root = session.prompt("review the cart", isSidechain=True)
    session.say("inner", isSidechain=True, parentUuid=root["uuid"], stop="end_turn")
    session.result("task")
    executions = assemble(session.text())["executions"].sort("agent_kind")
    assert executions["agent_name"].to_list() == ["claude-code", "reviewer"]
    assert executions["llm_calls"].to_list() == [1, 1]


def test_a_task_that_the_user_refused_is_no_run() -> None:
    session = subagent_session()
    session.result("task", "The user doesn't want to proceed with this tool use.", error=True)
    assert assemble(session.text())["executions"]["agent_kind"].to_list() == ["main"]


def test_calls_before_any_prompt_belong_to_no_execution() -> None:
    session = Session()
    session.say("m1", stop="end_turn")
    assert assemble(session.text())["llm_calls"]["execution_id"].to_list() == [None]


DAMAGE = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(DAMAGE, st.integers(0, 5))
def test_no_damage_makes_the_parser_fail_or_lose_a_line(damage: list[tuple[int, int]], where: int) -> None:
    session = subagent_session()
    session.result("task", "no", error=True)
    session.turn("t")
    lines = session.lines
    target = bytearray(lines[where % len(lines)])
    for position, byte in damage:
        target[position % len(target)] = byte
    data = b"\n".join([*lines[:2], bytes(target), *lines[2:]])
    parse(data)

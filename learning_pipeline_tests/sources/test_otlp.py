"""What the lines of telemetry exports say."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import otlp
from learning_pipeline.sources.base import Options, Parsed, split_lines
from learning_pipeline.sources.families import transcripts
from learning_pipeline_tests import telemetry as t

Records = dict[str, pl.DataFrame]


def read(*lines: bytes) -> tuple[Parsed, Records]:
    """Read the lines of one file; each line is in exactly one place."""
    table = transcripts.RecordTable()
    table.file = "export.jsonl"
    parsed = otlp.parse(split_lines(b"\n".join(lines)), Options(), table)
    records = table.frames()
    told = {line for frame in records.values() for line in frame["source_line"]}
    rejected = {reject.line for reject in parsed.rejects}
    assert parsed.lines_read == len(told - rejected) + len(rejected) + parsed.ignored.total()
    return parsed, records


def one(kind: str, *lines: bytes) -> dict[str, Any]:
    """Return the only record of a kind; nothing is rejected, and nothing unknown."""
    parsed, records = read(*lines)
    assert (parsed.rejects, dict(parsed.unknown)) == ([], {})
    return records[kind].row(0, named=True)


def test_a_request_is_a_call_with_the_cost_as_it_was_printed() -> None:
    call = one("call", t.logs(t.request()))
    assert call["reported_cost_usd"] == t.COST
    assert (call["call_id"], call["request_id"], call["group_key"]) == ("req_1", "req_1", t.SESSION)
    assert (call["input_tokens"], call["output_tokens"], call["cache_read_tokens"]) == (10, 39, 17536)
    assert (call["cache_write_5m_tokens"], call["cache_write_1h_tokens"], call["duration_ms"]) == (8257, None, 1500)
    assert (call["agent_name"], call["agent_version"]) == ("claude-code", "2.1.220")


@pytest.mark.parametrize("cost", ["0.4405575", "0.018472600000000002", "1e-07", "0", "12.300000000000001"])
def test_a_cost_is_the_same_whatever_type_it_was_sent_as(cost: str) -> None:
    printed = t.logs(t.request()).replace(t.COST.encode(), cost.encode())
    spoken = t.logs(t.request(cost_usd=cost))
    plain = "0.0000001" if cost == "1e-07" else cost
    assert one("call", printed)["reported_cost_usd"] == one("call", spoken)["reported_cost_usd"] == plain


def test_a_cost_told_only_in_micros_is_a_cost() -> None:
    line = t.logs(t.event("api_request", request_id="req_1", model="m", cost_usd_micros="18473"))
    assert one("call", line)["reported_cost_usd"] == "0.018473"


def test_numbers_sent_as_texts_say_the_same_as_numbers() -> None:
    usual, texts = t.request(), t.request()
    for pair in texts["attributes"]:
        (value,) = pair["value"].values()
        pair["value"] = {"stringValue": str(value)}
    wide = json.loads(json.dumps(usual))
    for pair in wide["attributes"]:
        if "intValue" in pair["value"]:
            pair["value"]["intValue"] = str(pair["value"]["intValue"])
    assert one("call", t.logs(usual)) == one("call", t.logs(texts)) == one("call", t.logs(wide))


@pytest.mark.parametrize("spelling", ["body", "attribute", "event_name"])
def test_an_event_is_known_however_its_version_names_it(spelling: str) -> None:
    record = t.request()
    rest = [pair for pair in record["attributes"] if pair["key"] != "event.name"]
    if spelling == "attribute":
        record["body"] = {"stringValue": "api_request"}
        record["attributes"] = [{"key": "event.name", "value": {"stringValue": "claude_code.api_request"}}, *rest]
    elif spelling == "event_name":
        record |= {"eventName": "api_request", "attributes": rest}
        del record["body"]
    assert one("call", t.logs(record))["call_id"] == "req_1"


def test_a_tool_has_one_use_whatever_tells_of_it_first() -> None:
    decided = t.event("tool_decision", 3, decision="accept", source="config", tool_name="Bash", tool_use_id="toolu_1")
    given = json.dumps({"full_command": "git commit -m x", "git_commit_id": "0123abc"})
    done = t.event(
        "tool_result", 4, tool_name="Bash", tool_use_id="toolu_1", success="false", duration_ms="250",
        tool_input_size_bytes="31", tool_result_size_bytes="7", error_type="TimeoutError", tool_parameters=given,
    )  # fmt: skip
    _, records = read(t.logs(decided, done))
    use, result = records["tool_use"], records["tool_result"]
    assert set(use["tool_call_id"]) == set(result["tool_call_id"]) == {"toolu_1"}
    of_done = result.filter(pl.col("duration_ms") == 250).row(0, named=True)
    assert (of_done["is_error"], of_done["error_type"], of_done["commit_prefix"]) == (True, "timeout", "0123abc")
    assert of_done["output_bytes"] == 7
    assert result["decision"].drop_nulls().to_list() == ["accept"]
    began = use.filter(pl.col("input_bytes") == 31).row(0, named=True)
    assert (of_done["at"] - began["at"]).total_seconds() == 0.25
    assert (began["command_name"], began["commits"]) == ("git", True)


def test_a_prompt_is_there_from_the_first_that_worked_on_it() -> None:
    _, records = read(t.logs(t.request(prompt__id="p1"), t.request("req_2", 9, prompt__id="p1")))
    prompt = records["prompt"].row(0, named=True)
    assert (records["prompt"].height, prompt["record_id"], prompt["text"]) == (1, "p1", None)
    assert prompt["at"] == records["call"]["at"].min() - pl.Series([1500]).cast(pl.Duration("ms"))[0]


def test_words_that_were_redacted_are_not_taken_for_words() -> None:
    prompt = one("prompt", t.logs(t.event("user_prompt", prompt__id="p", prompt="<REDACTED>", prompt_length=20)))
    assert (prompt["text"], prompt["text_hash"]) == (None, None)
    call = one("call", t.logs(t.request("req_REDACTED")))
    assert call["request_id"] is None


@pytest.mark.parametrize(
    ("source", "agent"), [("agent:builtin:Explore", "Explore"), ("repl_main_thread", None), ("sdk", None)]
)
def test_a_call_of_a_sub_agent_says_so(source: str, agent: str | None) -> None:
    call = one("call", t.logs(t.request(query_source=source)))
    assert (call["is_subagent"], call["agent_name"]) == (True if agent else None, agent or "claude-code")


def test_an_error_is_told_with_its_attempts() -> None:
    failed = t.event("api_error", error="Overloaded", status_code="529", attempt=3, model="m", duration_ms=9)
    _, records = read(t.logs(failed))
    assert records["api_error"].select("text", "error_type").row(0) == ("Overloaded", "api")
    assert records["retry"]["attempt"].to_list() == [1, 2]


def test_personal_attributes_are_stored_nowhere() -> None:
    broken = t.request(input_tokens="many")
    lines = (t.logs(t.request(), t.event("user_prompt", prompt__id="p")), t.usage_metrics(), t.logs(broken))
    parsed, records = read(*lines)
    (reject,) = parsed.rejects
    kept = repr([frame.rows() for frame in records.values()]).encode() + reject.raw + reject.reason.encode()
    for word in t.PERSON.values():
        assert word.encode() not in kept


def test_input_of_codex_holds_its_cache_and_its_output_the_reasoning() -> None:
    given = {
        "conversation.id": "c1", "model": "gpt-5-codex", "event.kind": "response.completed", "input_token_count": "900",
        "output_token_count": "50", "cached_token_count": 800, "reasoning_token_count": "20", "tool_token_count": "950",
    }  # fmt: skip
    record = t.event("codex.sse_event") | {"body": {"stringValue": ""}}
    record["attributes"] = t.pairs({**given, "event.name": "codex.sse_event"})
    call = one("call", t.logs(record, service="codex_cli_rs", scope=""))
    counts = [call[f"{name}_tokens"] for name in ("input", "cache_read", "output", "reasoning")]
    assert counts == [100, 800, 50, 20]
    assert (call["group_key"], call["agent_name"], call["reported_cost_usd"]) == ("c1", "codex", None)


def test_output_of_gemini_does_not_hold_its_thoughts() -> None:
    given = {
        "event.name": "gemini_cli.api_response", "session.id": "g1", "model": "gemini-2.5-pro", "duration_ms": 700,
        "input_token_count": 900, "cached_content_token_count": 800, "output_token_count": 50, "prompt_id": "p1",
        "thoughts_token_count": 20, "tool_token_count": 5,
    }  # fmt: skip
    record = t.event("x") | {"attributes": t.pairs(given), "body": {"stringValue": "API response"}}
    call = one("call", t.logs(record, service="gemini-cli", scope="gemini-cli"))
    counts = [call[f"{name}_tokens"] for name in ("input", "cache_read", "output", "reasoning")]
    assert counts == [105, 800, 70, 20]


def test_what_no_agent_wrote_is_ignored_by_name() -> None:
    plain = t.logs({"timeUnixNano": "1544712660300000000", "body": {"stringValue": "hello"}}, service="x", scope="y")
    empty = b'{"resourceLogs":[]}'
    other = t.metrics({"my.counter": [t.point(5)]})
    parsed, _ = read(plain, empty, other, t.spans(t.span("a", 0, 1)), t.logs(t.event("hook_registered")))
    assert dict(parsed.ignored) == {"not_genai": 3, "empty": 1, "event:hook_registered": 1}


def test_an_event_of_an_unknown_name_is_counted_and_kept_aside() -> None:
    parsed, records = read(t.logs(t.event("dream")), t.logs(t.event("dream"), t.request()))
    assert dict(parsed.unknown) == {"kind:claude_code.dream": 2}
    assert [(reject.line, reject.check) for reject in parsed.rejects] == [(1, "unknown_kind")]
    assert records["call"]["source_line"].to_list() == [2]


def test_an_attribute_of_an_unknown_name_is_counted_and_the_users_own_are_not() -> None:
    line = json.loads(t.logs(t.request(mood="fine", team="blue")))
    line["resourceLogs"][0]["resource"]["attributes"].append({"key": "team", "value": {"stringValue": "blue"}})
    parsed, _ = read(json.dumps(line).encode())
    assert dict(parsed.unknown) == {"field:claude_code.api_request.mood": 1}


def test_what_is_broken_in_a_batch_leaves_the_rest_of_it() -> None:
    late = t.request("req_2")
    late["timeUnixNano"] = "soon"
    parsed, records = read(
        t.logs(late, t.request()), t.logs(t.request("req_3", input_tokens=-1)), b"{", b"[1]", b'{"a":1}'
    )
    checks = [(reject.line, reject.check) for reject in parsed.rejects]
    assert checks == [(1, "timestamp"), (2, "range"), (3, "json"), (4, "type"), (5, "not_otlp")]
    assert records["call"]["request_id"].to_list() == ["req_1"]


def test_a_document_is_one_line_and_glued_batches_are_all_read() -> None:
    batch = json.loads(t.logs(t.request()))
    parsed, records = read(*json.dumps(batch, indent=2).encode().split(b"\n"))
    assert (parsed.lines_read, records["call"]["source_line"].to_list()) == (1, [1])
    parsed, records = read(t.logs(t.request()) + t.logs(t.request("req_2")))
    assert (parsed.lines_read, records["call"].height) == (1, 2)


def test_a_counter_must_say_whether_it_is_a_delta() -> None:
    parsed, _ = read(t.metrics({"claude_code.cost.usage": [t.point(1.0)]}, temporality=0))
    assert [reject.check for reject in parsed.rejects] == ["temporality"]


@pytest.mark.parametrize(
    "head",
    [
        t.logs(t.request()),
        json.dumps(json.loads(t.logs(t.request())), indent=2).encode(),
        t.usage_metrics(),
        t.spans(t.span("a", 0, 1)),
        t.result(),
        b'{"type":"system","subtype":"init","cwd":"/","session_id":"s"}\n',
    ],
)
def test_exports_are_known_by_their_beginning(head: bytes) -> None:
    assert otlp.sniff(head)


@pytest.mark.parametrize(
    "head",
    [
        b'{"type":"user","sessionId":"s","uuid":"u"}',
        b'{"type":"system","subtype":"init","sessionId":"s"}',
        b'{"session_id":"s","hook_event_name":"Stop"}',
        b"SQLite format 3\x00 CREATE TABLE spans",
        b"[]",
        b"",
    ],
)
def test_other_logs_are_not_taken_for_exports(head: bytes) -> None:
    assert not otlp.sniff(head)


LINES = st.sampled_from(
    [
        t.logs(t.request(prompt__id="p1"), t.event("tool_result", 3, tool_use_id="toolu_1", success="true")),
        t.usage_metrics(),
        t.spans(t.span("a", 0, 5, operation__name="invoke_agent", conversation__id="c")),
        t.result(),
        t.logs(t.event("mcp_server_connection")),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(LINES, st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=3)), max_size=5))
def test_a_damaged_line_is_accounted_for(given_lines: list[tuple[bytes, int, int, bytes]]) -> None:
    lines = []
    for line, at, cut, put in given_lines:
        at %= len(line)
        lines.append((line[:at] + put + line[at + cut :]).replace(b"\n", b" ").replace(b"\r", b" "))
    read(*lines)

"""Sessions that telemetry tells, alone or beside a transcript."""

import random
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.records import united
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options, split_lines
from learning_pipeline.sources.families import transcripts
from learning_pipeline_tests import telemetry as t
from learning_pipeline_tests.sources.lines import held
from learning_pipeline_tests.transcripts import Session

File = tuple[str, bytes]  # its kind, and what is in it
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")


def own(identity: str) -> str:
    """Return an id without the session, which a short one has before it."""
    return identity.rpartition("/")[2]


def assemble(*files: File) -> dict[str, pl.DataFrame]:
    """Return the rows that some files give; they keep their contract."""
    frames = []
    for number, (kind, data) in enumerate(files):
        table = transcripts.RecordTable()
        table.file = f"{kind}-{number}.jsonl"
        parsed = registry.source(kind).parse(split_lines(data), Options(), table)
        assert parsed.rejects == []
        origin = [pl.lit(kind).alias("source"), pl.lit("test").alias("host")]
        frames.append({name: frame.with_columns(origin) for name, frame in table.frames().items()})
    copies = ["group_key", "source", "source_file", "source_line"]
    records = {
        name: frame.sort(copies).unique("record_key", keep="first", maintain_order=True)
        for name, frame in united(frames).items()
    }
    rows = transcripts.assemble(records)
    for stream, frame in rows.items():
        held(frame, stream)
    return rows


def exported(*lines: bytes) -> File:
    return "otlp", b"\n".join(lines)


def calls(*files: File) -> list[dict[str, Any]]:
    return assemble(*files)["llm_calls"].sort("started_at", "call_id").to_dicts()


def tokens(call: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(call[name] for name in TOKENS)


def transcript(output: int = 39, stop: str | None = "end_turn") -> Session:
    """Return the transcript of a session of one prompt and one call: the one that telemetry tells as req_1."""
    session = Session(t.SESSION, t.START, "claude-haiku-4-5-20251001")
    session.prompt()
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 17536,
        "cache_creation_input_tokens": 8257,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 8257},
    }
    session.say("1", output=output, stop=stop, usage=usage)
    return session


def test_a_call_of_logs_and_metrics_is_counted_once() -> None:
    logs, metrics, result = t.logs(t.request()), t.usage_metrics(), t.result()
    for files in ([exported(logs, metrics, result)], [exported(metrics), exported(result), exported(logs)]):
        (call,) = calls(*files)
        assert (own(call["call_id"]), call["attributes"]) == ("req_1", None)
        assert (call["input_tokens"], call["output_tokens"], call["duration_ms"]) == (10, 39, 1500)


def test_metrics_alone_tell_what_was_used() -> None:
    (call,) = calls(exported(t.usage_metrics()))
    assert tokens(call) == (10, 39, 17536, 8257, None)
    assert call["attributes"] == '{"summed_up_by":"metric"}'
    assert call["model"] == "claude-haiku-4-5-20251001"


def test_a_cumulative_counter_is_never_added_up() -> None:
    points = [t.usage_metrics(60 * n, times=times, temporality=2) for n, times in enumerate((1, 3, 3, 4), 1)]
    found = calls(exported(*points))
    assert [call["input_tokens"] for call in found] == [10, 20, 10]
    assert sum(call["cache_read_tokens"] for call in found) == 4 * 17536


def test_a_process_that_starts_anew_counts_from_zero() -> None:
    first = t.usage_metrics(60, times=3, temporality=2)
    again = t.usage_metrics(180, times=2, temporality=2, began=120)
    assert [call["input_tokens"] for call in calls(exported(first, again))] == [30, 20]


def test_deltas_are_added() -> None:
    points = [t.usage_metrics(60 * n, began=60 * n - 60) for n in (1, 2)]
    assert [call["output_tokens"] for call in calls(exported(*points))] == [39, 39]


def test_the_result_of_a_run_counts_where_nothing_else_tells_its_calls() -> None:
    tool = t.logs(t.event("tool_result", 3, tool_name="Read", tool_use_id="toolu_1", success="true"))
    (call,) = calls(exported(tool, t.result()))
    assert tokens(call) == (10, 39, 17536, 0, 8257)
    assert call["attributes"] == '{"summed_up_by":"result"}'
    assert assemble(exported(t.result()))["llm_calls"].is_empty(), "nobody knows when that was"


def test_a_result_says_how_long_what_was_written_to_the_cache_is_kept() -> None:
    (call,) = calls(exported(t.logs(t.request()), t.result()))
    assert tokens(call) == (10, 39, 17536, 0, 8257)
    (call,) = calls(exported(t.logs(t.request()), t.result(hourly=False)))
    assert tokens(call) == (10, 39, 17536, 8257, None)


def test_a_result_tells_how_its_run_ended() -> None:
    logs = t.logs(t.request(prompt__id="p1"))
    (row,) = assemble(exported(logs, t.result(subtype="error_during_execution", is_error=True)))[
        "executions"
    ].to_dicts()
    assert (row["execution_id"], row["duration_ms"]) == ("p1", 2400)


@pytest.mark.parametrize("source_first", [True, False])
def test_a_call_of_transcript_and_telemetry_is_one(source_first: bool) -> None:
    session: File = ("claude_code", transcript().text())
    telemetry = exported(t.logs(t.request(prompt__id="p1")), t.usage_metrics(), t.result())
    rows = assemble(*((session, telemetry) if source_first else (telemetry, session)))
    (call,) = rows["llm_calls"].to_dicts()
    assert (own(call["call_id"]), call["request_id"], call["source"]) == ("msg_1", "req_1", "claude_code")
    assert tokens(call) == (10, 39, 17536, 0, 8257)
    assert call["duration_ms"] == 1500
    assert float(call["reported_cost_usd"]) == pytest.approx(float(t.COST), abs=1e-12)
    (execution,) = rows["executions"].to_dicts()
    assert (execution["llm_calls"], execution["agent_name"]) == (1, "claude-code")
    assert execution["task_text"] == "fix the bug in the cart"


def test_the_output_that_a_transcript_tells_in_part_is_completed() -> None:
    (call,) = calls(("claude_code", transcript(3, None).text()), exported(t.logs(t.request())))
    assert (tokens(call), call["output_tokens_final"]) == ((10, 39, 17536, 0, 8257), True)


def test_telemetry_without_request_ids_is_known_by_its_usage() -> None:
    old, other = t.request(None), t.request(None, 5, model="claude-haiku-3", input_tokens=7, cache_read_tokens=0)
    found = calls(("claude_code", transcript().text()), exported(t.logs(old, other)))
    assert {tokens(call)[0] for call in found} == {7, 10}
    one = next(call for call in found if call["input_tokens"] == 10)
    assert (own(one["call_id"]), one["duration_ms"]) == ("msg_1", 1500)


def test_calls_that_only_telemetry_tells_are_kept_beside_the_transcript() -> None:
    title = t.request("req_title", 1, query_source="generate_session_title", input_tokens=5)
    found = calls(("claude_code", transcript().text()), exported(t.logs(t.request(), title)))
    assert sorted(call["request_id"] for call in found) == ["req_1", "req_title"]


def test_a_tool_of_transcript_and_telemetry_is_one() -> None:
    session = Session(t.SESSION, t.START)
    session.prompt()
    session.tool("1", "x", "Bash", command="git status")
    session.result("x", error=False)
    decided = t.event("tool_decision", 2, decision="accept", tool_name="Bash", tool_use_id="toolu_x")
    done = t.event("tool_result", 3, tool_name="Bash", tool_use_id="toolu_x", success="true", duration_ms="77")
    alone = t.event("tool_result", 4, tool_name="Read", tool_use_id="toolu_y", success="false", duration_ms="5")
    rows = assemble(("claude_code", session.text()), exported(t.logs(decided, done, alone)))["tool_calls"]
    both, other = rows.sort("tool_call_id").to_dicts()
    assert (own(both["tool_call_id"]), both["duration_ms"], both["decision"]) == ("toolu_x", 77, "accept")
    assert (both["command_name"], both["is_error"], both["source"]) == ("git", False, "claude_code")
    assert (own(other["tool_call_id"]), other["is_error"], other["error_type"]) == ("toolu_y", True, "tool")


def test_an_agents_span_is_never_added_to_its_calls() -> None:
    usage: dict[str, Any] = {"usage__input_tokens": 300, "usage__output_tokens": 30}
    agent = t.span("a", 0, 9, operation__name="invoke_agent", agent__name="helper", conversation__id="c", **usage)
    chat: dict[str, Any] = {"operation__name": "chat", "request__model": "gpt-4.1", "conversation__id": "c"}
    parts = [
        t.span(f"b{n}", n, n + 1, "a", usage__input_tokens=100, usage__output_tokens=10, **chat,
               usage__cache_read__input_tokens=60, response__id="same", response__finish_reasons=["stop"])
        for n in (1, 2, 3)
    ]  # fmt: skip
    rows = assemble(exported(t.spans(*parts), t.spans(agent)))
    assert rows["llm_calls"]["input_tokens"].to_list() == [40, 40, 40]
    assert rows["llm_calls"]["cache_read_tokens"].sum() == 180
    (execution,) = rows["executions"].to_dicts()
    assert (execution["output_tokens"], execution["llm_calls"], execution["duration_ms"]) == (30, 3, 9000)
    assert (execution["agent_name"], execution["agent_kind"], execution["outcome"]) == ("helper", "main", "success")


def test_an_agents_span_below_another_is_a_sub_agents_run() -> None:
    common: dict[str, Any] = {"conversation__id": "c"}
    call = {"operation__name": "chat", "response__model": "gpt-4.1", "usage__input_tokens": 5, **common}
    tree = [
        t.span("main", 0, 20, operation__name="invoke_agent", agent__name="lead", **common),
        t.span(
            "tool", 2, 10, "main", operation__name="execute_tool", tool__name="delegate", tool__call__id="d", **common
        ),
        t.span("sub", 3, 9, "tool", operation__name="invoke_agent", agent__name="scout", **common),
        t.span("chat1", 4, 5, "sub", **call),
        t.span("chat2", 11, 12, "main", **call),
    ]
    for order in range(3):
        random.Random(order).shuffle(tree)
        rows = assemble(*(exported(t.spans(each)) for each in tree))
        by_name = {row["agent_name"]: row for row in rows["executions"].to_dicts()}
        assert by_name["lead"]["agent_kind"] == "main"
        assert by_name["scout"]["agent_kind"] == "subagent"
        assert by_name["scout"]["parent_execution_id"] == by_name["lead"]["execution_id"]
        assert (by_name["lead"]["llm_calls"], by_name["scout"]["llm_calls"]) == (1, 1)
        assert dict(rows["llm_calls"].select("agent_name", "is_subagent").iter_rows()) == {"lead": False, "scout": True}


def session_lines(seed: int) -> list[bytes]:
    """Return the telemetry of some sessions, each told by logs, metrics, results or several of them."""
    dice = random.Random(seed)
    lines = []
    for number in range(3):
        session = f"{t.SESSION}-{number}"
        told = dice.choice([("logs",), ("metrics",), ("logs", "metrics"), ("logs", "result"), ("metrics", "result")])
        for turn in range(dice.randint(1, 3)):
            common: dict[str, Any] = {"session": session, "prompt__id": f"p{number}-{turn}"}
            at = 100 * turn
            if "logs" in told:
                tool = f"toolu_{number}_{turn}"
                lines += [
                    t.logs(
                        t.request(f"req_{number}_{turn}_{n}", at + 5 * n, **common),
                        t.event("auth", at, session=session),
                    )
                    for n in range(dice.randint(1, 3))
                ]
                lines.append(t.logs(t.event("tool_result", at + 9, tool_use_id=tool, success="true", **common)))
                lines.append(t.logs(t.event("tool_decision", at + 8, tool_use_id=tool, decision="accept", **common)))
            if "metrics" in told:
                lines.append(t.usage_metrics(at + 60, times=turn + 1, temporality=2, session=session))
        if "result" in told:
            lines.append(t.result(session=session, uuid=f"run-{number}"))
    return lines


def values(rows: dict[str, pl.DataFrame]) -> dict[str, list[dict[str, Any]]]:
    """Return what rows say, in one order, without where it was read."""
    found = {}
    for stream, frame in rows.items():
        full = conform(frame.lazy(), STREAMS[stream]).collect().drop("source_file", "source_line", "landed_at")
        found[stream] = sorted(full.to_dicts(), key=repr)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_order_nor_files_nor_copies_change_what_sessions_are(
    seed: int, dice: random.Random, files: int
) -> None:
    lines = session_lines(seed)
    whole = values(assemble(exported(*lines)))
    shuffled = [*lines, *dice.sample(lines, len(lines) // 2)]
    dice.shuffle(shuffled)
    parts: list[list[bytes]] = [[] for _ in range(files)]
    for line in shuffled:
        dice.choice(parts).append(line)
    assert values(assemble(*(exported(*part) for part in parts if part))) == whole


def test_all_calls_of_made_sessions_are_there_once() -> None:
    for seed in range(20):
        lines = session_lines(seed)
        rows = assemble(exported(*lines))["llm_calls"]
        logged = {line for line in lines if b'"claude_code.api_request"' in line}
        told = rows.filter(pl.col("request_id").is_not_null())
        assert told.height == len(logged)
        summed = rows.filter(pl.col("request_id").is_null())
        assert not set(told["session_id"]) & set(summed["session_id"])
        assert Decimal(0) < (rows["reported_cost_usd"].sum() or Decimal(0))

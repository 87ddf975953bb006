"""Execution logs: every name, every unit, every rule that a line can break."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources import execution_log, registry
from learning_pipeline.sources.execution_log.fields import NAMES as NAME_TABLE
from learning_pipeline_tests.sources.lines import is_conserved, parse, raw, rows

AT = "2026-03-01T12:00:00Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FINE = {"execution_id": "e1", "agent_name": "alpha", "started_at": AT}


def one(**fields: Any) -> dict[str, Any]:
    """Return the row of an acceptable line with these fields; a field that is None is left out."""
    (row,) = rows("execution_log", [{name: value for name, value in {**FINE, **fields}.items() if value is not None}])
    return row


def reject(line: dict[str, Any] | bytes | str) -> tuple[str, str | None]:
    """Return check and column of the one reject that a line gives."""
    parsed = parse("execution_log", [line])
    (found,) = parsed.rejects
    assert is_conserved(parsed, 1) and found.raw == raw(line) and found.reason
    return found.check, found.column


@pytest.mark.parametrize(
    ("column", "name", "value", "expected"),
    [
        ("session_id", "session_id", "s", "s"),
        ("correlation_id", "correlation_id", "c", "c"),
        ("correlation_id", "trace_id", "c", "c"),
        ("workflow_id", "workflow_id", 7, "7"),
        ("parent_execution_id", "parent_task_id", "p", "p"),
        ("task_text", "task_description", "do it", "do it"),
        ("task_text", "prompt", "do it", "do it"),
        ("task_text", "description", "do it", "do it"),
        ("task_text", "user_request", "do it", "do it"),
        ("reported_task_type", "task_type", "bugfix", "bugfix"),
        ("model", "model_used", "claude-opus-4-5-20251101", "claude-opus-4-5-20251101"),
        ("model", "agent_model", "None", None),
        ("model_tier", "model_tier", "LARGE", "large"),
        ("model_tier", "model", "claude-haiku-4-5", "small"),
        ("provider", "model", "gpt-4.1", "openai"),
        ("topology", "swarm_topology", "mesh", "mesh"),
        ("pool_type", "pool_type", "gpu", "gpu"),
        ("repository", "repo", "owner/name", "name"),
        ("repository", "repository", "git@example.org:owner/name.git", "name"),
        ("repository", "repo_path", "/srv/code/name", "name"),
        ("working_dir", "repo_path", "/srv/code/name", "/srv/code/name"),
        ("repository", "project_path", "C:\\code\\name", "name"),
        ("branch", "git_branch", "main", "main"),
        ("input_tokens", "prompt_tokens", 12, 12),
        ("output_tokens", "completion_tokens", "12", 12),
        ("cache_read_tokens", "cache_read_tokens", 12.0, 12),
        ("reported_cost_usd", "actual_cost", 0.1, Decimal("0.1")),
        ("reported_cost_usd", "computed_cost_usd", "0.1", Decimal("0.1")),
        ("estimated_cost_usd", "cost_estimate", 1, Decimal(1)),
        ("quality_score", "score", 0.5, 0.5),
        ("confidence", "routing_confidence", 1, 1.0),
        ("user_rating", "rating", 4, 4.0),
        ("user_rating", "user_satisfaction", 10, 5.0),
        ("user_rating", "user_satisfaction", 1, 1.0),
        ("user_accepted", "user_accepted", "yes", True),
        ("context_tokens", "context_size", 12, 12),
        ("files_changed", "file_count", 12, 12),
        ("files_changed", "files_changed", ["a", "b"], 2),
        ("peak_memory_mb", "memory_usage_mb", 12.5, 12.5),
        ("cpu_time_ms", "cpu_time_seconds", 1.5, 1500),
        ("retries", "retry_count", 2, 2),
        ("duration_ms", "duration_seconds", 1.5, 1500),
        ("duration_ms", "duration_s", 1.5, 1500),
        ("duration_ms", "execution_time_ms", 1500, 1500),
        ("duration_ms", "latency_ms", 1500, 1500),
        ("duration_ms", "total_execution_duration_ms", 1500, 1500),
        ("duration_ms", "processing_time_ns", 1_500_000_000, 1500),
        ("duration_ms", "duration_us", 1_500_000, 1500),
        ("ended_at", "end_time", "2026-03-01T14:00:01+02:00", NOON + timedelta(seconds=1)),
        ("ended_at", "completed_at", 1772366401, NOON + timedelta(seconds=1)),
        ("ended_at", "duration_ms", 1000, NOON + timedelta(seconds=1)),
        ("branch", "gitBranch", "main", "main"),
    ],
)
def test_names_and_units(column: str, name: str, value: object, expected: object) -> None:
    assert one(**{name: value})[column] == expected


@pytest.mark.parametrize("name", ["execution_id", "task_id", "run_id", "id", "frame_id"])
def test_names_of_the_id(name: str) -> None:
    assert one(**{"execution_id": None, name: 42})["execution_id"] == "42"


@pytest.mark.parametrize("name", ["agent_name", "agent", "selected_agent", "adapter", "agent_id", "pool_type"])
def test_names_of_the_agent(name: str) -> None:
    assert one(**{"agent_name": None, name: "beta"})["agent_name"] == "beta"


def test_a_pool_is_the_agent_only_where_no_agent_is_named() -> None:
    row = one(pool_type="gpu")
    assert (row["agent_name"], row["agent_kind"]) == ("alpha", "pool")


@pytest.mark.parametrize("name", ["started_at", "start_time", "execution_start", "timestamp", "created_at"])
@pytest.mark.parametrize("value", [AT, 1772366400, 1772366400000, "1772366400000000", 1772366400000000000])
def test_names_of_the_start(name: str, value: object) -> None:
    row = one(**{"started_at": None, name: value})
    assert (row["started_at"], row["day"]) == (NOON, NOON.date())


def test_the_time_of_a_completed_line_is_its_end() -> None:
    row = one(event="completed", started_at=None, timestamp=AT, duration_seconds=60)
    assert (row["started_at"], row["ended_at"]) == (NOON - timedelta(minutes=1), NOON)


def test_a_time_of_writing_beside_start_and_end_is_no_contradiction() -> None:
    assert one(timestamp="2026-03-01T12:30:00Z", ended_at="2026-03-01T12:01:00Z")["duration_ms"] == 60_000


@pytest.mark.parametrize(
    ("fields", "outcome", "success", "source", "weight"),
    [
        ({}, "unknown", None, "none", 0.0),
        ({"event": "started"}, "open", None, "none", 0.0),
        ({"success": True}, "success", True, "reported", 0.8),
        ({"success": "false"}, "failure", False, "reported", 0.8),
        ({"passed": 1}, "success", True, "reported", 0.8),
        ({"status": "completed"}, "success", True, "reported", 0.8),
        ({"status": "completed", "success": False}, "failure", False, "reported", 0.8),
        ({"status": "timeout", "success": False}, "timeout", False, "reported", 0.8),
        ({"result": "cancelled"}, "interrupted", None, "reported", 0.8),
        ({"verdict": "partial"}, "partial", None, "reported", 0.8),
        ({"status": "in_progress"}, "open", None, "none", 0.0),
        ({"status": "weird"}, "unknown", None, "none", 0.0),
        ({"outcome": {"status": "pass"}}, "success", True, "reported", 0.8),
        ({"result": "here is the code"}, "unknown", None, "none", 0.0),
        ({"exit_code": 0}, "success", True, "check", 1.0),
        ({"exit_code": 124}, "timeout", False, "check", 1.0),
        ({"checks": [{"command": "a", "exit_code": 0}]}, "success", True, "check", 1.0),
        ({"checks": [{"exit_code": 0}, {"exit_code": 2}], "success": True}, "failure", False, "check", 1.0),
        ({"checks": []}, "unknown", None, "none", 0.0),
        ({"confidence": 0.99}, "unknown", None, "none", 0.0),
        ({"error_code": 0}, "unknown", None, "none", 0.0),
    ],
)
def test_how_it_ended(fields: dict[str, Any], outcome: str, success: bool | None, source: str, weight: float) -> None:
    row = one(**fields)
    assert (row["outcome"], row["success"], row["outcome_source"], row["label_weight"]) == (
        outcome,
        success,
        source,
        weight,
    )


@pytest.mark.parametrize(
    ("fields", "expected", "by_rule"),
    [
        ({"error_type": "TimeoutError"}, "timeout", False),
        ({"error_code": 429}, "rate_limit", False),
        ({"error": {"type": "validation", "message": "x"}}, "validation", False),
        ({"error": "connection refused"}, "network", True),
        ({"error_message": "odd"}, "unknown", True),
        ({"error_type": "OddError"}, "unknown", True),
        ({}, "unknown", True),
        ({"status": "timeout"}, "timeout", True),
    ],
)
def test_a_failure_has_a_type_and_says_when_a_rule_found_it(
    fields: dict[str, Any], expected: str, by_rule: bool
) -> None:
    row = one(**{"success": False, **fields})
    assert row["error_type"] == expected
    assert json.loads(row["attributes"] or "{}").get("error_type_by_rule", False) == by_rule


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"duration_ms": 5, "duration_seconds": 9}, "alias_conflict"),
        ({"duration_ms": 1000, "duration_seconds": 2}, "alias_conflict"),
        ({"agent": "beta"}, "alias_conflict"),
        ({"task_id": "e2"}, "alias_conflict"),
        ({"start_time": "2026-03-01T12:00:05Z"}, "alias_conflict"),
        ({"model": "gpt-4.1", "model_used": "o1"}, "alias_conflict"),
        ({"cost_usd": 0.1, "actual_cost": 0.2}, "alias_conflict"),
        ({"status": "failed", "success": True}, "contradiction"),
        ({"status": "running", "success": True}, "contradiction"),
        ({"duration_ms": -5}, "range"),
        ({"quality_score": 1.7}, "range"),
        ({"confidence": -0.1}, "range"),
        ({"rating": 9}, "range"),
        ({"user_satisfaction": 0}, "range"),
        ({"input_tokens": -1}, "range"),
        ({"input_tokens": 1.5}, "range"),
        ({"cost_usd": -1}, "range"),
        ({"started_at": "2026-03-01T12:00:00"}, "naive_time"),
        ({"started_at": "yesterday"}, "type"),
        ({"started_at": None}, "missing_field"),
        ({"agent_name": None}, "missing_field"),
        ({"ended_at": "2026-03-01T11:00:00Z"}, "end_before_start"),
        ({"input_tokens": "many"}, "type"),
        ({"task_text": {"a": 1}}, "type"),
        ({"checks": "fine"}, "type"),
        ({"checks": [1]}, "type"),
        ({"agents": [{"model": "x"}]}, "type"),
    ],
)
def test_lines_that_break_a_rule(fields: dict[str, Any], check: str) -> None:
    line = {name: value for name, value in {**FINE, **fields}.items() if value is not None}
    assert reject(line)[0] == check


@pytest.mark.parametrize(
    ("line", "check"),
    [
        (b'{"agent_name": ', "json"),
        (b"plain words", "json"),
        (b'{"a": NaN}', "json"),
        (b'{"a": 1e999}', "json"),
        (b"[" * 100_000, "json"),
        (b'["alpha", 17]', "type"),
        (b"17", "type"),
        (b'{"agent_name": "\xff"}', "utf8"),
    ],
)
def test_bytes_that_are_no_line(line: bytes, check: str) -> None:
    assert reject(line)[0] == check


def test_a_line_that_is_too_long() -> None:
    assert reject(b'{"agent_name": "' + b"x" * (16 * 1024 * 1024) + b'"}')[0] == "too_long"


def test_names_that_agree_up_to_their_precision() -> None:
    assert one(duration_ms=1499, duration_seconds=1.5)["duration_ms"] == 1499
    row = one(started_at="2026-03-01T12:00:00.250Z", start_time=1772366400)
    assert row["started_at"] == NOON + timedelta(milliseconds=250)
    assert one(model="claude-opus-4-5", model_used="claude-opus-4-5-20251101")["model"] == "claude-opus-4-5-20251101"


def test_nul_characters_surrogates_and_glued_lines() -> None:
    found = rows("execution_log", [rb'{"id":"a\u0000b","agent":"x\ud800y\\u0000","timestamp":1772366400}'])
    assert (found[0]["execution_id"], found[0]["agent_name"]) == ("ab", "x\ufffdy\\u0000")
    assert (
        rows("execution_log", [rb'{"id":"\ud83d\ude00","agent":"x","timestamp":1772366400}'])[0]["execution_id"] == "😀"
    )
    glued = raw({**FINE, "execution_id": "a"}) + raw({**FINE, "execution_id": "b"})
    assert {row["execution_id"] for row in rows("execution_log", [glued])} == {"a", "b"}


def test_unknown_fields_are_counted_and_kept() -> None:
    line = {**FINE, "mood": "good", "nested": {"a": [1]}, "absent": None}
    parsed = parse("execution_log", [line, line])
    assert parsed.unknown == {"mood": 2, "nested": 2}
    assert json.loads(parsed.records["attributes"][0]) == {"mood": "good", "nested": {"a": [1]}}


def test_an_event_that_is_none_of_an_execution_is_ignored_by_name() -> None:
    parsed = parse("execution_log", [{**FINE, "event": "heartbeat"}])
    assert parsed.ignored == {"unknown_event": 1} and parsed.unknown == {"kind:heartbeat": 1}
    assert is_conserved(parsed, 1)


def test_a_naive_time_is_read_in_the_zone_of_the_log() -> None:
    (row,) = rows("execution_log", [{**FINE, "started_at": "2026-03-01T13:00:00"}], zone="Europe/Berlin")
    assert row["started_at"] == NOON


def test_an_id_is_derived_from_agent_start_and_task() -> None:
    first, again = one(execution_id=None, task_text="a"), one(execution_id=None, task_text="a", duration_ms=5)
    other = one(execution_id=None, task_text="b")
    assert first["execution_id"] == again["execution_id"] != other["execution_id"]


def test_agents_make_a_parent_and_a_child_each() -> None:
    agents = ["plan", {"agent": "code", "success": False, "error": "timed out", "duration_seconds": 2}]
    found = rows("execution_log", [{**FINE, "session_id": "s", "agents_invoked": agents}])
    parent = next(row for row in found if row["execution_id"] == "e1")
    children = {row["agent_name"]: row for row in found if row["parent_execution_id"] == "e1"}
    assert parent["agent_name"] == "alpha" and set(children) == {"plan", "code"}
    assert children["plan"]["success"] is None and children["plan"]["session_id"] == "s"
    assert (children["code"]["success"], children["code"]["error_type"]) == (False, "timeout")
    assert {row["agent_kind"] for row in children.values()} == {"subagent"}


def test_agents_without_a_leader() -> None:
    found = rows("execution_log", [{**FINE, "agent_name": None, "agent_sequence": ["a", "b"]}])
    assert {row["agent_name"] for row in found} == {"orchestrator", "a", "b"}
    assert [row["agent_name"] for row in rows("execution_log", [{**FINE, "agent_name": None, "agents": "a"}])] == ["a"]


def test_a_change_frame() -> None:
    frame = {
        "frame_id": "f2",
        "parent_frame_id": "f1",
        "trace_id": "t",
        "timestamp_utc": "2026-03-01T12:00:00",
        "agent_id": "alpha",
        "model_id": "claude-opus-4-5",
        "workspace_ref": "/srv/code/name",
        "delta": "+ a line",
        "tool_events": [{"tool": "x", "exit_code": 1}, {"tool": "y"}],
        "checks": [{"command": "test", "exit_code": 0}],
        "outcome": {"status": "pass"},
    }
    assert execution_log.sniff(raw(frame))
    (row,) = rows("execution_log", [frame])
    assert (row["execution_id"], row["parent_execution_id"], row["correlation_id"]) == ("f2", "f1", "t")
    assert (row["started_at"], row["agent_name"], row["model"], row["repository"]) == (
        NOON,
        "alpha",
        "claude-opus-4-5",
        "name",
    )
    assert (row["tool_calls"], row["tool_errors"], row["outcome"], row["outcome_source"]) == (2, 1, "success", "check")
    assert "a line" not in row["attributes"]


def test_the_same_content_is_the_same_record() -> None:
    other_order = dict(reversed(FINE.items()))
    parsed = parse("execution_log", [FINE, json.dumps(other_order, indent=None, separators=(" ,  ", ":"))])
    assert parsed.records["record_key"].n_unique() == 1


def test_sniffing_tells_executions_from_other_logs() -> None:
    assert execution_log.sniff(raw(FINE) + b"\n" + raw(FINE))
    assert execution_log.sniff(raw({"task_id": 1, "selected_agent": "a", "timestamp": 1, "success": True}))
    for other in (
        {"sessionId": "s", "uuid": "u", "type": "user"},
        {"selected_agent": "a", "timestamp": AT, "routing_strategy": "x", "task_id": "t"},
        {"v": 1, "event": "commit", "occurred_at": AT, "repository": "r"},
    ):
        assert not execution_log.sniff(raw(other))
    assert not execution_log.sniff(b"words") and not execution_log.sniff(b"")


def test_every_known_name_is_in_the_table() -> None:
    for name in ("execution_id", "duration_minutes", "elapsed_ms", "prompt"):
        assert NAME_TABLE.fields_of(name)
    assert not NAME_TABLE.fields_of("duration") and not NAME_TABLE.fields_of("created")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    (
        "event",
        "status",
        "outcome",
        "success",
        "result",
        "checks",
        "exit_code",
        "error",
        "error_type",
        "error_code",
        "agents",
        "delta",
        "tool_events",
        "agent",
        "agent_name",
        "pool_type",
        "timestamp",
        "started_at",
        "ended_at",
        "duration_ms",
        "duration_seconds",
        "model",
        "repo",
        "repo_path",
        "prompt",
        "id",
        "task_id",
        "rating",
        "cost_usd",
        "confidence",
        "task_type",
        "user_id",
        "agent_kind",
        "trace_id",
        "user_satisfaction",
        "files_changed",
    )
)


@settings(max_examples=150)
@given(st.lists(st.dictionaries(NAMES | st.text(max_size=4), JSON, max_size=8), max_size=8))
def test_whatever_an_object_holds_its_line_is_accounted_for(lines: list[dict[str, Any]]) -> None:
    parsed = parse("execution_log", [{**FINE, **line} if index % 2 else line for index, line in enumerate(lines)])
    assert is_conserved(parsed, len(lines))
    frame = registry.family("executions").assemble({"execution": parsed.records})["executions"]
    assert frame["execution_id"].n_unique() == parsed.records["execution_id"].n_unique()


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    line = bytearray(raw({**FINE, "success": True, "prompt": "fix \u0000 it", "agents": ["a", {"agent": "b"}]}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(line) - 1))
        line[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        if not line:
            break
    parsed = parse("execution_log", [bytes(line), raw(FINE)])
    assert is_conserved(parsed, parsed.lines_read)
    assert "e1" in set(parsed.records["execution_id"])


@pytest.mark.parametrize("unit", ["h", "hours", "min", "s"])
def test_durations_that_disagree_reject_their_line_in_any_unit(unit: str) -> None:
    line = {"execution_id": "1", "agent": "a", "started_at": 1772366400, "duration_ms": 5, f"total_duration_{unit}": 90}
    parsed = parse("execution_log", [line, {**line, "duration_ms": None}])
    assert [reject.check for reject in parsed.rejects] == ["alias_conflict"]
    assert parsed.records.height == 1

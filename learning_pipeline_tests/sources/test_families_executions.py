"""Lines of one execution, united: what wins, and that neither order nor split matters."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.sources.families import executions
from learning_pipeline_tests.sources.lines import held, landed, parse, rows, united

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def started(seconds: float = 0, **fields: Any) -> dict[str, Any]:
    return {"event": "started", "execution_id": "e", "agent_name": "a", "started_at": at(seconds), **fields}


def completed(seconds: float = 10, **fields: Any) -> dict[str, Any]:
    return {"event": "completed", "execution_id": "e", "ended_at": at(seconds), **fields}


def one(*lines: dict[str, Any]) -> dict[str, Any]:
    """Return the one row of these lines."""
    (row,) = rows("execution_log", lines)
    return row


def test_a_start_and_an_end_are_one_execution() -> None:
    row = one(started(task_text="fix it", model="claude-sonnet-4-5"), completed(success=True, output_tokens=5))
    assert (row["duration_ms"], row["success"], row["output_tokens"], row["task_type"]) == (10_000, True, 5, "bug_fix")
    assert (row["model_tier"], row["provider"]) == ("medium", "anthropic")


def test_a_start_alone_is_open_and_an_end_alone_stands() -> None:
    row = one(started())
    assert (row["outcome"], row["success"], row["ended_at"]) == ("open", None, None)
    row = one(completed(agent_name="a", duration_ms=1000))
    assert (row["outcome"], row["started_at"]) == ("unknown", NOON + timedelta(seconds=9))


def test_a_later_line_wins_and_nulls_never_overwrite() -> None:
    first = {
        "execution_id": "e",
        "agent_name": "a",
        "started_at": at(0),
        "timestamp": at(1),
        "branch": "x",
        "retries": 1,
    }
    later = {
        "execution_id": "e",
        "agent_name": "a",
        "started_at": at(0),
        "timestamp": at(2),
        "branch": "y",
        "retries": None,
    }
    for lines in ((first, later), (later, first)):
        row = one(*lines)
        assert (row["branch"], row["retries"]) == ("y", 1)


def test_the_strongest_evidence_wins_and_of_equal_evidence_the_later() -> None:
    checks = [{"command": "t", "exit_code": 1}]
    assert one(started(), completed(5, checks=checks), completed(10, success=True))["outcome_source"] == "check"
    assert one(started(), completed(5, success=False), completed(10, success=True))["outcome"] == "success"
    assert one(started(status="running"), completed(10))["outcome"] == "unknown"
    assert one(started(status="failed"), completed(10, status="in_progress"))["outcome"] == "failure"


def test_a_failure_takes_its_type_from_any_of_its_lines() -> None:
    row = one(started(error="connection refused"), completed(success=False))
    assert (row["error_type"], json.loads(row["attributes"])["error_type_by_rule"]) == ("network", True)
    assert one(started(error_type="database"), completed(success=False))["error_type"] == "database"
    assert one(started(), completed(success=False))["error_type"] == "unknown"


def test_attributes_are_united_by_name() -> None:
    row = one(started(mood="good", place="x"), completed(mood="bad"))
    assert json.loads(row["attributes"]) == {"mood": "bad", "place": "x"}


def test_the_day_is_that_of_the_start() -> None:
    row = one(started(43_000), completed(43_300, success=True))
    assert (row["day"], row["ended_at"].date()) == (NOON.date(), NOON.date() + timedelta(days=1))


TIMES = st.integers(0, 60)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["completed", "failed", "timeout", "in_progress", "odd", "cancelled"]),
        "checks": st.lists(st.fixed_dictionaries({"exit_code": st.integers(0, 1)}), max_size=2),
        "exit_code": st.sampled_from([0, 1, 124]),
        "error": st.sampled_from(["timed out", "odd", "validation failed"]),
        "error_type": st.sampled_from(["timeout", "OddError"]),
        "task_text": st.sampled_from(["fix it", "hello", "write tests please"]),
        "task_type": st.sampled_from(["bugfix", "ai_task"]),
        "model": st.sampled_from(["gpt-4.1", "claude-opus-4-5", "None"]),
        "model_tier": st.sampled_from(["small", "L"]),
        "cost_usd": st.sampled_from([0.1, 0.2, "0.3"]),
        "duration_ms": st.integers(0, 100_000),
        "retries": st.integers(0, 3),
        "branch": st.sampled_from(["main", "", "dev"]),
        "mood": st.integers(0, 2),
        "weather": st.integers(0, 2),
        "agents": st.lists(st.sampled_from(["p", "q"]), max_size=2),
        "timestamp": TIMES.map(at),
    },
)
LINES = st.builds(
    lambda event, name, time, fields: {
        **fields,
        "event": event,
        "execution_id": name,
        "agent_name": "a",
        **({"ended_at": at(100_000 + time * 1000)} if event == "completed" else {"started_at": at(time * 1000)}),
    },
    st.sampled_from(["started", "completed", "record"]),
    st.sampled_from(["e1", "e2", "e3"]),
    TIMES,
    FIELDS,
)


def assembled(records: pl.DataFrame) -> pl.DataFrame:
    frame = executions.assemble({"execution": united(records)})["executions"]
    return frame.select(sorted(frame.columns)).sort("execution_id", "group_key")


@settings(max_examples=60)
@given(st.lists(LINES, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_nor_split_changes_the_rows(
    lines: list[dict[str, Any]], chance: random.Random, files: int
) -> None:
    whole = landed(parse("execution_log", lines), "execution_log")
    numbered = list(zip(whole["record_key"], whole["source_line"], strict=True))
    expected = assembled(whole)
    # Lines of one id may contradict each other: the lake's contract takes such a row to quarantine.
    held(expected.filter((pl.col("ended_at") >= pl.col("started_at")).fill_null(True)), "executions")
    days = set(whole["group_key"].cast(pl.String) + whole["day"].cast(pl.String))
    assert set(expected["group_key"] + expected["day"].cast(pl.String)) <= days
    # The same lines, shuffled, cut into files and repeated: only where they stand is another.
    parts = [[] for _ in range(files)]  # type: list[list[dict[str, Any]]]
    for line in chance.sample(lines, len(lines)) + chance.sample(lines, len(lines) // 2):
        chance.choice(parts).append(line)
    pieces = [landed(parse("execution_log", part), "execution_log", f"{n}.jsonl") for n, part in enumerate(parts)]
    got = assembled(pl.concat(pieces))
    assert len(numbered) == whole.height
    assert got.drop("source_file", "source_line").equals(expected.drop("source_file", "source_line"))


@given(st.lists(LINES, min_size=1, max_size=6))
def test_the_order_of_records_does_not_matter(lines: list[dict[str, Any]]) -> None:
    records = united(landed(parse("execution_log", lines), "execution_log"))
    first = executions.assemble({"execution": records})["executions"]
    assert executions.assemble({"execution": records.reverse()})["executions"].equals(first)

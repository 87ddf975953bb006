"""Real exports against a plain count of their own."""

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from learning_pipeline_tests import telemetry as t
from learning_pipeline_tests.homes import SHARED, digests, land_all, read
from learning_pipeline_tests.transcripts import Session

EXAMPLES = SHARED / "data" / "otlp-proto-examples.tar.gz"
SPANS = SHARED / "data" / "copilot-otel.tar.gz"


def unpacked(archive: Path, place: Path) -> Path:
    if not archive.exists():
        pytest.skip("the real logs of shared/ are not on this machine")
    with tarfile.open(archive) as members:
        members.extractall(place, filter="data")
    return place


def test_examples_of_other_programs_are_read_and_ignored_by_name(tmp_path: Path) -> None:
    tree = unpacked(EXAMPLES, tmp_path / "tree")
    documents = sorted(tree.rglob("*.json"))
    assert all(
        json.loads(path.read_text()).keys() <= {"resourceLogs", "resourceMetrics", "resourceSpans"}
        for path in documents
    )
    report = land_all(tmp_path / "home", tree, "otlp")
    assert (report.lines_read, report.ignored, report.quarantined) == (len(documents), len(documents), 0)
    assert report.unknown_fields == {}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (found,) = unpacked(SPANS, tmp_path / "tree").rglob("traces.db")
    return found


def spans_of(database: Path) -> list[dict[str, Any]]:
    """Return the spans with their attributes, read without this project."""
    with closing(sqlite3.connect(f"file:{database}?immutable=1", uri=True)) as db:
        db.row_factory = sqlite3.Row
        found = {row["span_id"]: dict(row) for row in db.execute("select * from spans")}
        for row in db.execute("select * from span_attributes"):
            found[row["span_id"]][row["key"]] = row["value"]
    return list(found.values())


def test_the_spans_of_copilot_equal_a_plain_count(database: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    report = land_all(home, database.parent, "otlp")
    spans = spans_of(database)
    by_kind = {kind: [s for s in spans if s["operation_name"] == kind] for kind in {s["operation_name"] for s in spans}}
    assert report.lines_read == len(spans)
    assert (report.ignored, report.quarantined) == (len(by_kind["execute_hook"]), 0)
    calls, executions, tools = (read(home, stream) for stream in ("llm_calls", "executions", "tool_calls"))
    assert (calls.height, tools.height) == (len(by_kind["chat"]), len(by_kind["execute_tool"]))
    chats = by_kind["chat"]
    cached = sum(int(s.get("gen_ai.usage.cache_read.input_tokens", 0)) for s in chats)
    assert calls["cache_read_tokens"].sum() == cached
    assert calls["input_tokens"].sum() == sum(int(s["gen_ai.usage.input_tokens"]) for s in chats) - cached
    assert calls["output_tokens"].sum() == sum(int(s["gen_ai.usage.output_tokens"]) for s in chats)
    asked = {row["session_id"]: row for row in executions.to_dicts()}
    assert len(asked) == executions.height == len(by_kind["invoke_agent"])
    for agent in by_kind["invoke_agent"]:
        row = asked[agent["copilot_chat.chat_session_id"]]
        own = calls.filter((pl.col("execution_id") == row["execution_id"]) & (pl.col("model") == row["model"]))
        # An agent's own sum is what its calls add up to: it is a check, and never counted.
        assert own["output_tokens"].sum() == agent["output_tokens"]
        assert (own["input_tokens"] + own["cache_read_tokens"]).sum() == agent["input_tokens"]
        assert row["branch"] == agent["copilot_chat.repo.head_branch_name"]


def test_a_database_is_read_again_without_counting_twice(database: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = land_all(home, database.parent, "otlp")
    before = digests(home)
    database.chmod(0o644)
    with closing(sqlite3.connect(database)) as db:
        db.execute("pragma journal_mode = delete")
        db.execute("delete from spans where operation_name = 'chat'")
        db.commit()
    again = land_all(home, database.parent, "otlp")
    assert again.lines_read == first.lines_read - 9
    assert (again.events, digests(home)) == (0, before), "what was deleted stays, what is there is not new"


def test_the_beginning_of_a_measured_export(tmp_path: Path) -> None:
    """As Claude Code 2.1.220 wrote it: logs and metrics of one call, the result of the run beside them."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "logs.jsonl").write_bytes(
        t.logs(t.event("mcp_server_connection", 1)) + b"\n" + t.logs(t.request(prompt__id="p"))
    )
    (tree / "metrics.jsonl").write_bytes(t.usage_metrics() + b"\n")
    (tree / "result.json").write_bytes(t.result())
    home = tmp_path / "home"
    report = land_all(home, tree, "otlp")
    assert (report.lines_read, report.events, report.ignored) == (4, 3, 1)
    (call,) = read(home, "llm_calls").to_dicts()
    assert (call["cache_write_1h_tokens"], call["duration_ms"]) == (8257, 1500)
    assert float(call["reported_cost_usd"]) == float(t.COST)


def test_what_is_landed_first_makes_no_difference(tmp_path: Path) -> None:
    """Metrics tell of a call before its log is there, on a day of its own, and the transcript comes last."""
    session = Session(t.SESSION, t.START, "claude-haiku-4-5-20251001")
    session.prompt()
    session.say("1", output=39, stop="end_turn")
    files = {
        "otlp/metrics.jsonl": t.usage_metrics(100_000) + b"\n" + t.usage_metrics(60) + b"\n",
        "otlp/logs.jsonl": t.logs(t.request(prompt__id="p")) + b"\n",
        "otlp/result.json": t.result(),
        "claude_code/a.jsonl": session.text(),
    }
    found = []
    for order in (list(files), list(reversed(files))):
        tree, home = tmp_path / order[0] / "tree", tmp_path / order[0] / "home"
        for name in order:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
            land_all(home, path.parent, path.parent.name)
        rows = read(home, "llm_calls").drop("source_file", "landed_at").to_dicts()
        found.append((rows, read(home, "executions").drop("source_file", "landed_at").to_dicts()))
    assert found[0] == found[1]
    ((call,), (execution,)) = found[0]
    assert (call["request_id"], execution["llm_calls"]) == ("req_1", 1)
    assert execution["reported_cost_usd"] == call["reported_cost_usd"]

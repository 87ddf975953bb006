"""A landing of the sample's logs of other agents, of hooks and of a table finds what was planted."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.sample import Manifest, write_sample
from learning_pipeline_tests.homes import land_all, read

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("sample") / "logs"
    return out, write_sample(out, days=6, sessions=40, seed=9, last_day=date(2026, 10, 31), scale=0.02, executions=3)


def test_gemini_sessions(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["gemini_cli"].counts
    report = land_all(tmp_path, out / "gemini_cli", kind="gemini_cli", now=NOW)
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (counts["messages"], 0, {})
    calls, tools, executions = read(tmp_path, "llm_calls"), read(tmp_path, "tool_calls"), read(tmp_path, "executions")
    assert calls.height == counts["calls"]
    for name in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"):
        assert calls[name].sum() == executions[name].sum() == counts[name]
    assert (tools.height, int(tools["is_error"].sum())) == (counts["tool_calls"], counts["tool_errors"])
    assert (executions.height, executions["session_id"].n_unique()) == (counts["prompts"], counts["sessions"])
    assert executions.filter(outcome="interrupted").height == counts["interrupts"]


def test_aider_log(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["aider"].counts
    report = land_all(tmp_path, out / "aider", kind="aider", now=NOW)
    assert (report.lines_read, report.quarantined) == (manifest.sources["aider"].lines, 0)
    calls, executions = read(tmp_path, "llm_calls"), read(tmp_path, "executions")
    assert calls.height == counts["messages"]
    assert calls["reported_cost_usd"].sum() == Decimal(counts["cost_micro_usd"]) / 1_000_000
    for name in ("input_tokens", "output_tokens"):
        assert calls[name].sum() == executions[name].sum() == counts[name]
    assert executions.height == counts["messages"] + counts["exceptions"]
    assert executions["session_id"].n_unique() == counts["sessions"]
    assert read(tmp_path, "feedback").height == counts["undos"] == executions.filter(user_accepted=False).height


def test_exported_table(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["table"].counts
    report = land_all(tmp_path, out / "table", kind="table", now=NOW)
    assert (report.lines_read, report.quarantined) == (counts["executions"], 0)
    executions = read(tmp_path, "executions")
    outcomes = dict(executions.group_by("outcome").len().iter_rows())
    assert outcomes == {name: counts[name] for name in ("success", "failure", "unknown") if name in counts}
    assert executions["input_tokens"].sum() == counts["input_tokens"]
    assert executions.select(pl.col("reported_cost_usd", "duration_ms", "model").null_count()).row(0) == (0, 0, 0)
    assert set(executions.filter(outcome="failure")["error_type"]) == {"timeout"}


def test_hook_payloads(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["hook_log"].counts
    report = land_all(tmp_path, out / "hook_log", kind="hook_log", now=NOW)
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (counts["payloads"], 0, {})
    assert report.duplicates > 0
    tools, executions = read(tmp_path, "tool_calls"), read(tmp_path, "executions")
    assert (tools.height, int(tools["is_error"].sum())) == (counts["tool_calls"], counts["tool_errors"])
    assert dict(executions["agent_kind"].value_counts().iter_rows()) == {
        "main": counts["prompts"],
        "subagent": counts["subagents"],
    }
    undated = tools.filter(pl.col("started_at").is_null())
    assert 0 < undated.height < tools.height
    assert undated["day"].unique().to_list() == [date(1970, 1, 1)]

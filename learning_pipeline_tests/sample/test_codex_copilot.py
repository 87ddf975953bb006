"""A landing of the sample's rollouts of Codex and sessions of Copilot CLI finds what was planted."""

from datetime import UTC, date, datetime
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


def test_codex_rollouts(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["codex"].counts
    assert min(counts[name] for name in ("copies", "forks", "sub_agents", "interrupts", "repeated_usage")) > 0
    report = land_all(tmp_path, out / "codex", kind="codex", now=NOW)
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (manifest.sources["codex"].lines, 0, {})
    calls, tools, executions = read(tmp_path, "llm_calls"), read(tmp_path, "tool_calls"), read(tmp_path, "executions")
    assert calls.height == counts["calls"]
    for name in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"):
        assert calls[name].sum() == executions[name].sum() == counts[name]
    assert (tools.height, int(tools["is_error"].sum())) == (counts["tool_calls"], counts["tool_errors"])
    assert (executions.height, executions["session_id"].n_unique()) == (counts["prompts"], counts["sessions"])
    assert executions.filter(outcome="interrupted").height == counts["interrupts"]
    helpers = executions.filter(agent_kind="subagent")
    assert helpers["agent_name"].to_list() == ["explorer"] * counts["sub_agents"]
    assert helpers["parent_execution_id"].null_count() == 0


def test_copilot_sessions(sample: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = sample
    counts = manifest.sources["copilot_cli"].counts
    report = land_all(tmp_path, out / "copilot_cli", kind="copilot_cli", now=NOW)
    lines = manifest.sources["copilot_cli"].lines
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (lines, 0, {})
    calls, tools, executions = read(tmp_path, "llm_calls"), read(tmp_path, "tool_calls"), read(tmp_path, "executions")
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"):
        assert calls[name].sum() == counts[name]
    assert calls["cache_write_5m_tokens"].sum() == counts["cache_write_tokens"]
    assert calls.filter(pl.col("stop_reason").is_not_null()).height == counts["messages"]
    assert executions["output_tokens"].sum() == counts["output_tokens"]
    assert (tools.height, int(tools["is_error"].sum())) == (counts["tool_calls"], counts["tool_errors"])
    assert (executions.height, executions["session_id"].n_unique()) == (counts["prompts"], counts["sessions"])
    assert executions.filter(outcome="interrupted").height == counts["interrupts"]

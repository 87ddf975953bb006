"""A landing of the sample finds what the manifest says, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest

from learning_pipeline.lake.land import land
from learning_pipeline.lake.report import LandReport
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.sample import Manifest, write_sample
from learning_pipeline.settings import SourceSpec, load_settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Manifest, LandReport, Lake]]:
    out, home = tmp_path_factory.mktemp("sample") / "logs", tmp_path_factory.mktemp("home")
    manifest = write_sample(out, days=14, sessions=40, seed=4, last_day=date(2026, 10, 31), scale=0.1)
    settings = load_settings(home, workers=1)
    report = land(settings, [SourceSpec(kind="claude_code", path=out / "claude_code")], now=NOW)
    with State(settings.state_path) as state:
        yield manifest, report, Lake(settings.lake_dir, state)


def test_usage_per_day_and_model_is_exact(landed: tuple[Manifest, LandReport, Lake]) -> None:
    manifest, _, lake = landed
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    found = (
        lake.read("llm_calls")
        .filter(pl.col("model").is_not_null())
        .group_by("day", "model")
        .agg(pl.len().alias("calls"), pl.col(*names).sum())
        .sort("day", "model")
        .collect()
    )
    stated = [(date.fromisoformat(row.day), row.model, row.calls, *(getattr(row, name) for name in names))
              for row in manifest.usage]  # fmt: skip
    assert found.select("day", "model", "calls", *names).rows() == stated


def test_executions_tools_and_errors_are_those_that_were_planted(landed: tuple[Manifest, LandReport, Lake]) -> None:
    manifest, _, lake = landed
    counts = manifest.sources["claude_code"].counts
    executions = lake.read("executions").collect()
    tools = lake.read("tool_calls").collect()
    kinds = dict(executions.group_by("agent_kind").len().rows())
    assert kinds == {"main": counts["prompts"], "subagent": counts["subagent_runs"]}
    assert tools.height == counts["tool_calls"] + counts["subagent_tool_calls"]
    assert tools["is_error"].sum() == counts["tool_errors"] + counts.get("subagent_tool_errors", 0)
    assert tools["commit_prefix"].drop_nulls().len() == counts["commits"]


def test_every_line_is_somewhere(landed: tuple[Manifest, LandReport, Lake]) -> None:
    manifest, report, _ = landed
    truth = manifest.sources["claude_code"]
    assert report.lines_read == truth.lines
    assert report.lines_read == report.events + report.duplicates + report.quarantined + report.ignored


def test_damage_is_quarantined_and_what_is_new_is_named(landed: tuple[Manifest, LandReport, Lake]) -> None:
    manifest, report, lake = landed
    truth = manifest.sources["claude_code"]
    checks = dict(lake.read("quarantine").collect().group_by("check").len().rows())
    assert checks["json"] == sum(truth.damaged.values())
    assert truth.unknown.items() <= report.unknown_fields.items()

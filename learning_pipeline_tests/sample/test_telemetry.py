"""A landing of the sample's telemetry finds what was planted."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from learning_pipeline.sample import write_sample
from learning_pipeline_tests.homes import land_all, read


def test_telemetry_tells_what_was_planted(tmp_path: Path) -> None:
    out, home = tmp_path / "logs", tmp_path / "home"
    manifest = write_sample(out, days=10, sessions=40, seed=7, last_day=date(2026, 10, 31), scale=0.02)
    truth = manifest.sources["otlp"]
    report = land_all(home, out / "otlp", "otlp", datetime(2026, 11, 1, tzinfo=UTC))
    assert (report.lines_read, report.quarantined, report.unknown_fields) == (truth.lines, 0, {})
    calls, tools, executions = (read(home, stream) for stream in ("llm_calls", "tool_calls", "executions"))
    told = calls.filter(pl.col("attributes").is_null())
    assert told.height == truth.counts["calls"]
    assert told["reported_cost_usd"].sum() == Decimal(truth.counts["reported_usd_e24"]).scaleb(-24)
    for name in ("input_tokens", "output_tokens", "cache_read_tokens"):
        assert calls[name].sum() == truth.counts[name]
    written = calls.select(pl.sum_horizontal(pl.col("cache_write_5m_tokens", "cache_write_1h_tokens").sum())).item()
    assert written == truth.counts["cache_creation_tokens"]
    assert (tools.height, tools["is_error"].sum()) == (truth.counts["tool_calls"], truth.counts["tool_errors"])
    assert (executions.height, calls["session_id"].n_unique()) == (truth.counts["prompts"], truth.counts["sessions"])

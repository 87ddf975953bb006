"""A landing of the sample's notes and checkpoints finds what the manifest says."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from learning_pipeline.sample import write_sample
from learning_pipeline_tests.homes import land_all, read

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_notes_and_checkpoints_are_those_that_were_planted(tmp_path: Path) -> None:
    manifest = write_sample(tmp_path / "out", days=9, sessions=30, seed=6, last_day=date(2026, 10, 31), scale=0.02)
    for kind in ("git_notes", "entire_checkpoints"):
        report = land_all(tmp_path / "home", tmp_path / "out" / kind, kind, now=NOW)
        assert report.quarantined == sum(manifest.sources[kind].damaged.values())
        assert report.unknown_fields == {}
    rows = (
        read(tmp_path / "home", "git_events")
        .filter(pl.col("event_type") == "note")
        .select(
            "commit",
            "source",
            "session_id",
            *(
                pl.col("attributes").str.json_path_match(f"$.{name}").alias(name)
                for name in ("entry", "checkpoint", "accepted_lines", "overridden_lines", "agent_lines")
            ),
        )
    )
    notes = rows.filter(pl.col("source") == "git_notes")
    prompts = notes.filter(pl.col("entry") == "prompt")
    counts = manifest.sources["git_notes"].counts
    assert notes["commit"].n_unique() == counts["notes"]
    assert (prompts.height, notes.filter(pl.col("entry") == "session").height) == (
        counts["prompts"],
        counts["sessions"],
    )
    for name in ("accepted_lines", "overridden_lines"):
        assert prompts[name].cast(pl.Int64).sum() == counts[name]
    checkpoints = rows.filter(pl.col("source") == "entire_checkpoints")
    counts = manifest.sources["entire_checkpoints"].counts
    assert checkpoints["checkpoint"].n_unique() == counts["checkpoints"]
    assert checkpoints["session_id"].drop_nulls().n_unique() == counts["sessions"]
    assert checkpoints["agent_lines"].cast(pl.Int64).sum() == counts["agent_lines"]

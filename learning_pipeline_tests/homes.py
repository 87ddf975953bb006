"""Homes for tests: land into one, and see what is in its lake."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from learning_pipeline.lake.land import land
from learning_pipeline.lake.report import LandReport
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.settings import Settings, SourceSpec, load_settings

NOW = datetime(2026, 3, 9, 2, tzinfo=UTC)
SHARED = Path(__file__).parents[1].parent / "shared"


def settings_of(home: Path, **overrides: Any) -> Settings:
    return load_settings(home, host="test", workers=1, **overrides)


def land_all(home: Path, tree: Path, kind: str = "claude_code", now: datetime = NOW, **overrides: Any) -> LandReport:
    """Land a tree, and check on the way that every line is accounted for."""
    report = land(settings_of(home, **overrides), [SourceSpec(kind=kind, path=tree)], now=now)
    assert report.lines_read == report.events + report.duplicates + report.quarantined + report.ignored
    return report


def read(home: Path, stream: str) -> pl.DataFrame:
    with State(home / "state.sqlite") as state:
        return Lake(home / "lake", state).read(stream).collect()


def digests(home: Path) -> dict[tuple[str, date], str]:
    """Return the content digest of every partition that holds events."""
    with State(home / "state.sqlite") as state:
        rows = state.query("select stream, day, digest from partitions where rows > 0 and stream <> 'quarantine'")
    return {(stream, date.fromisoformat(day)): digest for stream, day, digest in rows}

"""A home as a refresh of the sample leaves it."""

import shutil
from pathlib import Path

import pytest

from learning_pipeline.assets.refresh import RefreshReport, refresh
from learning_pipeline.settings import Settings, SourceSpec, load_settings
from learning_pipeline_tests.factories import NOON

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SPECS = [SourceSpec(kind=kind, path=SAMPLE / kind) for kind in ("claude_code", "execution_log")]
NOW = NOON.replace(month=11, year=2026)


@pytest.fixture(scope="session")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RefreshReport]:
    """A refresh of two kinds of the sample, and what it told."""
    settings = load_settings(tmp_path_factory.mktemp("refreshed") / "home")
    report = refresh(settings, SPECS, now=NOW, publish=False)
    shutil.copytree(settings.home, _untouched(settings))
    return settings, report


@pytest.fixture
def copied(refreshed: tuple[Settings, RefreshReport], tmp_path: Path) -> Settings:
    """A copy of that home as the refresh left it, for tests that change it. (To Dagster it is another home.)"""
    shutil.copytree(_untouched(refreshed[0]), tmp_path / "home")
    return load_settings(tmp_path / "home")


def _untouched(settings: Settings) -> Path:
    return settings.home.with_name("untouched")

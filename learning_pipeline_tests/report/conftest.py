"""Homes with marts, with and without a router."""

import io
import shutil
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.routing.registry import EVALUATION, Registry
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import fill_lake
from learning_pipeline_tests.marts.conftest import NOW, world

RELIABILITY = [{"from": n / 10, "to": (n + 1) / 10, "n": 10, "predicted": 0.5, "observed": 0.4} for n in range(3)]


def add_router(settings: Settings) -> None:
    """Write a router version that holds what the page reads of one."""
    policies = [("router", 0.8, 0.7, 0.9, 50), ("best_single", 0.7, 0.6, 0.8, 50), ("random", None, None, None, 3)]
    rows = [("policy", name, "success_rate", value, n, low, high, "full") for name, value, low, high, n in policies]
    rows += [("model", "router", "log_loss", 0.5, 60, 0.4, 0.6, "held_out")]
    names = ["subject_kind", "subject", "metric", "value", "n", "interval_low", "interval_high", "basis"]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(buffer)
    manifest = {
        "created_at": NOW.isoformat(),
        "data_digest": "d",
        "stage": "staging",
        "reason": "better than the base rate",
        "labelled": 300,
        "held_out": 60,
        "reliability": RELIABILITY,
    }
    registry = Registry(settings.models_dir)
    registry.write("abc123", {}, {}, manifest, {EVALUATION: buffer.getvalue()})
    registry.settle("abc123", "staging", "better than the base rate", now=NOW)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with marts and a router; tests copy it."""
    settings = load_settings(tmp_path_factory.mktemp("report") / "home")
    fill_lake(settings.home, **world())
    build(settings, now=NOW)
    add_router(settings)
    return settings.home


@pytest.fixture
def settings(made: Path, tmp_path: Path) -> Settings:
    # What the page reads, and no more: the lake and the staged parts are many files.
    shutil.copytree(made, tmp_path / "home", ignore=shutil.ignore_patterns("lake", "marts", "state.sqlite"))
    return load_settings(tmp_path / "home")

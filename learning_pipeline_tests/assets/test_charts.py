"""The charts that real materializations carry."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from learning_pipeline.assets import charts
from learning_pipeline.assets.instance import instance
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.assets.runs import Runner
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.assets.conftest import NOW, SPECS
from learning_pipeline_tests.assets.images import HELD, decoded

pytestmark = pytest.mark.slow

SHOWN = {
    "land_claude_code": {"lines_of_this_landing"},
    "land_execution_log": {"lines_of_this_landing"},
    "marts_database": {"cost_per_day", "tokens_per_day"},
    "mart_agent_leaderboard": {"agents"},
    "mart_data_quality": {"lines"},
    "router_model": {"router_calibration", "router_success", "router_cost"},
}


def images(settings: Settings) -> dict[str, set[str]]:
    """Return the keys of all images by asset, of the newest materializations; each is decoded."""
    found: dict[str, set[str]] = {}
    with instance(settings) as opened:
        for key in opened.all_asset_keys():
            event = opened.get_latest_materialization_event(key)
            if event is None or event.asset_materialization is None:
                continue
            for name, value in event.asset_materialization.metadata.items():
                if isinstance(value, dg.MarkdownMetadataValue) and HELD.search(value.value or ""):
                    _, pixels = decoded(value)
                    assert min(pixels.shape[:2]) > 90
                    assert pixels.std() > 5, f"{name} is blank"
                    found.setdefault(key.to_user_string(), set()).add(name)
    return found


def test_assets_carry_the_charts_of_what_they_made(copied: Settings) -> None:
    assert images(copied) == SHOWN


def test_the_same_marts_give_the_same_images(copied: Settings) -> None:
    first, again = charts.of_marts(copied), charts.of_marts(copied)
    assert first == again
    assert set(first) == set(charts.ON_MARTS)


def test_what_was_not_made_has_no_chart(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with instance(settings) as opened:
        runner = Runner(Pipeline(settings.model_copy(update={"publish": False}), [], clock=lambda: NOW), opened)
        runner.finish()
    assert images(settings) == {}


def test_a_run_that_finds_nothing_new_draws_nothing(copied: Settings) -> None:
    later = NOW + timedelta(hours=1)
    with instance(copied) as opened:
        runner = Runner(Pipeline(copied.model_copy(update={"publish": False}), SPECS, clock=lambda: later), opened)
        runner.land(SPECS)
        runner.finish()
    assert images(copied) == {}

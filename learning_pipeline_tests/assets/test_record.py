from pathlib import Path

import pytest

from learning_pipeline.assets import record
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.marts import build
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home directory as a complete refresh leaves it."""
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    settings = load_settings(tmp_path)
    settings.marts_path.write_bytes(b"marts")
    (settings.models_dir / "v1").mkdir(parents=True)
    (settings.models_dir / "v1" / "model.json").write_text("{}")
    complete = record.observe(settings, published=True, publish_id="p", router_version="v1")
    assert complete is not None
    record.save(settings, complete)
    return settings


def test_nothing_changed_is_current(settings: Settings) -> None:
    known = record.is_current(settings, publish=True)
    assert known is not None
    assert (known.publish_id, known.router_version) == ("p", "v1")


def test_a_new_event_is_seen(settings: Settings) -> None:
    fill_lake(settings.home, executions=[{"execution_id": "b"}])
    assert record.is_current(settings, publish=True) is None


def test_a_lost_marts_database_is_seen(settings: Settings) -> None:
    settings.marts_path.unlink()
    assert record.is_current(settings, publish=True) is None


def test_a_changed_model_is_seen(settings: Settings) -> None:
    (settings.models_dir / "v1" / "model.json").write_text("{ }")
    assert record.is_current(settings, publish=True) is None


def test_another_configuration_is_seen(settings: Settings) -> None:
    assert record.is_current(load_settings(settings.home, seed=1), publish=True) is None
    other = load_settings(settings.home, postgres_url="postgresql://elsewhere/db")
    assert record.is_current(other, publish=True) is None


def test_what_was_not_published_is_not_current_for_one_who_publishes(settings: Settings) -> None:
    complete = record.observe(settings, published=False)
    assert complete is not None
    record.save(settings, complete)
    assert record.is_current(settings, publish=False) is not None
    assert record.is_current(settings, publish=True) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"other": 1}'])
def test_a_damaged_record_is_no_record(settings: Settings, text: str) -> None:
    (settings.home / record.RECORD_NAME).write_text(text)
    assert record.load(settings) is None


def test_no_secret_is_in_the_record(settings: Settings) -> None:
    with_secret = load_settings(settings.home, postgres_url="postgresql://user:hunter2@elsewhere/db")
    complete = record.observe(with_secret, published=True)
    assert complete is not None
    assert "hunter2" not in str(complete)


def test_a_run_that_a_landing_came_before_is_not_complete(tmp_path: Path) -> None:
    """Landed after the days were built and before the rest was made: the rest has to be made once more."""
    settings = load_settings(tmp_path)
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    build.build(settings, now=NOON)
    fill_lake(tmp_path, executions=[{"execution_id": "b"}])
    Pipeline(settings).note_complete()
    assert record.load(settings) is None
    build.build(settings, now=NOON)
    Pipeline(settings).note_complete()
    assert record.is_current(settings, publish=False) is not None

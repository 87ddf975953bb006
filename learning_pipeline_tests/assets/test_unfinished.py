"""What health says of a refresh that did not get through, and of a damaged router registry."""

from pathlib import Path

import pytest

from learning_pipeline.assets import laws, record, unfinished
from learning_pipeline.errors import TransientError
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    settings = load_settings(tmp_path)
    settings.marts_path.write_bytes(b"marts")
    return settings


def complete(settings: Settings, *, published: bool) -> None:
    found = record.observe(settings, published=published)
    assert found is not None
    record.save(settings, found)


@pytest.mark.parametrize("published", [True, False])
def test_a_complete_refresh_is_well_published_or_not(settings: Settings, published: bool) -> None:
    assert not laws.refresh_complete(settings).passed
    complete(settings, published=published)
    verdict = laws.refresh_complete(settings)
    assert verdict.passed
    assert ("not to be published" in verdict.summary) == (not published)


def test_what_was_landed_later_is_told(settings: Settings) -> None:
    complete(settings, published=True)
    fill_lake(settings.home, executions=[{"execution_id": "b"}])
    verdict = laws.refresh_complete(settings)
    assert (verdict.passed, verdict.warning) == (False, True)


@pytest.mark.parametrize("step", [unfinished.REFRESH, unfinished.PUBLISH])
def test_a_step_without_an_end_is_told_with_what_to_do(settings: Settings, step: str) -> None:
    complete(settings, published=True)
    unfinished.note(settings, step, NOON)
    verdict = laws.refresh_complete(settings)
    assert (verdict.passed, verdict.warning) == (False, True)
    assert f"run learning-pipeline {step}" in verdict.summary
    unfinished.clear(settings)
    assert laws.refresh_complete(settings).passed


def test_a_later_publish_completes_the_refresh(settings: Settings) -> None:
    unfinished.note(settings, unfinished.PUBLISH, NOON)
    unfinished.was_published(settings, "p")
    assert laws.refresh_complete(settings).passed
    known = record.load(settings)
    assert known is not None
    assert (known.published, known.publish_id) == (True, "p")


def test_a_later_publish_does_not_complete_what_it_did_not_do(settings: Settings) -> None:
    unfinished.note(settings, unfinished.REFRESH, NOON)
    unfinished.was_published(settings, "p")
    assert not laws.refresh_complete(settings).passed
    unfinished.note(settings, unfinished.PUBLISH, NOON)
    fill_lake(settings.home, executions=[{"execution_id": "b"}])
    unfinished.was_published(settings, "p")
    assert not laws.refresh_complete(settings).passed


def test_a_damaged_note_is_a_note(settings: Settings) -> None:
    complete(settings, published=True)
    (settings.home / unfinished.NAME).write_bytes(b"\xff")
    assert not laws.refresh_complete(settings).passed


def test_a_failed_publish_says_that_the_marts_are_new() -> None:
    with pytest.raises(TransientError, match="only the publish failed"), unfinished.only_the_publish():
        raise TransientError("cannot connect")


def test_a_damaged_router_registry_is_told(settings: Settings) -> None:
    assert laws.router_readable(settings).passed
    settings.models_dir.mkdir()
    index = settings.models_dir / "registry.json"
    index.write_text("{")
    assert str(index) in laws.router_readable(settings).summary
    index.write_text('{"versions": {"v1": {"stage": "training", "reason": ""}}}')
    assert "v1 has no manifest" in laws.router_readable(settings).summary
    index.unlink()
    (settings.models_dir / "v1").mkdir()
    (settings.models_dir / "v1" / "manifest.json").write_text("[]")
    assert not laws.router_readable(settings).passed


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b"soon", b"2026-01-01T00:00:00"])
def test_a_damaged_time_is_no_time(settings: Settings, text: bytes) -> None:
    (settings.home / record.LOOKED_NAME).write_bytes(text)
    assert not laws.fresh(settings, NOON).passed

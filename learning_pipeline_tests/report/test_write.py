"""The file: the same bytes for the same marts, whole or not at all."""

import os
import shutil
from pathlib import Path

import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.report import write
from learning_pipeline.report.write import page_path, write_page
from learning_pipeline.settings import Settings, load_settings


def test_the_same_marts_give_the_same_bytes_wherever_they_are(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(settings.home, tmp_path / "other place")
    here, there = write_page(settings), write_page(load_settings(tmp_path / "other place"))
    assert here.path.read_bytes() == there.path.read_bytes()


def test_a_page_that_would_be_the_same_is_not_written(settings: Settings) -> None:
    assert write_page(settings).changed
    before = page_path(settings).stat()
    report = write_page(settings)
    after = page_path(settings).stat()
    assert not report.changed
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_failed_write_leaves_the_old_page(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    page_path(settings).parent.mkdir()
    page_path(settings).write_text("old")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "replace", full)
    with pytest.raises(PipelineError, match="No space left"):
        write_page(settings)
    assert page_path(settings).read_text() == "old"
    assert os.listdir(page_path(settings).parent) == ["index.html"]


def test_a_directory_that_cannot_be_made_is_explained(settings: Settings) -> None:
    (settings.home / "reports").write_text("a file")
    with pytest.raises(PipelineError, match="cannot write"):
        write_page(settings)


def test_a_damaged_database_is_explained(settings: Settings) -> None:
    settings.marts_path.write_bytes(b"not a database, " * 1000)
    with pytest.raises(PipelineError, match="cannot read"):
        write_page(settings)


def test_a_damaged_evaluation_is_explained(settings: Settings) -> None:
    for path in settings.models_dir.glob("*/evaluation.parquet"):
        path.write_bytes(b"PAR1")
    with pytest.raises(PipelineError, match=r"evaluation\.parquet"):
        write_page(settings)


def test_marts_are_only_read(settings: Settings) -> None:
    before = settings.marts_path.read_bytes()
    write_page(settings)
    assert settings.marts_path.read_bytes() == before
    assert not list(settings.home.glob("*.wal"))

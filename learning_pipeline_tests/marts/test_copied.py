"""A copy that is made ahead is used only where it is what the file is now, and is never left behind."""

import os
from pathlib import Path

import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts import build as building
from learning_pipeline.marts import copied, database, patch
from learning_pipeline.marts.build import build
from learning_pipeline.marts.copied import Copy
from learning_pipeline.marts.digest import digests
from learning_pipeline.settings import Settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.marts.conftest import NOW


def test_it_is_the_file_byte_for_byte(tmp_path: Path) -> None:
    old, content = tmp_path / "old", os.urandom(3_000_001)
    old.write_bytes(content)
    copy = Copy(old, tmp_path / "new")
    assert copy.is_there()
    assert copy.path.read_bytes() == content


def test_it_does_not_count_where_the_file_became_another(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"before")
    copy = Copy(old, tmp_path / "new")
    assert copy.is_there()
    (tmp_path / "newer").write_bytes(b"after")
    (tmp_path / "newer").replace(old)
    assert not copy.is_there()


def test_it_does_not_count_where_there_is_no_file_or_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Copy(tmp_path / "none", tmp_path / "new").is_there()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    (tmp_path / "old").write_bytes(b"something")
    monkeypatch.setattr(copied, "copy", full)
    assert not Copy(tmp_path / "old", tmp_path / "new").is_there()


def test_a_build_begins_it_where_days_changed_and_copies_no_second_time(
    full: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []
    monkeypatch.setattr(patch, "_MOST_CHANGED", 10)  # the world is small: much of it changes
    monkeypatch.setattr(patch, "_MOST_WASTED", 1)
    monkeypatch.setattr(database, "Copy", lambda old, new: begun.append(new) or Copy(old, new))
    build(full, now=NOW)
    assert not begun  # there was nothing to copy
    build(full, now=NOW)
    assert not begun  # nothing changed
    fill_lake(full.home, feedback=[{"feedback_id": "new", "given_at": NOON, "rating": 5}])
    with monkeypatch.context() as once:
        once.setattr(database, "copy", lambda *_: pytest.fail("copied a second time"))
        assert build(full, now=NOW).changed
    assert len(begun) == 1
    assert {path.name for path in full.home.iterdir() if "duckdb" in path.name} == {"marts.duckdb"}


def test_a_build_that_fails_leaves_none_behind(full: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    build(full, now=NOW)
    before = digests(full.marts_path)
    fill_lake(full.home, feedback=[{"feedback_id": "new", "given_at": NOON, "rating": 5}])

    def broken(*_: object, **__: object) -> None:
        raise PipelineError("a roll-up breaks")

    with monkeypatch.context() as once:
        once.setattr(building, "build_from_sums", broken)
        with pytest.raises(PipelineError, match="a roll-up breaks"):
            build(full, now=NOW)
    assert {path.name for path in full.home.iterdir() if "duckdb" in path.name} == {"marts.duckdb"}
    assert digests(full.marts_path) == before

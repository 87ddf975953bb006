"""A lake that lost files or its state heals by itself; settings that become stricter are applied to all of it."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.land import has_changes
from learning_pipeline.settings import SourceSpec
from learning_pipeline_tests.homes import digests, land_all, read, settings_of
from learning_pipeline_tests.lake.test_laws import sessions, write
from learning_pipeline_tests.transcripts import Session


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "logs"
    write(tree, {f"p/{session.name}.jsonl": session.text() for session in sessions()})
    write(tree, {"p/bad.jsonl": b"nonsense\n"})
    return tree


@pytest.fixture
def home(tmp_path: Path, tree: Path) -> Path:
    land_all(tmp_path / "home", tree)
    return tmp_path / "home"


def is_waiting(home: Path, tree: Path) -> bool:
    return has_changes(settings_of(home), [SourceSpec(kind="claude_code", path=tree)])


def test_a_lost_state_is_made_again_from_the_lake(home: Path, tree: Path) -> None:
    before = digests(home)
    for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    assert is_waiting(home, tree)
    report = land_all(home, tree)
    assert digests(home) == before
    assert report.events == 0
    assert read(home, "quarantine").height == 1
    assert not is_waiting(home, tree)


def test_a_lost_lake_is_read_from_the_logs_again(home: Path, tree: Path) -> None:
    before = digests(home)
    shutil.rmtree(home / "lake")
    assert is_waiting(home, tree)
    land_all(home, tree)
    assert digests(home) == before
    assert read(home, "quarantine").height == 1


@pytest.mark.parametrize("logs_are_gone", [False, True])
def test_a_lost_partition_is_put_together_from_the_records(home: Path, tree: Path, logs_are_gone: bool) -> None:
    before = digests(home)
    lost = sorted((home / "lake" / "executions").glob("day=*/events.parquet"))[1]
    lost.unlink()
    if logs_are_gone:
        shutil.rmtree(tree)
        tree.mkdir()
    assert is_waiting(home, tree)
    report = land_all(home, tree)
    assert digests(home) == before
    assert [day.isoformat() for day in report.days] == [lost.parent.name[4:]]
    assert not is_waiting(home, tree)


def test_lost_records_are_read_from_the_logs_again_before_anything_is_built_on_the_rest(home: Path, tree: Path) -> None:
    before = digests(home)
    for path in (home / "lake" / "_records").glob("*/day=*/records.parquet"):
        path.unlink()
    late = Session("s0", start=sessions(1)[0].now)
    late.lines = sessions(1)[0].lines
    write(tree, {"p/s0.jsonl": late.text()})
    land_all(home, tree)
    assert digests(home) == before


def test_a_damaged_partition_is_named_and_can_be_deleted(home: Path, tree: Path) -> None:
    before = digests(home)
    path = sorted((home / "lake" / "executions").glob("day=*/events.parquet"))[0]
    path.write_bytes(b"x\n")
    (tree / "p" / "s0.jsonl").write_bytes(b"\n".join(sessions(1)[0].lines[:-1]) + b'\n{"type":"summary"}\n')
    extra = Session("s0", start=sessions(1)[0].now)
    extra.turn("more")
    extra.lines = [line.replace(b'"uuid":"s0-', b'"uuid":"more-') for line in extra.lines]
    write(tree, {"p/more.jsonl": extra.text()})
    with pytest.raises(PipelineError, match=r"events\.parquet is damaged") as error:
        land_all(home, tree)
    assert "\n" not in str(error.value)
    path.unlink()
    land_all(home, tree)
    (tree / "p" / "more.jsonl").unlink()
    assert before.keys() <= digests(home).keys()
    assert read(home, "executions").height == 13


def test_a_damaged_state_is_named_in_one_line(home: Path, tree: Path) -> None:
    path = home / "state.sqlite"
    for name in ("state.sqlite-wal", "state.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 30_000)
    with pytest.raises(PipelineError, match="move it away") as error:
        land_all(home, tree)
    assert "\n" not in str(error.value)


def test_a_time_zone_that_is_told_later_is_applied(tmp_path: Path) -> None:
    tree, home = tmp_path / "logs", tmp_path / "home"
    line = {"execution_id": "x", "agent_name": "a", "started_at": "2026-03-01T10:00:00", "duration_ms": 5}
    write(tree, {"a.jsonl": json.dumps(line).encode() + b"\n"})
    assert land_all(home, tree, kind="execution_log").quarantined == 1
    assert land_all(home, tree, kind="execution_log", naive_timezone="Europe/Berlin").events == 1
    assert [at.isoformat() for at in read(home, "executions")["started_at"]] == ["2026-03-01T09:00:00+00:00"]
    assert read(home, "quarantine")["resolved_at"].null_count() == 0


def test_hash_mode_takes_the_text_out_of_what_was_landed_before(home: Path, tree: Path) -> None:
    hashes = read(home, "executions")["task_hash"].to_list()
    land_all(home, tree, task_text="hash")
    executions = read(home, "executions")
    assert executions["task_text"].null_count() == executions.height
    assert executions["task_hash"].to_list() == hashes
    for path in (home / "lake").rglob("*.parquet"):
        frame = pl.read_parquet(path, hive_partitioning=False)
        assert "text" not in frame.columns or frame["text"].null_count() == frame.height

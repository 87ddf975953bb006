"""Lakes of several machines come together without counting anything twice."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.lake.combine import combine
from learning_pipeline.lake.ledger import ledger
from learning_pipeline_tests.homes import NOW, digests, land_all, read, settings_of
from learning_pipeline_tests.transcripts import Session

LATER = NOW + timedelta(days=1)


def sessions() -> list[Session]:
    found = []
    for number in range(4):
        session = Session(f"s{number}")
        session.prompt(f"task {number}")
        session.say(f"m{number}", stop="end_turn")
        found.append(session)
    return found


def write(tree: Path, numbers: list[int], extra: bytes = b"") -> Path:
    tree.mkdir()
    for number in numbers:
        (tree / f"{number}.jsonl").write_bytes(sessions()[number].text() + extra)
    return tree


def test_two_lakes_come_to_what_one_would_hold(tmp_path: Path) -> None:
    land_all(tmp_path / "a", write(tmp_path / "logs_a", [0, 1, 2]))
    land_all(tmp_path / "b", write(tmp_path / "logs_b", [1, 2, 3], extra=b"{broken\n"))
    both = tmp_path / "both"
    both.mkdir()
    for number in range(4):
        (both / f"{number}.jsonl").write_bytes(sessions()[number].text())
    land_all(tmp_path / "whole", both)
    settings = settings_of(tmp_path / "a")
    report = combine(settings, tmp_path / "b", now=LATER)
    assert report.lines == len(sessions()[3].lines) and report.rejects == 3
    for stream in ("executions", "llm_calls", "tool_calls"):
        got, wanted = (
            read(tmp_path / home, stream).drop("source_file", "source_line", "landed_at") for home in ("a", "whole")
        )
        assert got.equals(wanted)
    before = digests(tmp_path / "a")
    again = combine(settings, tmp_path / "b", now=LATER)
    assert (again.lines, again.rejects, again.days) == (0, 0, [])
    assert digests(tmp_path / "a") == before


def test_the_counts_of_the_other_home_are_kept_once(tmp_path: Path) -> None:
    land_all(tmp_path / "a", write(tmp_path / "logs_a", [0]))
    land_all(tmp_path / "b", write(tmp_path / "logs_b", [1]), now=LATER)
    settings = settings_of(tmp_path / "a")
    lines = sum(ledger(settings_of(tmp_path / home))["lines_read"].sum() for home in "ab")
    for _ in range(2):
        combine(settings, tmp_path / "b", now=LATER)
        assert ledger(settings)["lines_read"].sum() == lines
    # Back again: the home's own counts do not return to it.
    combine(settings_of(tmp_path / "b"), tmp_path / "a", now=LATER)
    combine(settings, tmp_path / "b", now=LATER)
    assert ledger(settings)["lines_read"].sum() == lines


def test_what_was_merged_in_stays_when_the_own_logs_grow(tmp_path: Path) -> None:
    logs = write(tmp_path / "logs_a", [0])
    land_all(tmp_path / "a", logs)
    land_all(tmp_path / "b", write(tmp_path / "logs_b", [1]), now=LATER)
    combine(settings_of(tmp_path / "a"), tmp_path / "b", now=LATER)
    (logs / "2.jsonl").write_bytes(sessions()[2].text())
    land_all(tmp_path / "a", logs, now=LATER)
    assert read(tmp_path / "a", "executions").height == 3


@pytest.mark.parametrize("name", ["a", "nothing"])
def test_a_directory_that_is_no_other_home_is_refused(tmp_path: Path, name: str) -> None:
    land_all(tmp_path / "a", write(tmp_path / "logs_a", [0]), now=NOW)
    with pytest.raises(UsageError):
        combine(settings_of(tmp_path / "a"), tmp_path / name, now=LATER)
    assert isinstance(read(tmp_path / "a", "executions"), pl.DataFrame)

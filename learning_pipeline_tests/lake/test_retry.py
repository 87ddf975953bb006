"""Rejects are driven again once the parser is mended; a file is read as what it is."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from learning_pipeline.lake.land import land
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.claude_code import records
from learning_pipeline_tests.homes import NOW, land_all, read, settings_of
from learning_pipeline_tests.transcripts import Session

LATER = NOW + timedelta(days=1)


def transcript() -> Session:
    session = Session()
    session.prompt()
    session.row("telepathy")
    session.say("m1", stop="end_turn")
    return session


def test_a_reject_is_resolved_when_the_parser_has_learned_to_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "s1.jsonl").write_bytes(transcript().text())
    (logs / "s2.jsonl").write_bytes(Session("s2").text() + b"{broken\n")
    assert land_all(home, logs).quarantined == 2
    monkeypatch.setitem(records.IGNORED_TYPES, "telepathy", "telepathy")
    specs = [SourceSpec(kind="claude_code", path=logs)]
    assert land(settings_of(home), specs, now=LATER).files_changed == 0
    report = land(settings_of(home), specs, now=LATER, retry=True)
    assert (report.files_changed, report.quarantined, report.events) == (2, 1, 0)
    rejects = read(home, "quarantine").sort("source_file")
    assert rejects["resolved_at"].to_list() == [LATER, None]
    assert land(settings_of(home), specs, now=LATER, retry=True).files_changed == 1


def test_rejects_whose_file_is_gone_stand(tmp_path: Path) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "s1.jsonl").write_bytes(transcript().text())
    land_all(home, logs)
    (logs / "s1.jsonl").unlink()
    land(settings_of(home), [SourceSpec(kind="claude_code", path=logs)], now=LATER, retry=True)
    assert read(home, "quarantine")["resolved_at"].to_list() == [None]
    assert read(home, "executions").height == 1


@pytest.mark.parametrize("label", ["gemini_cli", "execution_log", "otlp", "auto"])
def test_a_transcript_is_read_as_one_whatever_its_input_is_called(tmp_path: Path, label: str) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "session.json").write_bytes(transcript().text())
    land_all(tmp_path / "home", logs, kind=label)
    (tmp_path / "right").mkdir()
    (tmp_path / "right" / "session.jsonl").write_bytes(transcript().text())
    land_all(tmp_path / "named", tmp_path / "right")
    found, wanted = (read(tmp_path / home, "executions").drop("source_file", "landed_at") for home in ("home", "named"))
    assert found.equals(wanted)
    assert land_all(tmp_path / "home", logs, kind=label).files_changed == 0
    assert land_all(tmp_path / "home", logs, kind="hook_log").files_changed == 0


def test_a_file_that_becomes_another_kind_is_read_as_that(tmp_path: Path) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    log = logs / "log.jsonl"
    log.write_bytes(b"{broken\n")
    assert land_all(home, logs, kind="execution_log").quarantined == 1
    log.write_bytes(transcript().text())
    report = land_all(home, logs, kind="execution_log", now=LATER)
    assert list(report.sources) == ["claude_code"]
    gone = read(home, "quarantine").filter(pl.col("source") == "execution_log")
    assert gone["resolved_at"].to_list() == [LATER]


def test_what_no_kind_knows_is_named_with_the_reason_and_not_opened_again(tmp_path: Path) -> None:
    logs, home = tmp_path / "logs", tmp_path / "home"
    logs.mkdir()
    (logs / "broken.jsonl.gz").write_bytes(b"no gzip at all")
    (logs / "empty.jsonl").write_bytes(b"")
    (logs / "noise.bin").write_bytes(b"\0\1\2")
    (logs / "other.json").write_bytes(json.dumps({"weather": "fine"}).encode())
    (logs / "prose.txt").write_bytes(b"It was a dark night.\n")
    wanted = [
        f"{logs}/broken.jsonl.gz: compressed, and broken",
        f"{logs}/empty.jsonl: empty",
        f"{logs}/noise.bin: binary, and no table that is known",
        f"{logs}/other.json: JSON with weather: no log of a known form",
        f"{logs}/prose.txt: text, not a log of a known form",
    ]
    first = land_all(home, logs, kind="auto")
    assert sorted(first.unrecognised) == wanted and first.files_changed == 5
    second = land_all(home, logs, kind="auto")
    assert sorted(second.unrecognised) == wanted and second.files_changed == 0

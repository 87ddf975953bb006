"""What is read at the end of a refresh."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.assets.refresh import COUNTS, RefreshReport
from learning_pipeline.cli.summary import counted, landing_text, refresh_text, why_not
from learning_pipeline.settings import SourceSpec, load_settings


def text(home: Path, specs: list[SourceSpec], **fields: Any) -> str:
    settings = load_settings(home)
    return refresh_text(RefreshReport(settings.marts_path, seconds={"total": 1.0}, **fields), settings, specs)


def counts(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(COUNTS, 0), **changes}


def test_one_is_not_many() -> None:
    assert [counted(n, "day") for n in (0, 1, 2, 1000)] == ["0 days", "1 day", "2 days", "1,000 days"]
    landed = landing_text(counts(files_changed=1, lines_read=1, events=1), 1)
    assert "1 line of 1 file: 1 event line on 1 day," in landed


def test_suggestions_can_be_pasted(tmp_path: Path) -> None:
    home = tmp_path / "it's a home"
    quoted = "'" + str(home).replace("'", "'\"'\"'") + "'"
    assert f"--home {quoted}" in text(home, [])


@pytest.mark.parametrize("kind", ["claude_code", "auto"])
def test_an_input_without_a_file_is_told(tmp_path: Path, kind: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"no file that could be read in: {kind}={empty}" in text(tmp_path, [SourceSpec(kind=kind, path=empty)])


def test_lines_in_quarantine_are_told_with_where_to_look(tmp_path: Path) -> None:
    assert "2 lines are in quarantine: see query rejected" in text(tmp_path, [], counts=counts(quarantined=2))
    assert "1 line is in quarantine" in text(tmp_path, [], counts=counts(quarantined=1))
    assert "quarantine:" not in text(tmp_path, [])


def test_the_router_is_named_once(tmp_path: Path) -> None:
    reason = "the executions are those of version v1: too few"
    assert why_not("v1", reason) == "too few"
    said = text(tmp_path, [], router={"version": "v1", "promoted": False, "reason": reason})
    assert said.count("v1") == 1
    assert "router: v1 (not in production: too few)" in said
    assert "--router latest" in said
    assert "--router" not in text(tmp_path, [], router={"version": None, "promoted": False, "reason": "too few"})


def test_one_built_day_is_named_once(tmp_path: Path) -> None:
    assert "1 day, 2026-01-01\n" in text(tmp_path, [], days=[date(2026, 1, 1)])

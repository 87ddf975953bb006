"""`lake rejected`: each rejected line can be opened."""

import json
from pathlib import Path

from learning_pipeline_tests.cli.test_cli import here


def rejected(home: Path, *options: str) -> list[dict[str, object]]:
    done = here("lake", "rejected", "--home", str(home), "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_rejected_lines_are_listed_with_file_line_and_rule_until_they_are_mended(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log.jsonl"
    assert rejected(home) == []
    good = '{"execution_id": "1", "agent_name": "a", "started_at": "2026-03-01T10:00:00Z", "status": "success"}'
    log.write_text(f"{good}\nnot json\n")
    land = ("land", "--home", str(home), "--source", f"execution_log={log}")
    assert here(*land).returncode == 0
    (one,) = rejected(home)
    assert (one["source"], one["check"], one["source_file"], one["source_line"]) == (
        "execution_log",
        "json",
        str(log),
        2,
    )
    assert one["reason"]
    assert f"{log}" in here("lake", "rejected", "--home", str(home)).stdout
    log.write_text(good + "\n" + good.replace('"1"', '"2"') + "\n")
    assert here(*land).returncode == 0
    assert rejected(home) == []
    (mended,) = rejected(home, "--all")
    assert mended["source_line"] == 2
    assert mended["resolved_at"]

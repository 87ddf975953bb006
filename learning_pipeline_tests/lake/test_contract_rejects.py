"""A row that breaks its contract is in quarantine until its lines make a good row."""

import json
from datetime import timedelta
from pathlib import Path

from learning_pipeline_tests.homes import NOW, land_all, read


def write(tree: Path, name: str, *lines: dict[str, object]) -> None:
    tree.mkdir(exist_ok=True)
    (tree / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_completed_line_waits_for_the_agent_that_its_started_line_names(tmp_path: Path) -> None:
    tree, home = tmp_path / "logs", tmp_path / "home"
    write(
        tree, "b.jsonl", {"event": "completed", "execution_id": "x", "ended_at": "2026-03-01T10:00:09Z", "status": "ok"}
    )
    report = land_all(home, tree, kind="execution_log")
    assert (report.events, report.quarantined) == (0, 1)
    assert read(home, "executions").is_empty()
    (tree / "b.jsonl").touch()
    land_all(home, tree, kind="execution_log")
    assert read(home, "quarantine")["resolved_at"].to_list() == [None]
    started = {"event": "started", "execution_id": "x", "agent_name": "alpha", "started_at": "2026-03-01T10:00:00Z"}
    write(tree, "a.jsonl", started)
    land_all(home, tree, kind="execution_log", now=NOW + timedelta(days=1))
    row = read(home, "executions").row(0, named=True)
    assert (row["agent_name"], row["outcome"], row["duration_ms"]) == ("alpha", "success", 9000)
    assert read(home, "quarantine")["resolved_at"].to_list() == [NOW + timedelta(days=1)]


def test_an_absent_success_is_null_and_a_failure_has_an_error_type(tmp_path: Path) -> None:
    tree, home = tmp_path / "logs", tmp_path / "home"
    base = {"agent_name": "alpha", "started_at": "2026-03-01T10:00:00Z", "duration_ms": 5}
    write(
        tree,
        "a.jsonl",
        {**base, "execution_id": "absent"},
        {**base, "execution_id": "failed", "status": "failed"},
        {**base, "execution_id": "slow", "status": "failed", "error_message": "request timed out after 30 s"},
    )
    land_all(home, tree, kind="execution_log")
    rows = {row["execution_id"]: row for row in read(home, "executions").to_dicts()}
    assert (rows["absent"]["success"], rows["absent"]["outcome"], rows["absent"]["label_weight"]) == (
        None,
        "unknown",
        0.0,
    )
    assert (rows["failed"]["success"], rows["failed"]["error_type"]) == (False, "unknown")
    assert (rows["slow"]["success"], rows["slow"]["error_type"]) == (False, "timeout")

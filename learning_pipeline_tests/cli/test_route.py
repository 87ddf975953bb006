"""What `route` reads and shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from learning_pipeline.cli.route import answer_text, read_tasks, route
from learning_pipeline.errors import PipelineError, UsageError

GOOD = {"task_id": 1, "task_text": "a\u2028b", "context_tokens": 5, "candidates": ["x/y", {"model": "z"}]}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines), "utf-8")
    return path


def test_tasks_are_read_one_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", GOOD, "", json.dumps(GOOD, ensure_ascii=False))
    assert read_tasks(path) == [GOOD, GOOD]
    with pytest.raises(UsageError, match="none"):
        read_tasks(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        "null",
        "[" * 100_000,
        {},
        *({**GOOD, "task_text": text} for text in ("", " ", 1, None)),
        *({**GOOD, "context_tokens": tokens} for tokens in ("5", -1, True)),
        *({**GOOD, "candidates": given} for given in ("x", [1], [{}], [""])),
        {**GOOD, "task_type": 7},
        {**GOOD, "max_cost": 1},
        {**GOOD, "weight": {"cost": 1}},
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: object) -> None:
    path = write(tmp_path / "in.jsonl", GOOD, "", bad)
    with pytest.raises(PipelineError, match="line 3") as failure:
        read_tasks(path)
    assert str(path) in str(failure.value)
    assert not isinstance(failure.value, UsageError)


def test_fields_of_the_callers_own_are_let_be(tmp_path: Path) -> None:
    assert read_tasks(write(tmp_path / "in.jsonl", {**GOOD, "split": "test", "cost_usd": 3})) == [GOOD]


def test_the_answers_do_not_replace_the_tasks(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", GOOD)
    found = CliRunner().invoke(route, ["--home", str(tmp_path), "--batch", str(path), "--output", str(path)])
    assert isinstance(found.exception, UsageError)
    assert json.loads(path.read_text()) == GOOD


def test_a_home_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = CliRunner().invoke(route, ["--home", str(tmp_path / "typo"), "fix it"])
    assert found.exit_code == 0
    assert f"{tmp_path / 'typo'} does not exist" in found.stderr


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"task_text": "\xff"}')
    with pytest.raises(PipelineError, match="line 1"):
        read_tasks(path)


def test_the_answer_shows_utilities_and_the_nearest_tasks() -> None:
    candidate: dict[str, Any] = {
        **{"agent_name": "a", "model": "m", "success_probability": 0.5, "interval": [0.25, 0.75], "n": 4},
        **{"expected_cost_usd": None, "expected_duration_ms": 2000, "utility": 0.45},
    }
    near = [
        {"execution_id": f"e{n}", "similarity": 0.9 - n / 10, "agent_name": "a", "success": n != 1} for n in range(5)
    ]
    answer = {
        **{"task_id": None, "chosen": {"agent_name": "a", "model": "m"}, "abstained": False, "reason": "it is best"},
        **{"rung": "model", "router_version": "v1", "candidates": [candidate, {**candidate, "utility": None}]},
    }
    lines = answer_text({**answer, "nearest": near}).splitlines()
    assert lines[0] == "a on m"
    assert "utility 0.45" in lines[2]
    assert "utility unknown" in lines[3]
    assert lines[5:] == [
        "    e0: similarity 0.90, a succeeded",
        "    e1: similarity 0.80, a failed",
        "    e2: similarity 0.70, a succeeded",
    ]
    assert "nearest" not in answer_text({**answer, "nearest": []})

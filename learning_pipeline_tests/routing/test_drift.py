"""What has moved is seen; what has not is not."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.cli.main import root
from learning_pipeline.contracts.base import empty
from learning_pipeline.contracts.routing import MartRouterPrediction
from learning_pipeline.routing.drift import Signal, signals, stability, triggers
from learning_pipeline_tests.routing.world import TRUTH, rows, seen

NOTHING = empty(MartRouterPrediction)


def found(given_rows: list[dict[str, object]], until: int) -> dict[str, Signal]:
    experience = seen(given_rows)
    learned_until = experience["at"][until]
    return {one.subject: one for one in signals(experience, NOTHING, learned_until, experience["at"].max())}


def test_the_same_world_does_not_drift() -> None:
    quiet = found(rows(1000)[200:], 680)
    assert triggers(list(quiet.values())) == []
    assert quiet["prediction_less_outcome"].value is None


def test_a_world_that_turns_is_seen() -> None:
    worse = dict.fromkeys(TRUTH, 0.1)
    moved = found(rows(700) + rows(900, truth=worse)[700:], 699)
    assert moved["success_rate"].fires


def test_longer_texts_are_seen() -> None:
    long = [{**row, "task_text": f"{row['task_text']} " * 30} for row in rows(900)[700:]]
    assert found(rows(700) + long, 699)["characters"].fires


def test_few_rows_tell_nothing() -> None:
    quiet = found(rows(700), 690)
    assert quiet["characters"].value is None
    assert quiet["success_rate"].value is None


def test_age_counts_only_where_there_is_something_new() -> None:
    experience = seen(rows(100))
    last = experience["at"][99]
    for until, fires in ((last, False), (experience["at"][80], True)):
        kinds = {one.kind: one for one in signals(experience, NOTHING, until, last + timedelta(days=60))}
        assert kinds["age"].fires is fires


def test_calibration_of_answers() -> None:
    answered = pl.DataFrame({"success_probability": [0.9] * 200, "success": [True, False] * 100})
    answered = answered.with_columns(brier=(pl.col("success_probability") - pl.col("success").cast(pl.Float64)) ** 2)
    experience = seen(rows(10))
    kinds = {one.kind: one for one in signals(experience, answered, experience["at"][5], experience["at"][9])}
    assert kinds["calibration"].fires


@given(st.integers(0, 1000))
def test_the_index_of_equal_populations_is_near_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    older, newer = rng.normal(size=2000), rng.normal(size=2000)
    assert 0 <= stability(older, newer) < 0.05
    assert stability(older, newer + 1) > 0.25


def test_the_command_tells_drift_and_join_rate(tmp_path: Path) -> None:
    log = tmp_path / "runs.jsonl"
    given = rows(150)
    names = ("execution_id", "agent_name", "task_text", "success")
    lines = [
        {name: row[name] for name in names} | {name: row[name].isoformat() for name in ("started_at", "ended_at")}
        for row in given
    ]

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(root, [*arguments, "--home", str(tmp_path / "home")])
        assert result.exit_code == 0, result.output
        return result.stdout

    def refresh(part: list[dict[str, Any]]) -> None:
        log.write_text("".join(f"{json.dumps(line)}\n" for line in part))
        run("land", "--source", f"execution_log={log}")
        run("build")

    refresh(lines[:90])
    run("train")
    known, unknown = tmp_path / "known.jsonl", tmp_path / "answers.jsonl"
    asked = [{"task_id": line["execution_id"], "task_text": line["task_text"]} for line in lines[90:]]
    asked += [{"task_id": f"never run {number}", "task_text": "something else"} for number in range(20)]
    known.write_text("".join(f"{json.dumps(line)}\n" for line in asked))
    run("route", "--router", "latest", "--batch", str(known), "--output", str(unknown))
    refresh(lines)
    found = json.loads(run("models", "drift", "--json"))
    assert found["version"] == json.loads(run("models", "list", "--json"))["versions"][0]["version"]
    assert found["answers"] == 80
    assert found["join_rate"] == 60 / 80
    assert any(one.startswith("new_labels share_of_learned: 0.667") for one in found["triggers"])
    assert "75% of 80" in run("models", "drift")

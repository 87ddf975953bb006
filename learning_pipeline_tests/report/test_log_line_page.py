"""docs/from-number-to-log-line.md as it is written: its commands answer on the sample, and what it says adds up."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.lake.land import land
from learning_pipeline.lake.quarantine import unresolved
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake
from learning_pipeline.marts.build import build
from learning_pipeline.marts.query import run
from learning_pipeline.settings import Settings, SourceSpec, load_settings
from learning_pipeline_tests.factories import NOON

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "from-number-to-log-line.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
NOW = NOON.replace(month=11, year=2026)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(tmp_path_factory.mktemp("home"))
    land(settings, [SourceSpec(kind="auto", path=ROOT / "data" / "sample")], now=NOW)
    build(settings, now=NOW)
    return settings


def answers(settings: Settings) -> dict[str, list[list[tuple[Any, ...]]]]:
    """Return what the page's questions answer, in its order, by the first table that they name."""
    found: dict[str, list[list[tuple[Any, ...]]]] = {}
    for command in COMMANDS:
        if command.startswith("learning-pipeline query --sql "):
            sql = shlex.split(command)[-1]
            table = re.search(r"\bfrom (\w+)", sql)
            assert table is not None
            found.setdefault(table[1], []).append(run(settings, sql=sql).rows)
    return found


def test_every_command_answers(settings: Settings) -> None:
    assert len(COMMANDS) > 12
    for command in COMMANDS:
        if command.startswith("sed "):
            done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
            assert done.stdout.strip(), command
        elif command.startswith("learning-pipeline query --sql "):
            assert run(settings, sql=shlex.split(command)[-1]).rows, command
        else:
            assert command.startswith(("learning-pipeline refresh ", "learning-pipeline lake rejected")), command


def test_what_it_says_is_what_the_sample_has_and_adds_up(settings: Settings) -> None:
    found = answers(settings)
    (((_, executions, cost),),) = found["mart_agent_daily"]
    behind, labelled = found["fct_executions"]
    calls, of_day, of_model = found["fct_llm_calls"]
    assert sum(row[1] for row in behind) == cost
    assert f"One row: {executions} executions, {cost:.6f} USD" in PAGE
    assert executions == len(behind)
    assert sum(row[3] for row in calls) == behind[0][1]

    ((day,),), (tokens,) = found["mart_usage_daily"]
    assert sum(row[2] for row in of_day) == day
    assert f"{day:.5f} USD, and {len(of_day)} rows" in PAGE
    assert tokens == (sum(row[0] for row in of_model), sum(row[1] for row in of_model))
    assert f"{tokens[0]:,} and {tokens[1]:,}, of {len(of_model)} calls" in PAGE

    (((successes, n, _, newest),),) = found["mart_agent_leaderboard"]
    assert (sum(row[0] for row in labelled), len(labelled)) == (successes, n)
    assert f"{successes} of {n}, and the evidence" in PAGE
    assert newest.isoformat() == "2026-10-31"
    (((errors, results),),) = found["mart_tool_daily"]
    assert len(found["fct_tool_calls"][0]) == errors
    assert f"{errors} of {results}." in PAGE
    with State(settings.state_path) as state:
        assert f"{unresolved(Lake(settings.lake_dir, state)).height} lines, each" in PAGE

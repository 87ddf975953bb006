"""A source that is broken: the others are landed, built and published; it is told once, and once when it is well."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from learning_pipeline.assets import broken
from learning_pipeline.assets.health import CRITICAL, health, worst
from learning_pipeline.lake.report import LandReport
from learning_pipeline.marts import build
from learning_pipeline.settings import SourceSpec, load_settings
from learning_pipeline.watch.memory import advance
from learning_pipeline_tests.cli.test_cli import here, one_line_of
from learning_pipeline_tests.cli.test_health import write_log
from learning_pipeline_tests.factories import NOON, fill_lake


def test_it_is_told_once_and_recovers_once(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    build.build(settings, now=NOON)
    specs = [SourceSpec(kind="codex", path=tmp_path / "gone"), SourceSpec(kind="claude_code", path=tmp_path)]
    standings, told = {}, []
    for hour, why in enumerate([[], ["it is gone"], ["it is gone", "and more"], ["it is gone"], [], []]):
        broken.note(settings, specs, LandReport(broken={"codex": why} if why else {}))
        found = health(settings, NOON)
        states = {one.name: one.state for one in found}
        assert (states.get("source codex") == CRITICAL) == bool(why)
        assert worst(found) == CRITICAL or not why
        standings, changes = advance(standings, states, NOON + timedelta(hours=hour))
        told += [(change.name, change.state) for change in changes if change.name.startswith("source")]
    assert told == [("source codex", "critical"), ("source codex", "ok")]


def test_a_landing_of_other_sources_says_nothing_of_it(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    codex, auto = SourceSpec(kind="codex", path=tmp_path), SourceSpec(kind="auto", path=tmp_path)
    broken.note(settings, [codex], LandReport(broken={"codex": ["x"]}))
    broken.note(settings, [SourceSpec(kind="claude_code", path=tmp_path)], LandReport())
    assert broken.load(settings) == {"codex": ["x"]}
    broken.note(settings, [auto], LandReport(broken={"gemini_cli": ["y"] * 3 + ["z"]}))
    assert broken.load(settings) == {"gemini_cli": ["y", "z"]}
    (tmp_path / broken.NAME).write_text("[")
    assert broken.load(settings) == {}
    assert "and 2 more" in broken.summary(list("abcde"))


@pytest.mark.slow
def test_a_refresh_does_all_the_rest_and_its_exit_code_says_so(tmp_path: Path) -> None:
    home, logs, gone = tmp_path / "home", tmp_path / "logs", tmp_path / "gone"
    write_log(logs / "1.jsonl")
    home.mkdir()
    inputs = [("execution_log", logs), ("codex", gone), ("git_history", tmp_path / "nowhere")]
    tables = "".join(f'[[sources]]\nkind = "{kind}"\npath = "{path}"\n' for kind, path in inputs)
    (home / "learning_pipeline.toml").write_text(tables)
    wanted = f"source codex: {gone} does not exist (and 1 more like it); everything else was read"
    for _ in range(2):  # The second time nothing is new, and it is said again.
        done = here("refresh", "--json", "--home", str(home))
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last == f"learning-pipeline: {wanted}"
    told = json.loads(here("health", "--json", "--home", str(home)).stdout)
    assert {one["name"] for one in told["findings"] if one["state"] == "critical"} == {
        "source codex",
        "source git_history",
    }
    publishes = here(
        "query", "--home", str(home), "--format", "json", "--sql", "select count(*) as n from fct_executions"
    )
    assert json.loads(publishes.stdout) == [{"n": 120}]
    gone.mkdir()  # The other one is taken out of the configuration.
    (home / "learning_pipeline.toml").write_text(tables.partition('[[sources]]\nkind = "git_history"')[0])
    done = here("refresh", "--json", "--home", str(home))
    assert (done.returncode, done.stderr.count("does not exist")) == (0, 0)
    told = json.loads(here("health", "--json", "--home", str(home)).stdout)
    assert not [one["name"] for one in told["findings"] if one["name"].startswith("source ")]
    assert "there is nothing at" in one_line_of(
        here("land", "--home", str(home), "--source", f"codex={tmp_path / 'typo'}"), 2
    )

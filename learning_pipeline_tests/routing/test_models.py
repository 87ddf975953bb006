"""What a person decides about versions; what is written down of answers and joined later."""

import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from learning_pipeline.cli.main import root
from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import MartRouterPrediction
from learning_pipeline.errors import UsageError
from learning_pipeline.marts.router import evaluations, predictions, router_prediction
from learning_pipeline.routing import audit
from learning_pipeline.routing.registry import Registry
from learning_pipeline.routing.router import Router
from learning_pipeline.routing.train import train_on
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline.watch.audit import newest
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.routing.world import facts, rows, seen

BUG = "a crash with a stack trace, regression"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings(tmp_path_factory.mktemp("trained"))
    assert train_on(settings, seen(rows(900)), now=NOON).promoted
    train_on(settings, seen(rows(940)), now=NOON + timedelta(days=1))
    return settings.home


@pytest.fixture
def settings(trained: Path, tmp_path: Path) -> Settings:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return load_settings(tmp_path)


def stages(registry: Registry) -> list[str]:
    return [item.stage for item in registry.versions()]


def test_force_and_roll_back(settings: Settings) -> None:
    registry = Registry(settings.models_dir)
    first, second = registry.versions()
    assert stages(registry) == ["production", "staging"]
    registry.change(second.version, "production", "forced: a trial", now=NOON + timedelta(days=2))
    assert stages(registry) == ["retired", "production"]
    assert registry.rollback("it lost", now=NOON + timedelta(days=3)).version == first.version
    assert stages(registry) == ["production", "staging"]
    assert "it lost" in registry.versions()[0].reason
    latest = registry.latest()
    assert latest is not None and latest.version == second.version


def test_there_must_be_something_to_go_back_to(settings: Settings) -> None:
    with pytest.raises(UsageError, match="none was in production"):
        Registry(settings.models_dir).rollback("why not", now=NOON)


def test_on_hold_nothing_is_promoted(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    registry = Registry(settings.models_dir)
    registry.hold("an audit", now=NOON)
    report = train_on(settings, seen(rows(900)), now=NOON)
    assert not report.promoted
    assert "on hold: an audit" in report.reason
    registry.hold(None, now=NOON)
    assert train_on(settings, seen(rows(1200)), now=NOON + timedelta(days=1)).promoted


def test_the_newest_good_version_estimates_and_production_decides(settings: Settings) -> None:
    registry = Registry(settings.models_dir)
    first, second = registry.versions()
    answer = Router.load(settings.home).route(BUG)
    newest = Router.load(settings.home, "latest").route(BUG)
    assert (answer["router_version"], answer["estimates_version"]) == (first.version, second.version)
    assert answer["candidates"] == newest["candidates"]
    assert answer["chosen"] == Router.load(settings.home, first.version).route(BUG)["chosen"]


def test_weights_of_a_kind_of_task(settings: Settings) -> None:
    registry = Registry(settings.models_dir)
    plain = Router.load(settings.home).route(BUG, task_type="bug_fix")
    registry.weigh("bug_fix", {"time": 5.0})
    heavy = Router.load(settings.home).route(BUG, task_type="bug_fix")
    assert heavy["candidates"][0]["utility"] < plain["candidates"][0]["utility"] - 1
    registry.weigh("bug_fix", None)
    assert Router.load(settings.home).route(BUG, task_type="bug_fix") == plain


def test_commands(settings: Settings) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(root, ["models", *arguments, "--home", str(settings.home)])
        assert result.exit_code == 0, result.output
        return result.output

    second = Registry(settings.models_dir).versions()[1].version
    assert "production" in run("list")
    run("force", second, "--reason", "a trial")
    run("rollback", "--reason", "it lost")
    noted = [(one["event_type"], one["subject"], one["detail"]["reason"]) for one in newest(settings.home, 2)]
    assert noted[1] == ("promotion", second, "forced: a trial")
    assert noted[0][::2] == ("promotion", "rolled back: it lost")
    run("hold", "--reason", "an audit")
    run("weigh", "testing", "--cost", "0.4")
    assert "on hold: an audit" in run("list")
    assert '"testing": {"cost": 0.4}' in run("list", "--json")
    run("release")
    assert "on hold" not in run("list")


def test_answers_are_joined_with_what_came_of_them(settings: Settings) -> None:
    router = Router.load(settings.home)
    asked = [
        {"task_text": BUG, "task_type": "bug_fix", "task_id": "later"},
        {"task_text": "never run", "task_id": "none"},
    ]
    answers = router.route_batch(asked)
    for _ in range(2):  # an answer that is written twice is there once
        audit.write(settings.models_dir, asked, answers, NOON)
    chosen = answers[0]["chosen"]
    run = rows(1)[0] | {"execution_id": "later", "started_at": NOON + timedelta(hours=1), **chosen}
    table = router_prediction(predictions(settings.models_dir).lazy(), facts([run | {"ended_at": None}]))
    found = MartRouterPrediction.validate(conform(table, MartRouterPrediction).collect()).sort("task_id")
    assert found["is_joined"].to_list() == [True, False]
    assert found["is_followed"].to_list() == [True, None]
    expected = (answers[0]["candidates"][0]["success_probability"] - run["success"]) ** 2
    assert found["brier"][0] == pytest.approx(expected, abs=1e-6)
    assert BUG not in "".join(path.read_text() for path in settings.models_dir.glob("predictions/*.jsonl"))


def test_answers_are_joined_by_text_where_the_caller_gave_no_id(settings: Settings) -> None:
    import hashlib

    asked = [{"task_text": BUG}]
    answers = Router.load(settings.home).route_batch(asked)
    audit.write(settings.models_dir, asked, answers, NOON)
    digest = hashlib.sha256(BUG.encode()).hexdigest()
    times = {"before": NOON - timedelta(hours=1), "after": NOON + timedelta(hours=1)}
    runs = [
        rows(1)[0]
        | {"execution_id": name, "task_hash": digest, "started_at": at, "ended_at": None, "agent_name": "other"}
        for name, at in times.items()
    ]
    table = router_prediction(predictions(settings.models_dir).lazy(), facts(runs))
    row = conform(table, MartRouterPrediction).collect().row(0, named=True)
    assert (row["execution_id"], row["is_followed"], row["brier"]) == ("after", False, None)


def test_a_half_written_line_waits(settings: Settings) -> None:
    asked = [{"task_text": BUG}]
    path = audit.write(settings.models_dir, asked, Router.load(settings.home).route_batch(asked), NOON)
    whole = path.read_text()
    path.write_text(whole + whole[: len(whole) // 2])
    assert predictions(settings.models_dir).height == 1


def test_evaluations_of_all_versions(settings: Settings) -> None:
    found = evaluations(settings.models_dir)
    assert found["router_version"].n_unique() == 2
    policies = set(found.filter(pl.col("subject_kind") == "policy")["subject"])
    assert policies >= {"random", "cheapest", "largest", "best_single", "rules", "four_parts", "oracle", "router"}


def test_nothing_was_ever_trained(tmp_path: Path) -> None:
    assert evaluations(tmp_path).is_empty()
    table = router_prediction(predictions(tmp_path).lazy(), facts([]).select(pl.all()))
    assert conform(table, MartRouterPrediction).collect().is_empty()
    assert set(FctExecutions.to_schema().columns) >= {"execution_id", "correlation_id"}

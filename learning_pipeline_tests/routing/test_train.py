"""What is trained, written, promoted; and what is not."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from learning_pipeline.contracts.routing import MartRouterEvaluation
from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.marts.build import build
from learning_pipeline.marts.reader import read
from learning_pipeline.routing.labels import experience
from learning_pipeline.routing.recommendations import evaluations
from learning_pipeline.routing.registry import Registry, current, digest, versions
from learning_pipeline.routing.router import Router
from learning_pipeline.routing.train import TrainReport, corpus, recent, train_on
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.routing.world import TRUTH, rows, seen, shuffled


def train(home: Path, given: list[dict[str, Any]], **overrides: Any) -> tuple[Settings, TrainReport]:
    settings = load_settings(home, **overrides)
    return settings, train_on(settings, seen(given), now=NOON)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, TrainReport]:
    return train(tmp_path_factory.mktemp("trained"), rows(1200))


def test_ample_evidence_is_promoted_with_a_card(trained: tuple[Settings, TrainReport]) -> None:
    settings, report = trained
    assert report.promoted, report.reason
    assert report.trained
    assert report.metrics["router.log_loss"] < report.metrics["base_rate.log_loss"]
    item = current(settings)
    assert item is not None
    assert item.version == report.version
    card = (item.path / "model_card.md").read_text()
    assert "## Reliability" in card
    assert (item.path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert item.manifest["labelled"] == 1200
    assert "## Learning curve" in card
    assert (item.path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert item.manifest["features"]["hour"] == {"version": 1, "lineage": "fct_executions.started_at"}
    learned = evaluations(settings).filter(pl.col("subject").is_in(["router_quarter", "router_half", "router_whole"]))
    assert learned.height == 3
    assert learned.filter(subject="router_whole")["value"][0] == report.metrics["router.log_loss"]


def test_only_the_newest_are_learned_from(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    # The days before and after a tenth, of a day and of a month: in the order of time, not of their digits.
    days = [date(2026, 2, 9), date(2026, 2, 10), date(2026, 9, 30), date(2026, 10, 1)]
    begun = [datetime.combine(days[n // 3], NOON.timetz()) + timedelta(minutes=n) for n in range(12)]
    told = [{"execution_id": f"e{n}", "started_at": at, "ended_at": at} for n, at in enumerate(begun)]
    fill_lake(tmp_path, executions=told)
    build(settings, now=NOON + timedelta(days=300))
    every = experience(read(settings, "fct_executions"))
    assert recent(settings).equals(every)
    for most in (10, 9, 7, 4, 3, 1):
        assert recent(settings.model_copy(update={"router_max_executions": most})).equals(every.tail(most))


def test_the_embedding_is_of_texts_that_stay_for_a_quarter(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, router_max_executions=100)

    def on(*days: date) -> list[str | None] | None:
        for day in days:
            at = datetime.combine(day, NOON.timetz())
            times = {"started_at": at, "ended_at": at, "day": day}
            told = [{"execution_id": f"{day}-{n:02}", "task_text": f"text {n} of {day}", **times} for n in range(50)]
            fill_lake(tmp_path, executions=told)
        build(settings, now=NOON + timedelta(days=99))
        return corpus(settings)

    def texts(*days: date) -> list[str]:
        return [f"text {n} of {day}" for day in days for n in range(50)]

    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert on(first, second) is None  # all of it is learned from
    assert on(date(2026, 3, 3)) == texts(first, second)
    assert on(date(2026, 3, 4), date(2026, 4, 2)) == texts(first, second)
    assert on(date(2026, 4, 3), date(2026, 4, 5)) == texts(date(2026, 4, 2), date(2026, 4, 3))


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    given = [
        {
            **row,
            "outcome": "unknown",
            "success": None,
            "outcome_source": "none",
            "label_weight": 0.0,
            "error_type": None,
        }
        for row in rows(50)
    ]
    settings, report = train(tmp_path, given)
    assert (report.version, report.trained, report.promoted) == (None, False, False)
    assert "nothing to learn from" in report.reason
    assert not settings.models_dir.exists()
    assert train_on(settings, seen([])[:0], now=NOON).version is None


def test_same_data_same_version_and_nothing_written(tmp_path: Path) -> None:
    settings, first = train(tmp_path / "one", rows(200))
    _, other = train(tmp_path / "two", list(reversed(rows(200))))
    assert first.version == other.version
    before = {path: path.stat().st_mtime_ns for path in settings.models_dir.rglob("*")}
    again = train_on(settings, seen(rows(200)), now=NOON + timedelta(days=1))
    assert not again.trained
    assert again.version == first.version
    assert {path: path.stat().st_mtime_ns for path in settings.models_dir.rglob("*")} == before
    first_files, other_files = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "models" / str(first.version)).iterdir()}
        for name in ("one", "two")
    )
    assert first_files == other_files


def test_who_decides_is_replaced_only_by_what_is_surely_better(tmp_path: Path) -> None:
    settings, first = train(tmp_path, rows(900))
    assert first.promoted
    before = digest(settings)
    more = train_on(settings, seen(rows(1000)), now=NOON + timedelta(days=1))
    assert not more.promoted
    assert "version in production" in more.reason
    other_way = {(agent, kind): TRUTH[agent, "testing" if kind == "bug_fix" else "bug_fix"] for agent, kind in TRUTH}
    turned = train_on(settings, seen(rows(900) + rows(3400, truth=other_way)[900:]), now=NOON + timedelta(days=2))
    assert turned.promoted, turned.reason
    stages = {item.version: item.stage for item in versions(settings)}
    assert stages == {first.version: "retired", more.version: "staging", turned.version: "production"}
    assert digest(settings) != before
    back = train_on(settings, seen(rows(900)), now=NOON + timedelta(days=3))
    assert not back.trained
    latest = current(settings, "latest")
    assert latest is not None
    assert latest.version == first.version


def test_five_examples_are_not_enough(tmp_path: Path) -> None:
    settings, report = train(tmp_path, rows(5))
    assert report.trained
    assert not report.promoted
    for which in ("production", "latest"):
        answer = Router.load(settings.home, which).route("a crash with a stack trace", task_type="bug_fix")
        assert answer["abstained"]
        assert answer["chosen"] is None
        assert answer["reason"]


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_outcomes_are_not_promoted(tmp_path: Path, seed: int) -> None:
    _, report = train(tmp_path, shuffled(rows(300, seed=seed), seed))
    assert not report.promoted, report.reason


def test_without_task_text_the_statistics_still_learn(tmp_path: Path) -> None:
    settings, report = train(tmp_path, [{**row, "task_text": None} for row in rows(600)])
    assert report.promoted, report.reason
    answer = Router.load(settings.home).route("anything", task_type="bug_fix")
    assert answer["rung"] == "statistics"
    assert answer["chosen"] == {"agent_name": "alpha", "model": "claude-sonnet-4-5"}
    assert answer["nearest"] == []


def test_several_candidates_on_one_task_are_compared_directly(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    given = []
    for number, row in enumerate(rows(1000)):
        for agent in ("alpha", "beta"):
            won = bool(rng.random() < TRUTH[agent, row["task_type"]])
            given.append(
                {
                    **row,
                    "execution_id": f"{number}-{agent}",
                    "agent_name": agent,
                    "outcome": "success" if won else "failure",
                    "success": won,
                    "error_type": None if won else "tool",
                }
            )
    settings, report = train(tmp_path, given)
    assert report.promoted, report.reason
    measures = evaluations(settings).filter(pl.col("subject").is_in(["best_single", "oracle"]))
    assert set(measures.filter(metric="success_rate")["basis"]) == {"full"}
    assert report.metrics["oracle.success_rate"] >= report.metrics["router.success_rate"]
    assert report.metrics["router.success_rate"] > report.metrics["random.success_rate"]


def test_evaluation_meets_its_contract(trained: tuple[Settings, TrainReport]) -> None:
    frame = MartRouterEvaluation.validate(evaluations(trained[0]))
    assert frame.filter(subject="router", metric="success_rate", basis="matched").height == 1
    oracle = frame.filter(subject="oracle", metric="success_rate").row(0, named=True)
    assert oracle["value"] is None
    assert not frame.select("router_version", "subject_kind", "subject", "metric").is_duplicated().any()


def test_interrupted_between_writing_and_promoting(tmp_path: Path) -> None:
    settings, report = train(tmp_path, rows(900))
    (settings.models_dir / "registry.json").unlink()
    again = train_on(settings, seen(rows(900)), now=NOON)
    assert not again.trained
    assert again.promoted
    assert (settings.models_dir / "registry.json").exists()
    assert again.version == report.version


def copy_of(trained: tuple[Settings, TrainReport], home: Path) -> tuple[Registry, Path]:
    source = trained[0].models_dir
    for path in source.rglob("*"):
        if path.is_file():
            target = home / "models" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return Registry(home / "models"), home / "models" / str(trained[1].version)


@pytest.mark.parametrize("name", ["arrays.npz", "model.json", "manifest.json", "../registry.json"])
@pytest.mark.parametrize("damage", [b"", b"{}x", b"\x00\xff" * 40])
def test_damage_is_explained(trained: tuple[Settings, TrainReport], tmp_path: Path, name: str, damage: bytes) -> None:
    _, directory = copy_of(trained, tmp_path)
    (directory / name).write_bytes(damage)
    with pytest.raises(PipelineError, match=Path(name).name):
        Router.load(tmp_path)


@pytest.mark.parametrize("name", ["arrays.npz", "model.json"])
def test_a_missing_file_is_explained(trained: tuple[Settings, TrainReport], tmp_path: Path, name: str) -> None:
    _, directory = copy_of(trained, tmp_path)
    (directory / name).unlink()
    with pytest.raises(PipelineError, match=name):
        Router.load(tmp_path)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("bomb-went-off"),))


def test_loading_runs_no_code(
    trained: tuple[Settings, TrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with the hashes forged, an array of objects is refused."""
    import hashlib

    monkeypatch.chdir(tmp_path)
    _, directory = copy_of(trained, tmp_path)
    with np.load(directory / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["task_performer"] = np.array([Bomb()], dtype=object)
    np.savez(directory / "arrays.npz", allow_pickle=True, **arrays)
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"]["arrays.npz"] = hashlib.sha256((directory / "arrays.npz").read_bytes()).hexdigest()
    (directory / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PipelineError, match=r"arrays\.npz cannot be read"):
        Router.load(tmp_path)
    assert not (tmp_path / "bomb-went-off").exists()


def test_an_unknown_version_is_wrong_usage(trained: tuple[Settings, TrainReport]) -> None:
    with pytest.raises(UsageError, match="no router 'nonsense'"):
        Router.load(trained[0].home, "nonsense")


def test_old_arrays_are_removed_and_production_stays(tmp_path: Path) -> None:
    settings, first = train(tmp_path, rows(900))
    for number in range(6):
        train_on(settings, seen(rows(30 + number)), now=NOON + timedelta(days=number + 1))
    assert Router.load(tmp_path).version == first.version
    assert len(list(settings.models_dir.glob("*/arrays.npz"))) == 6
    assert len(versions(settings)) == 7

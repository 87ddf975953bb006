"""The router answers every task, says from which rung, and does not guess."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_pipeline.errors import UsageError
from learning_pipeline.routing.router import Router
from learning_pipeline.routing.train import train_on
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.routing.world import TRUTH, rows, seen, task_text

FIELDS = ["task_id", "chosen", "abstained", "reason", "rung", "router_version"]
FIELDS += ["estimates_version", "candidates", "nearest", "contributions", "propensity", "explored"]
CANDIDATE_FIELDS = [
    "agent_name",
    "model",
    "success_probability",
    "interval",
    "n",
    "expected_cost_usd",
    "expected_duration_ms",
    "utility",
    "pareto",
    "eligible",
]
BEST = {"bug_fix": "alpha", "testing": "beta"}


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    settings = load_settings(tmp_path_factory.mktemp("router"))
    report = train_on(settings, seen(rows(1500)), now=NOON)
    assert report.promoted, report.reason
    return Router.load(settings.home)


@pytest.fixture(scope="module")
def untyped(tmp_path_factory: pytest.TempPathFactory) -> Router:
    settings = load_settings(tmp_path_factory.mktemp("untyped"))
    train_on(settings, seen([{**row, "task_type": None} for row in rows(1500)]), now=NOON)
    return Router.load(settings.home, "latest")


def asked(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(99)
    kinds = [sorted(BEST)[number % 2] for number in range(n)]
    return [
        {"task_id": str(number), "task_text": task_text(rng, kind, 5000 + number), "task_type": kind}
        for number, kind in enumerate(kinds)
    ]


def test_the_best_is_chosen_where_evidence_is_ample(router: Router) -> None:
    answers = router.route_batch(asked(200))
    decided = [(item, answer) for item, answer in zip(asked(200), answers, strict=True) if not answer["abstained"]]
    right = [answer["chosen"]["agent_name"] == BEST[item["task_type"]] for item, answer in decided]
    assert len(decided) > 180
    assert np.mean(right) >= 0.95


def test_the_text_alone_tells_the_kind_of_task(untyped: Router) -> None:
    questions = asked(200)
    answers = untyped.route_batch([{**item, "task_type": None} for item in questions])
    decided = [(item, answer) for item, answer in zip(questions, answers, strict=True) if not answer["abstained"]]
    right = [answer["chosen"]["agent_name"] == BEST[item["task_type"]] for item, answer in decided]
    assert len(decided) > 100
    assert np.mean(right) >= 0.95
    assert {answer["rung"] for _, answer in decided} == {"model"}


def test_answers_have_the_fixed_fields_and_are_json(router: Router) -> None:
    answer = router.route("a crash", task_id="7", task_type="bug_fix", repository="shop", context_tokens=100)
    assert list(answer) == FIELDS
    assert answer["task_id"] == "7"
    assert answer["router_version"] == router.version
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert len(answer["candidates"]) == 3
    for candidate in answer["candidates"]:
        assert list(candidate) == CANDIDATE_FIELDS
        low, high = candidate["interval"]
        assert 0 <= low <= candidate["success_probability"] <= high <= 1
        assert candidate["n"] > 0
        assert candidate["expected_cost_usd"] is None
    utilities = [candidate["utility"] for candidate in answer["candidates"]]
    assert utilities == sorted(utilities, reverse=True)
    for near in answer["nearest"]:
        assert list(near) == ["execution_id", "similarity", "agent_name", "success"]
        assert 0 < near["similarity"] <= 1


def test_a_known_task_is_its_own_nearest(router: Router) -> None:
    row = rows(1500)[700]
    nearest = router.route(row["task_text"])["nearest"][0]
    assert nearest["execution_id"] == row["execution_id"]
    assert nearest["success"] is row["success"]


def test_one_by_one_or_in_a_batch_is_the_same(router: Router) -> None:
    batch = router.route_batch(asked(40))
    alone = [router.route(item.pop("task_text"), **item) for item in asked(40)]
    for first, second in zip(batch, alone, strict=True):
        assert first["chosen"] == second["chosen"]
        for one, other in zip(first["candidates"], second["candidates"], strict=True):
            assert one["success_probability"] == pytest.approx(other["success_probability"], abs=2e-6)


def test_one_candidate_is_explicit(router: Router) -> None:
    answer = router.route("a crash", candidates=[{"agent_name": "gamma", "model": None}])
    assert (answer["rung"], answer["chosen"]["agent_name"], answer["abstained"]) == ("explicit", "gamma", False)
    assert answer["candidates"][0]["n"] > 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["alpha", "beta"], {"alpha", "beta"}),
        ([{"agent_name": "alpha"}, {"agent_name": "gamma"}], {"alpha", "gamma"}),
        ([{"model": "claude-sonnet-4-5"}], {"alpha", "beta"}),
        (["claude-sonnet-4-5"], {"alpha", "beta"}),
        (["alpha/claude-sonnet-4-5", "beta"], {"alpha", "beta"}),
    ],
)
def test_only_the_given_candidates_are_chosen_from(router: Router, given: list[Any], expected: set[str]) -> None:
    answers = router.route_batch([{**item, "candidates": given} for item in asked(20)])
    for answer in answers:
        assert {candidate["agent_name"] for candidate in answer["candidates"]} == expected
        assert answer["chosen"] is None or answer["chosen"]["agent_name"] in expected


def test_an_unknown_candidate_is_unknown(router: Router) -> None:
    answer = router.route("a crash", task_type="bug_fix", candidates=["newcomer", "stranger"])
    assert answer["abstained"]
    assert answer["chosen"] is None
    for candidate in answer["candidates"]:
        assert candidate["success_probability"] is None
        assert candidate["interval"] is None
        assert candidate["n"] == 0


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("truth", [TRUTH, dict.fromkeys(TRUTH, 0.6)])
def test_five_examples_of_each_are_not_guessed_from(
    tmp_path: Path, truth: dict[tuple[str, str], float], seed: int
) -> None:
    settings = load_settings(tmp_path)
    train_on(settings, seen(rows(30, truth=truth, seed=seed)), now=NOON)
    answers = Router.load(tmp_path, "latest").route_batch(asked(10))
    assert all(answer["abstained"] for answer in answers)
    assert all("told apart" in answer["reason"] or "labelled executions" in answer["reason"] for answer in answers)


def test_a_candidate_that_was_hardly_tried_is_neither_chosen_nor_in_the_way(tmp_path: Path) -> None:
    lucky = [{**row, "agent_name": "newcomer", "outcome": "success", "success": True} for row in rows(4, seed=5)]
    lucky = [{**row, "execution_id": f"new-{number}", "error_type": None} for number, row in enumerate(lucky)]
    settings = load_settings(tmp_path)
    train_on(settings, seen(rows(1500) + lucky), now=NOON)
    answers = Router.load(tmp_path, "latest").route_batch(asked(20))
    chosen = {answer["chosen"]["agent_name"] for answer in answers if answer["chosen"]}
    assert chosen == {"alpha", "beta"}


def test_one_candidate_in_all_logs_is_chosen_with_enough_evidence(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    train_on(settings, seen([row for row in rows(300) if row["agent_name"] == "alpha"]), now=NOON)
    answer = Router.load(tmp_path, "latest").route("a crash", task_type="bug_fix")
    assert answer["chosen"]["agent_name"] == "alpha"


def test_without_any_version_the_lower_rungs_answer(tmp_path: Path) -> None:
    router = Router.load(tmp_path)
    assert router.version is None
    answer = router.route("fix a typo in the readme")
    assert (answer["rung"], answer["chosen"], answer["abstained"]) == ("default", None, True)
    models = [{"agent_name": "a", "model": "claude-haiku-4-5"}, {"agent_name": "a", "model": "claude-opus-4-5"}]
    small = router.route("fix a typo in the readme", candidates=models)
    large = router.route("redesign the distributed architecture", candidates=models)
    assert (small["rung"], small["chosen"]["model"]) == ("rules", "claude-haiku-4-5")
    assert (large["rung"], large["chosen"]["model"]) == ("rules", "claude-opus-4-5")
    assert router.route("x", candidates=["only"])["rung"] == "explicit"
    assert router.route(None)["abstained"]
    with pytest.raises(UsageError):
        router.embed(["x"])


@pytest.mark.parametrize("text", ["", None, "🙂", "x" * 50_000, "日本語"])
def test_any_text_is_answered(router: Router, text: str | None) -> None:
    assert list(router.route(text)) == FIELDS


@pytest.mark.parametrize(
    "item",
    [
        {"task_text": 5},
        {"task_text": "x", "candidates": "alpha"},
        {"task_text": "x", "candidates": [3]},
        {"task_text": "x", "candidates": [{}]},
        {"task_text": "x", "candidates": [{"agent_name": 3}]},
    ],
)
def test_wrong_requests_are_named(router: Router, item: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="request 2"):
        router.route_batch([{"task_text": "fine"}, item])


def test_embedding_of_the_router(router: Router) -> None:
    vectors = router.embed(["a crash", None])
    assert vectors.shape == (2, 512)
    assert vectors.dtype == np.float32
    assert not vectors[1].any()

"""Budgets, floors, the Pareto front and chance in choosing."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.errors import UsageError
from learning_pipeline.routing.decision import MOST_GIVEN, hardly_worse
from learning_pipeline.routing.embedding import fit
from learning_pipeline.routing.exploration import explore
from learning_pipeline.routing.learn import build
from learning_pipeline.routing.model import Model, Parameters
from learning_pipeline.routing.router import Router
from learning_pipeline_tests.routing.world import TRUTH, rows, seen

COSTS = {"alpha": Decimal(4), "beta": Decimal(1), "gamma": Decimal("0.1")}


@pytest.fixture(scope="module")
def model() -> Model:
    given_rows = [{**row, "reported_cost_usd": COSTS[row["agent_name"]]} for row in rows(1500)]
    return build(seen(given_rows), fit([], seed=1), Parameters(cost_weight=0.0, time_weight=0.0))


@pytest.fixture(scope="module")
def router(model: Model) -> Router:
    return Router(model, "test")


def test_a_budget_leaves_out_who_costs_more(router: Router) -> None:
    free, tight = router.route("x", task_type="bug_fix"), router.route("x", task_type="bug_fix", max_cost_usd=2)
    assert free["chosen"]["agent_name"] == "alpha"
    assert tight["chosen"]["agent_name"] == "beta"
    nobody = router.route("x", task_type="bug_fix", max_cost_usd=0.01)
    assert nobody["abstained"]
    assert nobody["reason"] == "no candidate is expected to cost 0.01 USD at most"


def test_a_floor_of_success(router: Router) -> None:
    assert router.route("x", task_type="bug_fix", min_success=0.8)["chosen"]["agent_name"] == "alpha"
    nobody = router.route("x", task_type="bug_fix", min_success=0.99)
    assert nobody["reason"] == "no candidate is expected to succeed in 0.99 or more"


@pytest.mark.parametrize("limit", [{"max_cost_usd": 0.01}, {"min_success": 0.99}])
def test_limits_hold_for_the_one_that_was_given(router: Router, limit: dict[str, float]) -> None:
    within = router.route("x", task_type="bug_fix", candidates=["alpha"], max_cost_usd=9, min_success=0.1)
    assert (within["rung"], within["chosen"]["agent_name"]) == ("explicit", "alpha")
    for given_one in ("alpha", "stranger"):
        beyond = router.route_batch([{"task_text": "x", "candidates": [given_one], **limit}])[0]
        assert (beyond["rung"], beyond["chosen"], beyond["abstained"]) == ("explicit", None, True)
        assert beyond["reason"].startswith("no log tells of stranger" if given_one == "stranger" else "no candidate is")
        without = Router(None, None).route_batch([{"task_text": "x", "candidates": [given_one], **limit}])[0]
        assert without["abstained"]


def test_the_closest_is_whose_utility_comes_next_of_those_who_may_be_chosen(model: Model) -> None:
    """By a weight of .1, alpha (0.9 for 4 USD), beta (0.5 for 1) and gamma (0.3 for 0.1) come in this order."""
    answer = Router(model, "test").route("x", task_type="bug_fix", weights={"cost": 0.1})
    names = [item["agent_name"] for item in answer["candidates"] if item["eligible"]]
    assert names == ["alpha", "beta", "gamma"]
    assert "closest beta" in answer["reason"]


def test_nobody_and_unknown_names_are_told_as_that(router: Router) -> None:
    assert router.route("x", candidates=[])["reason"] == "the list of candidates is empty"
    assert router.route("x", candidates=["Alpha", "ALPHA"])["reason"] == "no log tells of Alpha, ALPHA"
    assert router.route("x", candidates=["Alpha"])["reason"] == "one candidate was given; no log tells of it"


def test_who_was_hardly_tried_is_told_to_be_left_out() -> None:
    same = {"agent_name": "newcomer", "model": None, "model_tier": None}
    few = [{**row, **same, "execution_id": f"new-{number}"} for number, row in enumerate(rows(3))]
    known = build(seen(rows(1500) + few), fit([], seed=1), Parameters(cost_weight=0.0, time_weight=0.0))
    reason = Router(known, "test").route("x", task_type="bug_fix")["reason"]
    assert "left out: 1 with fewer than 10 labels" in reason


def test_where_too_little_is_known_chance_may_choose_too() -> None:
    thin = build(seen(rows(30, truth=dict.fromkeys(TRUTH, 0.6))), fit([], seed=1), Parameters())
    asked = [{"task_text": "x", "task_type": "bug_fix"}] * 200
    answers = Router(thin, "test").route_batch(asked, exploration=0.3)
    drawn = [answer for answer in answers if answer["explored"]]
    assert 30 < len(drawn) < 90
    assert {answer["chosen"]["agent_name"] for answer in drawn} == {"alpha", "beta", "gamma"}
    assert {answer["propensity"] for answer in drawn} == {0.1}
    for answer in answers:
        assert answer["abstained"] == (answer["chosen"] is None)
        assert answer["explored"] or (answer["abstained"] and answer["propensity"] is None)
    limited = [{**task, "max_cost_usd": 1} for task in asked]  # no cost is known
    assert not any(answer["explored"] for answer in Router(thin, "test").route_batch(limited, exploration=1.0))


def test_who_may_be_chosen_is_marked(router: Router) -> None:
    answer = router.route("x", task_type="bug_fix", max_cost_usd=2, candidates=["alpha", "beta", "gamma", "stranger"])
    marks = {item["agent_name"]: item["eligible"] for item in answer["candidates"]}
    assert marks == {"alpha": False, "beta": True, "gamma": False, "stranger": None}


def test_a_budget_that_only_little_tried_candidates_keep_is_told_as_that(model: Model) -> None:
    needs = Router(replace(model, parameters=replace(model.parameters, min_evidence=1_200)), "test")
    told = needs.route("x", task_type="bug_fix", max_cost_usd=2)["reason"]
    assert told.startswith("of those within the limits that were asked for, no candidate has")


def test_weights_decide_between_success_and_cost(router: Router) -> None:
    dear = router.route("x", task_type="bug_fix", weights={"cost": 0.0})
    cheap = router.route("x", task_type="bug_fix", weights={"cost": 3.0})
    assert dear["chosen"]["agent_name"] == "alpha"
    assert cheap["chosen"]["agent_name"] == "gamma"


def test_a_learned_price_buys_no_candidate_that_is_much_worse(model: Model) -> None:
    """Of 0.9, 0.5 and 0.3, a cost weight that would take the cheapest takes the best; a caller's own weight does."""
    priced = Router(replace(model, parameters=replace(model.parameters, cost_weight=3.0)), "test")
    assert priced.route("x", task_type="bug_fix")["chosen"]["agent_name"] == "alpha"
    assert priced.route("x", task_type="bug_fix", weights={"cost": 3.0})["chosen"]["agent_name"] == "gamma"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 2**6 - 1))
def test_hardly_worse_is_within_five_points_of_the_best_allowed(rates: list[float], mask: int) -> None:
    allowed = np.array([[bool(mask >> i & 1) for i in range(len(rates))]])
    found = hardly_worse(np.array([rates]), allowed)[0]
    best = max((rate for rate, may in zip(rates, allowed[0], strict=True) if may), default=None)
    for rate, may, taken in zip(rates, allowed[0], found, strict=True):
        assert taken == (may and best is not None and rate >= best - MOST_GIVEN)


@pytest.mark.parametrize(
    "wish",
    [
        {"max_cost_usd": -1},
        {"min_success": 2},
        {"weights": 3},
        {"weights": {"cost": "x"}},
        {"weights": {"price": 1}},
        {"max_cost": 1},
        {"min_sucess": 0.5},
        {"candidate": "alpha"},
    ],
)
def test_wrong_wishes_are_named(router: Router, wish: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"max_cost_usd|min_success|weights|cost|candidates"):
        router.route_batch([{"task_text": "x", **wish}])


def test_the_front_holds_who_is_not_beaten(router: Router) -> None:
    candidates = router.route("x", task_type="bug_fix")["candidates"]
    front = {item["agent_name"] for item in candidates if item["pareto"]}
    assert {"alpha", "gamma"} <= front
    for one in candidates:
        beaten = any(
            other["success_probability"] >= one["success_probability"]
            and other["expected_cost_usd"] <= one["expected_cost_usd"]
            and other["expected_duration_ms"] < one["expected_duration_ms"]
            for other in candidates
            if other is not one
        )
        assert not (beaten and one["pareto"])


@given(st.floats(0, 1), st.integers(0, 5))
def test_propensities_are_those_of_the_choice(share: float, seed: int) -> None:
    names = ["a", "b", "c"]
    seen_of = {"model": None, "n": 50, "expected_cost_usd": None, "success_probability": 0.5}
    candidates = [{"agent_name": name, **seen_of} for name in names]
    answer = {
        "chosen": {"agent_name": "b", "model": None},
        "candidates": candidates,
        "rung": "model",
        "reason": "best",
    }
    found = explore([answer] * 40, [{}] * 40, share, 10, seed)
    for one in found:
        best = one["chosen"]["agent_name"] == "b"
        expected = share / 3 + (1 - share if best else 0)
        assert one["propensity"] == pytest.approx(expected, abs=1e-6)
        assert best or one["explored"]
    assert found == explore([answer] * 40, [{}] * 40, share, 10, seed)


def test_exploration_tries_everyone_with_evidence(router: Router) -> None:
    answers = router.route_batch([{"task_text": "x", "task_type": "bug_fix"}] * 300, exploration=0.5, seed=1)
    tried = {answer["chosen"]["agent_name"] for answer in answers}
    assert tried == {"alpha", "beta", "gamma"}
    explored = np.mean([answer["explored"] for answer in answers])
    assert 0.4 < explored < 0.6
    with pytest.raises(UsageError, match="exploration"):
        router.route_batch([], exploration=2)


def test_without_a_router_there_is_no_propensity(tmp_path: Path) -> None:
    answer = Router.load(tmp_path).route("x")
    assert (answer["propensity"], answer["explored"]) == (None, False)


def test_chance_keeps_the_limits_too(router: Router) -> None:
    asked = [{"task_text": "x", "task_type": "bug_fix", "max_cost_usd": 2}] * 40
    drawn = {answer["chosen"]["agent_name"] for answer in router.route_batch(asked, exploration=1.0)}
    assert drawn == {"beta", "gamma"}
    floored = [{"task_text": "x", "task_type": "bug_fix", "min_success": 0.8}] * 40
    assert {answer["chosen"]["agent_name"] for answer in router.route_batch(floored, exploration=1.0)} == {"alpha"}

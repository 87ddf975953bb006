"""What is expected of a candidate lies within its interval, and null is null."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.routing.decision import decide
from learning_pipeline.routing.embedding import fit
from learning_pipeline.routing.learn import build
from learning_pipeline.routing.model import Parameters, wilson
from learning_pipeline_tests.routing.world import TRUTH, rows, seen


@given(st.floats(0, 1), st.floats(0, 10_000))
def test_a_rate_is_within_its_interval(rate: float, n: float) -> None:
    low, high = wilson(np.array(rate), np.array(n))
    assert 0 <= low <= rate <= high <= 1


def test_wilson_as_published() -> None:
    """8 of 10: 0.490 to 0.943 (Wilson's interval as in Newcombe, 1998, and statsmodels)."""
    low, high = wilson(np.array(0.8), np.array(10))
    assert (round(float(low), 3), round(float(high), 3)) == (0.490, 0.943)


@pytest.mark.parametrize("n", [1, 7, 60, 600])
@pytest.mark.parametrize("neighbours", [0, 20])
def test_every_probability_is_within_its_interval(n: int, neighbours: int) -> None:
    experience = seen(rows(n))
    embedding = fit(experience["task_text"], seed=1)
    model = build(experience, embedding, Parameters(neighbours=neighbours))
    near = model.nearest(embedding.embed(experience["task_text"].to_list()), neighbours)
    found = model.estimate(experience["task_type"].to_list(), experience["repository"].to_list(), near)
    assert np.all((found.low >= 0) & (found.low <= found.probability))
    assert np.all((found.high <= 1) & (found.high >= found.probability))


def test_known_rates_are_found_and_covered() -> None:
    experience = seen(rows(3000))
    model = build(experience, fit([], seed=1), Parameters())
    found = model.estimate(["bug_fix", "testing"], [None, None])
    for row, task_type in enumerate(["bug_fix", "testing"]):
        for column, candidate in enumerate(model.statistics.candidates):
            truth = TRUTH[candidate.agent_name, task_type]
            assert abs(found.probability[row, column] - truth) < 0.08


def test_a_model_that_an_agent_hardly_tried_starts_from_what_the_agent_does_with_others() -> None:
    known = [row for row in rows(900) if row["task_type"] == "bug_fix"]
    (won,) = rows(1, truth={("alpha", "bug_fix"): 1.0})
    new = [{**won, "agent_name": name, "execution_id": name, "model": "claude-opus-5"} for name in ("alpha", "delta")]
    model = build(seen(known + new), fit([], seed=1), Parameters())
    start = {item.name: float(rate) for item, rate in zip(model.statistics.candidates, model.start, strict=True)}
    assert start["alpha/claude-opus-5"] > 0.85  # alpha's other model succeeds in 0.9
    assert abs(start["delta/claude-opus-5"] - model.statistics.base_rate) < 0.08
    assert start["alpha/claude-opus-5"] != start["alpha/claude-sonnet-4-5"]


def test_the_best_single_candidate_is_not_the_luckiest_of_the_hardly_tried() -> None:
    lucky = [{**row, "agent_name": "newcomer", "outcome": "success", "success": True} for row in rows(40, seed=5)]
    lucky = [{**row, "execution_id": f"new-{number}", "error_type": None} for number, row in enumerate(lucky)]
    given_rows = [row for row in rows(1500) if (row["agent_name"], row["task_type"]) == ("alpha", "bug_fix")]
    model = build(seen(given_rows + lucky[:30]), fit([], seed=1), Parameters())
    names = [candidate.agent_name for candidate in model.statistics.candidates]
    assert names[int(model.start.argmax())] == "newcomer"
    assert names[int(model.surely.argmax())] == "alpha"


def test_an_empty_group_falls_back_to_the_candidate() -> None:
    model = build(seen(rows(200)), fit([], seed=1), Parameters())
    known, unseen = (model.estimate([task_type], [None]) for task_type in (None, "security"))
    np.testing.assert_allclose(known.probability, unseen.probability)
    assert (unseen.n == known.n).all()
    assert (unseen.low < known.low).all()


def test_amounts_never_observed_are_unknown() -> None:
    given_rows = [{**row, "duration_ms": None} if row["agent_name"] == "beta" else row for row in rows(200)]
    model = build(seen(given_rows), fit([], seed=1), Parameters())
    found = model.estimate(["bug_fix"], [None])
    names = [candidate.agent_name for candidate in model.statistics.candidates]
    assert np.isnan(found.cost).all()
    assert np.isnan(found.duration[0, names.index("beta")])
    assert found.duration[0, names.index("alpha")] > 0
    decisions = decide(model, found, np.ones_like(found.cost, bool))
    assert np.isfinite(decisions.utility).all()


def test_median_cost_and_time_are_shrunk_between_group_and_candidate() -> None:
    given_rows = [
        {**row, "reported_cost_usd": Decimal(4 if row["task_type"] == "bug_fix" else 1)}
        for row in rows(400)
        if row["agent_name"] == "alpha"
    ]
    model = build(seen(given_rows), fit([], seed=1), Parameters())
    cost = model.estimate(["bug_fix", "testing"], [None, None]).cost[:, 0]
    assert 3.5 < cost[0] <= 4
    assert 1 <= cost[1] < 1.2
    low, high = model.statistics.cost.interval(cost[:, None])
    assert (low[:, 0] <= cost).all()
    assert (cost <= high[:, 0]).all()


def test_free_work_costs_nothing() -> None:
    model = build(seen([{**row, "reported_cost_usd": Decimal(0)} for row in rows(50)]), fit([], seed=1), Parameters())
    assert (model.estimate(["bug_fix"], [None]).cost == 0).all()


def test_labels_count_by_their_weight() -> None:
    weak = [{**row, "outcome_source": "heuristic", "label_weight": 0.3} for row in rows(100)]
    wide, narrow = (build(seen(given), fit([], seed=1), Parameters()) for given in (weak, rows(100)))
    first, second = (model.estimate(["bug_fix"], [None]) for model in (wide, narrow))
    assert (first.high - first.low > second.high - second.low).all()


def test_neighbours_find_the_kind_of_task_that_the_log_does_not_name() -> None:
    experience = seen([{**row, "task_type": None} for row in rows(1500)])
    embedding = fit(experience["task_text"], seed=1)
    model = build(experience, embedding, Parameters(neighbours=60, neighbour_prior=3))
    texts = ["crash with a stack trace, regression", "coverage: unit test with a fixture"]
    found = model.estimate([None, None], [None, None], model.nearest(embedding.embed(texts), 60))
    names = [candidate.agent_name for candidate in model.statistics.candidates]
    alpha, beta = names.index("alpha"), names.index("beta")
    assert found.probability[0, alpha] > found.probability[0, beta] + 0.1
    assert found.probability[1, beta] > found.probability[1, alpha] + 0.1
    assert found.informed.all()

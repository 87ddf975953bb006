"""How wide an interval is: as cross-fitting shows the estimates to err, and never narrow for want of data."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.routing.embedding import fit, settled
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.intervals import shared_error, spread
from learning_pipeline.routing.labels import split
from learning_pipeline.routing.learn import OutOfFold
from learning_pipeline.routing.methods import study
from learning_pipeline.routing.model import Model, Parameters
from learning_pipeline.routing.tasks import Labels
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.texts import task_text as sample_text
from learning_pipeline.sample.world import POOL_AGENTS, REPOSITORIES, TASK_TYPE_NAMES
from learning_pipeline_tests.routing.test_judged import KINDS, world
from learning_pipeline_tests.routing.world import pool_rows, rows, seen, task_text

KIND = ("bug_fix", "feature", "testing")


def out_of_fold(n: int, wrong: float, seed: int, evidence: float = 50.0) -> tuple[OutOfFold, np.ndarray]:
    """Return n tasks that two candidates ran, and estimates that are wrong by as much, up or down by kind."""
    rng = np.random.default_rng(seed)
    kind, fold = rng.integers(len(KIND), size=n), rng.integers(4, size=n)
    side = rng.choice([-1.0, 1.0], (len(KIND), 2))[kind]
    label = (rng.random((n, 2)) < 0.5).astype(float)
    tasks = pl.DataFrame({"task": [str(number) for number in range(n)], "task_type": [KIND[one] for one in kind]})
    labels = Labels(tasks, np.ones((n, 2)), label)
    return OutOfFold(np.zeros((n, 2)), {}, labels, fold, np.full((n, 2), evidence)), 0.5 + side * wrong


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.2]))
def test_pairs_of_one_kind_show_how_wrong_its_estimate_is(seed: int, wrong: float) -> None:
    out, said = out_of_fold(2000, wrong, seed)
    found = shared_error(out, said)
    assert found is not None
    expected = wrong**2 * 50 / (0.25 - wrong**2)
    assert abs(found.mean - expected) <= 5 * found.error + 0.05


@given(st.integers(0, 10_000))
def test_the_order_of_tasks_and_what_was_not_run_do_not_matter(seed: int) -> None:
    out, said = out_of_fold(200, 0.1, seed)
    order = np.random.default_rng(seed).permutation(200)
    tasks = out.labels.tasks[order.tolist()]
    moved = replace(out, labels=Labels(tasks, out.labels.weight[order], out.labels.label[order]), fold=out.fold[order])
    first, second = shared_error(out, said), shared_error(moved, said[order])
    assert first is not None and second is not None
    assert first.mean == pytest.approx(second.mean)
    half = out.labels.weight * np.array([1.0, 0.0])
    idle = [replace(out.labels, weight=half, label=out.labels.label + np.array([0.0, extra])) for extra in (0, 7)]
    alone = [shared_error(replace(out, labels=labels), said) for labels in idle]
    assert alone[0] == alone[1]


def test_little_data_is_told_with_a_large_error() -> None:
    errors = []
    for n in (60, 600, 6000):
        found = shared_error(*out_of_fold(n, 0.1, 0))
        assert found is not None
        errors.append(found.error)
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_without_kinds_there_are_no_pairs() -> None:
    out, said = out_of_fold(100, 0.1, 0)
    tasks = out.labels.tasks.with_columns(task_type=pl.lit(None, pl.String))
    assert shared_error(replace(out, labels=replace(out.labels, tasks=tasks)), said) is None


def test_spread_is_that_of_the_jackknife() -> None:
    """Of a mean, leaving out each of g equal groups gives the variance of the groups' means over g (Wu, 1986)."""
    means = np.array([0.4, 0.5, 0.6, 0.7])
    left_out = (means.sum() - means) / 3
    answers = left_out.reshape(4, 1, 1)
    p = means.mean()
    assert spread(answers, np.full((1, 1), 30.0)) == pytest.approx(means.var(ddof=1) / 4 * 30 / (p * (1 - p)))


def trained(given_rows: list[dict[str, Any]]) -> Model:
    """Return the model that `train` would keep."""
    experience = seen(given_rows)
    older, newer = split(experience)
    trial = fit(settled(older["task_text"]), seed=0)
    studied = study(older, trial, Parameters(), seed=0, newer=newer)
    return studied.model(experience, fit(settled(experience["task_text"]), seed=0), seed=0)


def test_a_label_counts_once_at_most_where_no_kind_is_told() -> None:
    """The task's own kind makes a great difference here, and nothing tells it."""
    untold = trained([row | {"task_type": None, "task_text": f"case {row['execution_id']}"} for row in rows(600)])
    assert untold.parameters.interval_scale <= 1


def held(model: Model, asked: list[tuple[str, str, str]], truth: np.ndarray) -> float:
    """Return the share of intervals that hold the truth, (asked, candidates)."""
    texts, kinds, places = (list(part) for part in zip(*asked, strict=True))
    found, _ = model.look(Asked(texts, kinds, places, [None] * len(texts)))
    return float(np.mean((found.low <= truth) & (truth <= found.high)))


def of_three_agents(n: int, seed: int) -> float:
    truth, rng = world(seed), np.random.default_rng(seed)
    model = trained(rows(n, seed=seed, truth=truth))
    asked = [(task_text(rng, KINDS[i % 2], 9000 + i), KINDS[i % 2], "shop" if i % 4 < 2 else "blog") for i in range(40)]
    agents = [candidate.agent_name for candidate in model.statistics.candidates]
    return held(model, asked, np.array([[truth[agent, kind] for agent in agents] for _, kind, _ in asked]))


def of_the_pool(n: int, seed: int) -> float:
    dice = Dice("asked", seed)
    model = trained(pool_rows(n, seed))
    asked = []
    for kind in TASK_TYPE_NAMES * 4:
        place = dice.pick(REPOSITORIES)
        asked.append((sample_text(dice, kind, place), kind, place.name))
    who = [(POOL_AGENTS[item.agent_name], item.model or "") for item in model.statistics.candidates]
    return held(model, asked, np.array([[agent.rate(kind, name) for agent, name in who] for _, kind, _ in asked]))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seeds"), [(200, 6), (400, 6), (800, 3), (1200, 2)])
def test_intervals_hold_the_truth_however_little_data_there_is(n: int, seeds: int) -> None:
    """In 85 to 95 of 100 cases, over worlds of three agents and of the sample's seventeen candidates."""
    found = np.array([[of_world(n, seed) for of_world in (of_three_agents, of_the_pool)] for seed in range(seeds)])
    assert found.mean(axis=0).min() >= 0.85
    assert found.mean() <= 0.95

"""Off-policy estimates hold the truth, and are refused where the logs never tried what the policy chooses."""

import numpy as np
import pytest

from learning_pipeline.routing.offpolicy import Logged, OffPolicy, estimate

CANDIDATES, KINDS, ROWS = 3, 4, 600
SEEDS = range(100)


def world(seed: int, *, overlap: bool = True) -> tuple[OffPolicy, float]:
    """Return the estimate of the best policy, and its true value."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.2, 0.9, (KINDS, CANDIDATES))
    habit = rng.dirichlet(np.full(CANDIDATES, 3.0), KINDS) * 0.7 + 0.1
    best = truth.argmax(axis=1)
    if not overlap:
        habit[np.arange(KINDS), best] = 0
        habit /= habit.sum(axis=1, keepdims=True)
    kind = rng.integers(KINDS, size=ROWS)
    action = np.array([rng.choice(CANDIDATES, p=habit[one] / habit[one].sum()) for one in kind])
    reward = (rng.random(ROWS) < truth[kind, action]).astype(float)
    logged = Logged(action, reward, habit[kind], habit[kind] > 0)
    expected = np.clip(truth[kind] + rng.normal(0, 0.1, (ROWS, CANDIDATES)), 0, 1)
    value = float((truth[kind, best[kind]]).mean())
    return estimate(logged, best[kind], expected), value


@pytest.mark.parametrize("name", ["snips", "doubly_robust"])
def test_the_interval_holds_the_truth_in_nine_of_ten_worlds(name: str) -> None:
    held = 0
    for seed in SEEDS:
        found, value = world(seed)
        _, low, high = getattr(found, name)
        held += low <= value <= high
    assert held >= 90


def test_without_overlap_nothing_is_estimated() -> None:
    for seed in SEEDS:
        found, _ = world(seed, overlap=False)
        assert (found.snips, found.doubly_robust) == (None, None)
        assert "never tried" in str(found.refused)
        assert found.overlap == 0


def test_too_few_rows_that_agree_are_refused() -> None:
    rows = 30
    logged = Logged(np.zeros(rows, int), np.ones(rows), np.full((rows, 2), 0.5), np.ones((rows, 2), bool))
    found = estimate(logged, np.r_[np.zeros(5, int), np.ones(25, int)], np.zeros((rows, 2)))
    assert found.snips is None
    assert "effective tasks" in str(found.refused)


def test_a_policy_that_chooses_nothing_is_worth_nothing_known() -> None:
    logged = Logged(np.zeros(3, int), np.ones(3), np.ones((3, 1)), np.ones((3, 1), bool))
    assert estimate(logged, np.full(3, -1), np.zeros((3, 1))).refused

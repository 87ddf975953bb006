"""What a policy would have achieved, from logs of what another one did.

One row is one logged decision: what was run, how likely that was, what came of it, what the policy in question
would choose. SNIPS is the self-normalised inverse propensity estimate (Swaminathan and Joachims, 2015): the mean
reward of the rows where both agree, each weighted by the inverse of its propensity. The doubly robust estimate
(Dudik, Langford and Li, 2011) starts from what a model expects of the policy's choice and corrects it where the
choice was run; it is right where either the model or the propensities are. Both have a 95 % interval from the
spread of their influence.

The overlap gate: where the policy chooses what the logs hardly ever tried, nothing can be estimated. The gate
refuses when more than `MOST_UNSUPPORTED` of the rows are such, or when the rows that agree weigh no more than
`LEAST_EFFECTIVE` equal ones.
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.model import wilson
from learning_pipeline.routing.text import Array

LEAST_EFFECTIVE = 20.0
MOST_UNSUPPORTED = 0.1
LEAST_PROPENSITY = 0.02
_Z = 1.96


@dataclass(frozen=True)
class Logged:
    """Logged decisions, one a row."""

    action: Array  # number of the candidate that was run
    reward: Array
    propensity: Array  # chance of every candidate, (rows, candidates)
    supported: Array  # whether the logs tried the candidate on such tasks at all, (rows, candidates)


@dataclass(frozen=True)
class OffPolicy:
    """An estimate; both are None where the gate refuses, and `refused` says why."""

    snips: tuple[float, float, float] | None  # value, 95 % interval
    doubly_robust: tuple[float, float, float] | None
    effective: float  # effective number of rows that agree: (sum of weights) squared over the sum of squares
    overlap: float  # share of rows where the policy's choice was tried
    n: int
    refused: str | None = None


def influence(logged: Logged, chosen: Array, expected: Array) -> tuple[Array, str | None]:
    """Return what each row says of the policy's mean reward (doubly robust), and why it may not be used.

    Arguments as for `estimate`; the policy chooses something in every row.
    """
    rows = np.arange(len(chosen))
    propensity = logged.propensity[rows, chosen]
    supported = logged.supported[rows, chosen] & (propensity >= LEAST_PROPENSITY)
    weight = np.where((logged.action == chosen) & supported, 1 / np.maximum(propensity, LEAST_PROPENSITY), 0.0)
    guess = expected[rows, chosen]
    return guess + weight * (logged.reward - guess), estimate(logged, chosen, expected).refused


def estimate(logged: Logged, chosen: Array, expected: Array) -> OffPolicy:
    """Estimate the mean reward of a policy.

    Args:
        logged: what was done.
        chosen: what the policy chooses in each row, -1 where it chooses nothing: such a row is left out.
        expected: what a model expects of each candidate in each row, (rows, candidates); the model must not have
            learned from these rows.
    """
    kept = np.flatnonzero(chosen >= 0)
    n = len(kept)
    if not n:
        return OffPolicy(None, None, 0.0, 0.0, 0, "the policy chooses nothing")
    chosen, action, reward = chosen[kept], logged.action[kept], logged.reward[kept]
    propensity = logged.propensity[kept, chosen]
    supported = logged.supported[kept, chosen] & (propensity >= LEAST_PROPENSITY)
    overlap = float(supported.mean())
    weight = np.where((action == chosen) & supported, 1 / np.maximum(propensity, LEAST_PROPENSITY), 0.0)
    total = weight.sum()
    effective = float(total**2 / (weight**2).sum()) if total else 0.0
    if 1 - overlap > MOST_UNSUPPORTED:
        refused = f"the logs never tried what it chooses in {1 - overlap:.0%} of {n} tasks"
        return OffPolicy(None, None, effective, overlap, n, refused)
    if effective < LEAST_EFFECTIVE:
        refused = f"what it chooses was run in {effective:.0f} effective tasks, fewer than {LEAST_EFFECTIVE:.0f}"
        return OffPolicy(None, None, effective, overlap, n, refused)
    mean = float((weight * reward).sum() / total)
    error = _Z * float(np.sqrt((weight**2 * (reward - mean) ** 2).sum() * effective / (effective - 1)) / total)
    low, high = mean - error, mean + error
    if reward.min() >= 0 and reward.max() <= 1:
        # Near 0 and 1 the normal interval is too short: it is never shorter than Wilson's.
        shortest, longest = (float(end) for end in wilson(np.array(mean), np.array(effective)))
        low, high = min(low, shortest), max(high, longest)
    guess = expected[kept, chosen]
    said = guess + weight * (reward - guess)
    robust = float(said.mean())
    spread = _Z * float(said.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return OffPolicy((mean, low, high), (robust, robust - spread, robust + spread), effective, overlap, n)

"""Chance in choosing, so that the logs tell something of every candidate; its probabilities are told."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learning_pipeline.errors import UsageError

# The rungs on which a model answers, as it does or does not know enough.
_LEARNED = ("model", "statistics")


def explore(
    answers: Sequence[dict[str, Any]], requests: Sequence[Mapping[str, Any]], share: float, least: int, seed: int
) -> list[dict[str, Any]]:
    """Return answers with `propensity` and `explored`; a share of the tasks is given to a candidate at random.

    Drawn from, with equal chances, are the candidates that keep the request's limits: where somebody is chosen those
    with at least `least` labelled executions, where the router abstains for want of evidence all that have any. The
    propensity is the probability with which the candidate that is told was to be chosen: 1 without exploration, null
    where nobody is.

    Raises:
        UsageError: the share is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"the share of exploration must be from 0 to 1, not {share!r:.60}")
    rng = np.random.default_rng(seed)
    return [_explored(answer, request, share, least, rng) for answer, request in zip(answers, requests, strict=True)]


def _explored(
    answer: dict[str, Any], request: Mapping[str, Any], share: float, least: int, rng: np.random.Generator
) -> dict[str, Any]:
    best = answer["chosen"]
    enough = 1 if best is None else least
    known = [
        {name: item[name] for name in ("agent_name", "model")}
        for item in answer["candidates"]
        if item["n"] >= enough and _keeps_limits(item, request)
    ]
    if not share or answer["rung"] not in _LEARNED or len(known) < 2 or not (best is None or best in known):
        return {**answer, "propensity": None if best is None else 1.0, "explored": False}
    explored = bool(rng.random() < share)
    chosen = known[int(rng.integers(len(known)))] if explored else best
    propensity = None if chosen is None else round(share / len(known) + (1 - share if chosen == best else 0.0), 6)
    told: dict[str, Any] = {"chosen": chosen, "propensity": propensity, "explored": explored}
    if explored:
        told |= {"abstained": False, "reason": f"exploration: drawn at random from {len(known)} candidates"}
    return {**answer, **told}


def _keeps_limits(item: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    budget, floor = request.get("max_cost_usd"), request.get("min_success")
    cost = item["expected_cost_usd"]
    return (budget is None or (cost is not None and cost <= budget)) and (
        floor is None or item["success_probability"] >= floor
    )

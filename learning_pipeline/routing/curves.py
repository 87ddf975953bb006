"""What is gained as more tasks go to the stronger of two candidates, or as more may be spent.

APGR and CPT are those of RouteLLM (Ong et al., 2024): tasks go to the stronger candidate in the order of how much
more the router expects of it; the performance gap recovered (PGR) is the share of the gap between the weaker and
the stronger one that is closed; APGR is its mean over all shares of calls, CPT(x) the least share of calls to the
stronger one that recovers x of the gap. AIQ is the mean success over the range of costs, on the upper hull of what
different weights of cost achieve (RouterBench, Hu et al., 2024).
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.text import Array


@dataclass(frozen=True)
class Recovery:
    """How the gap between two candidates closes; null where there is no gap."""

    apgr: float
    cpt50: float
    cpt80: float


def recovery(preference: Array, weak: Array, strong: Array) -> Recovery | None:
    """Return the measures of routing between two candidates; None where the stronger one is not better.

    Args:
        preference: how much more is expected of the stronger one, (tasks,).
        weak: what the weaker one achieved, (tasks,).
        strong: what the stronger one achieved, (tasks,).
    """
    gap = float((strong - weak).sum())
    if len(weak) == 0 or gap <= 0:
        return None
    order = np.argsort(-preference, kind="stable")
    closed = np.concatenate([[0.0], np.cumsum((strong - weak)[order])]) / gap
    share = np.linspace(0, 1, len(closed))
    return Recovery(
        float(np.trapezoid(closed, share)),
        float(share[np.argmax(closed >= 0.5)]),
        float(share[np.argmax(closed >= 0.8)]),
    )


def quality_over_cost(costs: Array, values: Array) -> float | None:
    """Return the mean success over the range of costs of points (cost, success); None with less than two costs."""
    order = np.lexsort((-values, costs))
    hull: list[tuple[float, float]] = []
    for cost, value in zip(costs[order].tolist(), values[order].tolist(), strict=True):
        if hull and (value <= hull[-1][1] or cost <= hull[-1][0]):
            continue
        while len(hull) >= 2 and _below(hull[-2], hull[-1], (cost, value)):
            hull.pop()
        hull.append((cost, value))
    highest = float(costs.max()) if len(costs) else 0.0
    if not hull or highest <= hull[0][0]:
        return None
    hull.append((highest, hull[-1][1]))
    points = np.array(hull)
    return float(np.trapezoid(points[:, 1], points[:, 0]) / (highest - hull[0][0]))


def _below(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    cross = (middle[0] - first[0]) * (last[1] - first[1]) - (middle[1] - first[1]) * (last[0] - first[0])
    return cross >= 0

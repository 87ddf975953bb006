"""Whether one policy is better than another on the same held-out tasks.

The value of a policy is its mean utility: success less the weighted cost and time of what is chosen. The
difference of two policies is taken task by task, so that what makes a task hard for both cancels out. Where
several candidates ran a task the outcome is looked up; else the doubly robust estimate is used, and refused where
the overlap gate refuses either policy (see `offpolicy`).
"""

from dataclasses import dataclass

import numpy as np

from learning_pipeline.routing.model import Model
from learning_pipeline.routing.offpolicy import influence
from learning_pipeline.routing.policies import LEAST_TASKS, HeldOutTasks, logged
from learning_pipeline.routing.text import Array


@dataclass(frozen=True)
class Contest:
    """How much better the first policy is than the second; None where it cannot be told, and why."""

    difference: float | None
    error: float  # standard error
    n: int
    refused: str | None = None

    def low(self, z: float = 1.644854) -> float | None:
        """Return the lower confidence bound, one-sided at 95 % by default."""
        return None if self.difference is None else self.difference - z * self.error

    def high(self, z: float = 1.644854) -> float | None:
        """Return the upper confidence bound, one-sided at 95 % by default."""
        return None if self.difference is None else self.difference + z * self.error


def realised(model: Model, tasks: HeldOutTasks) -> Array:
    """Return the utility of what each candidate did, (tasks, candidates); NaN where it was not run."""
    parameters, statistics = model.parameters, model.statistics
    return (
        tasks.success
        - parameters.cost_weight * statistics.cost.normal(tasks.cost)
        - parameters.time_weight * statistics.duration.normal(tasks.duration)
    )


def compare(tasks: HeldOutTasks, utility: Array, expected: Array, first: Array, second: Array) -> Contest:
    """Compare the choices of two policies.

    Args:
        tasks: the held-out tasks.
        utility: see `realised`.
        expected: utility that the model expects, (tasks, candidates).
        first: candidate that the first policy chooses for each task.
        second: candidate that the second one chooses.
    """
    rows = np.arange(len(first))
    if tasks.basis == "full":
        gap = utility[rows, first] - utility[rows, second]
        gap = gap[~np.isnan(gap)]
        refused = None
    else:
        one, refused = influence(logged(tasks, utility), first, expected)
        two, also = influence(logged(tasks, utility), second, expected)
        gap, refused = one - two, refused or also
    if refused or len(gap) < LEAST_TASKS:
        return Contest(None, 0.0, len(gap), refused or f"{len(gap)} held-out tasks, fewer than {LEAST_TASKS}")
    return Contest(float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap))), len(gap))


def slices(tasks: HeldOutTasks) -> dict[str, Array]:
    """Return the rows of each kind of task that has enough tasks to be looked at alone."""
    names = np.array([name or "" for name in tasks.task_types], dtype=object)
    found = {str(name): np.flatnonzero(names == name) for name in sorted(set(names.tolist())) if name}
    return {name: rows for name, rows in found.items() if len(rows) >= LEAST_TASKS}

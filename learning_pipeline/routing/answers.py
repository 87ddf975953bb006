"""What the router says of a batch of tasks, as it is written down."""

from typing import Any

import numpy as np

from learning_pipeline.routing.decision import Decisions
from learning_pipeline.routing.model import Estimates, Model
from learning_pipeline.routing.requests import Option, Request
from learning_pipeline.routing.tasks import Neighbours
from learning_pipeline.routing.text import Array

NEAREST_SHOWN, NAMES_SHOWN = 5, 3


class Shown:
    """One batch's numbers, as they are written down."""

    def __init__(
        self, model: Model, estimates: Estimates, decisions: Decisions, neighbours: Neighbours, front: Array
    ) -> None:
        self.model, self.estimates, self.decisions = model, estimates, decisions
        self._front = front.tolist()
        self._probability = _rounded(estimates.probability)
        self._interval = np.round(np.stack([estimates.low, estimates.high], axis=-1), 6).tolist()
        self._n = estimates.n.tolist()
        self._cost, self._duration = _rounded(estimates.cost, 9), _whole(estimates.duration)
        self._utility = _rounded(decisions.utility)
        self._eligible = decisions.eligible.tolist()
        self._positions = neighbours.positions[:, :NEAREST_SHOWN].tolist()
        self._similarity = np.round(neighbours.similarity[:, :NEAREST_SHOWN].astype(np.float64), 6).tolist()

    def place(self, row: int, option: Option) -> tuple[int, float]:
        """Return what to sort candidates by: those who may be chosen, then the others, then who is not known."""
        if option.number is None:
            return 2, 0.0
        return 0 if self._eligible[row][option.number] else 1, -float(self.decisions.utility[row, option.number])

    def candidate(self, row: int, option: Option) -> dict[str, Any]:
        number = option.number
        if number is None:
            return unknown(option)
        return {
            "agent_name": option.candidate.agent_name,
            "model": option.candidate.model,
            "success_probability": self._probability[row][number],
            "interval": self._interval[row][number],
            "n": self._n[row][number],
            "expected_cost_usd": self._cost[row][number],
            "expected_duration_ms": self._duration[row][number],
            "utility": self._utility[row][number],
            "pareto": self._front[row][number],
            "eligible": self._eligible[row][number],
        }

    def contributions(self, row: int) -> dict[str, float]:
        """Return what each part of the model adds to the log odds of the best candidate; empty without text."""
        best = int(self.decisions.best[row])
        if best < 0:
            return {}
        return {name: round(float(part[row, best]), 4) for name, part in self.estimates.parts.items()}

    def nearest(self, row: int) -> list[dict[str, Any]]:
        tasks, candidates = self.model.tasks, self.model.statistics.candidates
        return [
            {
                "execution_id": tasks.execution_ids[position],
                "similarity": similarity,
                "agent_name": candidates[tasks.performer[position]].agent_name,
                "success": _verdict(tasks.succeeded[position]),
            }
            for position, similarity in zip(self._positions[row], self._similarity[row], strict=True)
            if similarity > 0
        ]

    def why_not(self, row: int, request: Request) -> str | None:
        """Return why nobody is chosen; None where somebody is."""
        if not self.decisions.abstained[row]:
            return None
        if request.options is not None and all(option.number is None for option in request.options):
            names = ", ".join(option.candidate.name for option in request.options[:NAMES_SHOWN])
            return f"no log tells of {names}" if names else "the list of candidates is empty"
        labelled, least = int(self.decisions.labelled[row]), self.model.parameters.min_evidence
        if labelled < least:
            whose = "all known candidates" if request.options is None else "the given candidates"
            return f"{labelled} labelled executions of {whose}, fewer than the {least} that are needed"
        if self.decisions.excluded[row]:
            return nobody_within(request)
        first, second = self._names(row)
        contenders, least = int(self.decisions.contenders[row]), self.model.parameters.min_own_evidence
        if contenders < 2:
            count = "one candidate has" if contenders else "no candidate has"
            of = "of those within the limits that were asked for, " if self.decisions.limited[row] else ""
            return f"{of}{count} the {least} labelled executions of this kind that a comparison needs"
        eligible = self._eligible[row][int(self.decisions.runner_up[row])]
        unsure = f"{first} and {second} cannot be told apart" if eligible else f"too little is known of {second}"
        return (
            f"{unsure}: choosing {first} is expected to lose up to "
            f"{self.decisions.expected_loss[row]:.4f} of utility, more than {self.decisions.tolerated[row]:g}"
        )

    def why(self, row: int) -> str:
        """Return why the best is chosen."""
        best = int(self.decisions.best[row])
        first, second = self._names(row)
        low, high = self._interval[row][best]
        text = (
            f"{first}: success {self._probability[row][best]:.2f} "
            f"({low:.2f} to {high:.2f}, n {self._n[row][best]}), "
            f"utility {self._utility[row][best]:.2f}"
        )
        runner_up = int(self.decisions.runner_up[row])
        if runner_up >= 0:
            text += f"; closest {second} with {self._utility[row][runner_up]:.2f}"
        left_out, least = int(self.decisions.left_out[row]), self.model.parameters.min_own_evidence
        if left_out:
            text += f"; left out: {left_out} with fewer than {least} labels in this kind of task"
        return text

    def _names(self, row: int) -> tuple[str, str]:
        candidates = self.model.statistics.candidates
        return candidates[self.decisions.best[row]].name, candidates[self.decisions.runner_up[row]].name


def _verdict(label: float) -> bool | None:
    """Return whether a label is a success; None for a grade in between."""
    return bool(label) if label in (0, 1) else None


def nobody_within(request: Request) -> str:
    """Say that nobody keeps the limits that were asked for."""
    budget = f"expected to cost {request.max_cost_usd:g} USD at most" if request.max_cost_usd is not None else ""
    floor = f"expected to succeed in {request.min_success:g} or more" if request.min_success is not None else ""
    return f"no candidate is {' and '.join(filter(None, (budget, floor)))}"


def pair(option: Option) -> dict[str, str | None]:
    return {"agent_name": option.candidate.agent_name or None, "model": option.candidate.model}


def unknown(option: Option) -> dict[str, Any]:
    return {
        **pair(option),
        "success_probability": None,
        "interval": None,
        "n": 0,
        "expected_cost_usd": None,
        "expected_duration_ms": None,
        "utility": None,
        "pareto": None,
        "eligible": None,
    }


def _whole(values: Array) -> list[list[int | None]]:
    unknown = np.isnan(values)
    whole = np.where(unknown, 0, np.round(values)).astype(np.int64)
    if not unknown.any():
        return whole.tolist()
    shown = whole.astype(object)
    shown[unknown] = None
    return shown.tolist()


def _rounded(values: Array, digits: int = 6) -> list[list[float | None]]:
    rounded = np.round(values, digits)
    unknown = np.isnan(rounded)
    if unknown.any():
        rounded = rounded.astype(object)
        rounded[unknown] = None
    return rounded.tolist()

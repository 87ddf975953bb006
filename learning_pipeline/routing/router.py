"""The router in use: loads a version and answers which candidate should take a task.

The ladder, from the top; the answer says which rung it comes from:
`explicit` (one candidate was given), `model` (nearest past tasks took part), `statistics` (counts only), `rules`
(no version exists: the size of model that the task's words ask for), `default` (nobody is chosen).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learning_pipeline.errors import UsageError
from learning_pipeline.routing import storage
from learning_pipeline.routing.decision import Decisions, decide
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.model import Estimates, Model
from learning_pipeline.routing.registry import Registry
from learning_pipeline.routing.requests import Option, Request, parse
from learning_pipeline.routing.rules import tier_for
from learning_pipeline.routing.tasks import Neighbours
from learning_pipeline.routing.text import Array, normalise

NEAREST_SHOWN = 5
_BATCH = 2_000


class Router:
    """Answers `route` with one version, or with the ladder's lower rungs where there is none."""

    def __init__(self, model: Model | None, version: str | None, held: str | None = None) -> None:
        """Make a router.

        Args:
            model: what it estimates with; None where nothing was trained.
            version: version of the model.
            held: why it informs without deciding; None where it decides.
        """
        self.model = model
        self.version = version
        self._held = held

    @classmethod
    def load(cls, home: Path, which: str = "production") -> "Router":
        """Load `production`, `latest` or a named version from a home directory.

        Where none is in production, the latest version that beat the base rates informs, and decides nothing.

        Raises:
            UsageError: there is no version of that name.
            PipelineError: the version's files are missing or were changed.
        """
        registry = Registry(Path(home) / "models")
        item = registry.current(which)
        if item is not None:
            return cls(storage.load(registry, item), item.version)
        latest = registry.latest()
        if latest is None:
            return cls(None, None)
        held = f"no router is in production: {latest.version} was not promoted ({latest.reason})"
        if latest.stage != "staging":
            return cls(None, None, held)
        return cls(storage.load(registry, latest), latest.version, held)

    def route(
        self,
        task_text: str | None,
        *,
        task_id: str | None = None,
        task_type: str | None = None,
        repository: str | None = None,
        context_tokens: int | None = None,
        candidates: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """Say who should take a task; the fields are those of a line of `route --batch`."""
        request = {
            "task_id": task_id,
            "task_text": task_text,
            "task_type": task_type,
            "repository": repository,
            "context_tokens": context_tokens,
            "candidates": candidates,
        }
        return self.route_batch([request])[0]

    def route_batch(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Say who should take each task.

        Raises:
            UsageError: a request has a value that it cannot have; the message says which.
        """
        known = self.model.statistics.candidates if self.model else ()
        parsed = []
        for position, item in enumerate(requests, start=1):
            try:
                parsed.append(parse(item, known))
            except UsageError as error:
                raise UsageError(f"request {position}: {error}" if len(requests) > 1 else str(error)) from error
        if self.model is None:
            return [self._without_model(request) for request in parsed]
        answers: list[dict[str, Any]] = []
        for begin in range(0, len(parsed), _BATCH):
            answers += self._with_model(self.model, parsed[begin : begin + _BATCH])
        return answers

    def embed(self, texts: Sequence[str | None]) -> Array:
        """Return the 512-dimensional embedding of each text, float32.

        Raises:
            UsageError: no version is loaded, so there is no embedding.
        """
        if self.model is None:
            raise UsageError("no router is loaded, so there is no embedding: train one, or name a version")
        return self.model.embedding.embed(texts)

    def _with_model(self, model: Model, requests: Sequence[Request]) -> list[dict[str, Any]]:
        asked = Asked(
            [request.task_text for request in requests],
            [request.kind for request in requests],
            [request.repository for request in requests],
            [request.context_tokens for request in requests],
        )
        estimates, neighbours = model.look(asked, NEAREST_SHOWN)
        allowed = np.ones((len(requests), len(model.statistics.candidates)), bool)
        for row, request in enumerate(requests):
            if request.options is not None:
                allowed[row] = False
                allowed[row, [option.number for option in request.options if option.number is not None]] = True
        decisions = decide(model, estimates, allowed)
        shown = _Shown(model, estimates, decisions, neighbours)
        return [self._answer(model, shown, row, request) for row, request in enumerate(requests)]

    def _answer(self, model: Model, shown: "_Shown", row: int, request: Request) -> dict[str, Any]:
        known = model.statistics.candidates
        options = request.options
        if options is None:
            options = tuple(Option(candidate, number) for number, candidate in enumerate(known))
        listed = [shown.candidate(row, option) for option in options]
        listed.sort(key=lambda item: (item["utility"] is None, -(item["utility"] or 0.0)))
        rung = "model" if shown.estimates.informed[row] else "statistics"
        chosen, reason = None, shown.why_not(row, request)
        if request.options is not None and len(request.options) == 1:
            rung, chosen, reason = "explicit", _pair(request.options[0]), "one candidate was given"
        elif self._held is not None:
            rung, reason = "default", self._held
        elif reason is None:
            chosen, reason = _pair(Option(known[shown.decisions.best[row]], None)), shown.why(row)
        elif not shown.decisions.labelled[row]:
            rung = "default"
        return {
            "task_id": request.task_id,
            "chosen": chosen,
            "abstained": chosen is None,
            "reason": reason,
            "rung": rung,
            "router_version": self.version,
            "candidates": listed,
            "nearest": shown.nearest(row),
        }

    def _without_model(self, request: Request) -> dict[str, Any]:
        options = request.options or ()
        rung, chosen = "default", None
        reason = self._held or "no router has been trained, and no rule tells the candidates apart"
        wanted = tier_for(normalise(request.task_text))
        fitting = [option for option in options if option.candidate.model_tier == wanted is not None]
        if len(options) == 1:
            rung, chosen, reason = "explicit", _pair(options[0]), "one candidate was given"
        elif self._held is None and len(fitting) == 1:
            rung, chosen = "rules", _pair(fitting[0])
            reason = f"no router has been trained; by its words and length the task asks for a {wanted} model"
        return {
            "task_id": request.task_id,
            "chosen": chosen,
            "abstained": chosen is None,
            "reason": reason,
            "rung": rung,
            "router_version": None,
            "candidates": [_unknown(option) for option in options],
            "nearest": [],
        }


class _Shown:
    """One batch's numbers, as they are written down."""

    def __init__(self, model: Model, estimates: Estimates, decisions: Decisions, neighbours: Neighbours) -> None:
        self.model, self.estimates, self.decisions = model, estimates, decisions
        self._probability = _rounded(estimates.probability)
        self._interval = np.round(np.stack([estimates.low, estimates.high], axis=-1), 6).tolist()
        self._n = estimates.n.tolist()
        self._cost, self._duration = _rounded(estimates.cost, 9), _whole(estimates.duration)
        self._utility = _rounded(decisions.utility)
        self._positions = neighbours.positions[:, :NEAREST_SHOWN].tolist()
        self._similarity = np.round(neighbours.similarity[:, :NEAREST_SHOWN].astype(np.float64), 6).tolist()

    def candidate(self, row: int, option: Option) -> dict[str, Any]:
        number = option.number
        if number is None:
            return _unknown(option)
        return {
            "agent_name": option.candidate.agent_name,
            "model": option.candidate.model,
            "success_probability": self._probability[row][number],
            "interval": self._interval[row][number],
            "n": self._n[row][number],
            "expected_cost_usd": self._cost[row][number],
            "expected_duration_ms": self._duration[row][number],
            "utility": self._utility[row][number],
        }

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
        labelled, least = int(self.decisions.labelled[row]), self.model.parameters.min_evidence
        if labelled < least:
            whose = "all known candidates" if request.options is None else "the given candidates"
            return f"{labelled} labelled executions of {whose}, fewer than the {least} that are needed"
        first, second = self._names(row)
        contenders, least = int(self.decisions.contenders[row]), self.model.parameters.min_own_evidence
        if contenders < 2:
            count = "one candidate has" if contenders else "no candidate has"
            return f"{count} the {least} labelled executions of this kind that a comparison needs"
        return (
            f"{first} and {second} cannot be told apart: choosing is expected to lose "
            f"{self.decisions.expected_loss[row]:.3f} of utility, more than {self.model.parameters.max_expected_loss}"
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
        return f"{text}; closest {second} with {self._utility[row][runner_up]:.2f}" if runner_up >= 0 else text

    def _names(self, row: int) -> tuple[str, str]:
        candidates = self.model.statistics.candidates
        return candidates[self.decisions.best[row]].name, candidates[self.decisions.runner_up[row]].name


def _verdict(label: float) -> bool | None:
    """Return whether a label is a success; None for a grade in between."""
    return bool(label) if label in (0, 1) else None


def _pair(option: Option) -> dict[str, str | None]:
    return {"agent_name": option.candidate.agent_name or None, "model": option.candidate.model}


def _unknown(option: Option) -> dict[str, Any]:
    return {
        **_pair(option),
        "success_probability": None,
        "interval": None,
        "n": 0,
        "expected_cost_usd": None,
        "expected_duration_ms": None,
        "utility": None,
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

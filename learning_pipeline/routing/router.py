"""The router in use: loads a version and answers which candidate should take a task.

The ladder, from the top; the answer says which rung it comes from:
`explicit` (one candidate was given), `model` (nearest past tasks took part), `statistics` (counts only), `rules`
(no version exists: the size of model that the task's words ask for), `default` (nobody is chosen).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learning_pipeline.errors import UsageError
from learning_pipeline.routing import storage
from learning_pipeline.routing.answers import NEAREST_SHOWN, Shown, nobody_within, pair, unknown
from learning_pipeline.routing.decision import Wishes, decide, pareto
from learning_pipeline.routing.exploration import explore
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.model import Model
from learning_pipeline.routing.registry import Registry
from learning_pipeline.routing.requests import Option, Request, parse
from learning_pipeline.routing.rules import tier_for
from learning_pipeline.routing.text import Array, normalise

_BATCH = 2_000
Weights = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Informant:
    """A newer version that does not decide, but whose estimates are the better ones."""

    model: Model
    version: str


class Router:
    """Answers `route` with one version, or with the ladder's lower rungs where there is none."""

    def __init__(
        self,
        model: Model | None,
        version: str | None,
        held: str | None = None,
        *,
        informant: Informant | None = None,
        weights: Weights | None = None,
    ) -> None:
        """Make a router.

        Args:
            model: what it decides with; None where nothing was trained.
            version: version of the model.
            held: why it informs without deciding; None where it decides.
            informant: where success, cost and time come from instead; None where they are the model's own.
            weights: by kind of task, how much a share of cost and of time counts against success.
        """
        self.model = model
        self.version = version
        self.weights = weights or {}
        self._held = held
        self._informant = informant

    @classmethod
    def load(cls, home: Path, which: str = "production") -> "Router":
        """Load `production`, `latest` or a named version from a home directory.

        The estimates of the version in production are those of the newest version that beat the base rates. Where
        none is in production, that one informs, and nobody is chosen.

        Raises:
            UsageError: there is no version of that name.
            PipelineError: the version's files are missing or were changed.
        """
        registry = Registry(Path(home) / "models")
        weights = registry.weights()
        item = registry.current(which)
        newest = registry.informing() if which == "production" else None
        if item is not None:
            informant = None
            if newest is not None and newest.version != item.version:
                informant = Informant(storage.load(registry, newest), newest.version)
            return cls(storage.load(registry, item), item.version, informant=informant, weights=weights)
        latest = registry.latest()
        if latest is None:
            return cls(None, None)
        held = f"no router is in production: {latest.version} was not promoted ({latest.reason})"
        if newest is None:
            return cls(None, None, held)
        return cls(storage.load(registry, newest), newest.version, held, weights=weights)

    def route(
        self,
        task_text: str | None,
        *,
        task_id: str | None = None,
        task_type: str | None = None,
        repository: str | None = None,
        context_tokens: int | None = None,
        candidates: Sequence[Any] | None = None,
        max_cost_usd: float | None = None,
        min_success: float | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Say who should take a task; the fields are those of a line of `route --batch`."""
        request = {
            "task_id": task_id,
            "task_text": task_text,
            "task_type": task_type,
            "repository": repository,
            "context_tokens": context_tokens,
            "candidates": candidates,
            "max_cost_usd": max_cost_usd,
            "min_success": min_success,
            "weights": weights,
        }
        return self.route_batch([request])[0]

    def route_batch(
        self, requests: Sequence[Mapping[str, Any]], *, exploration: float = 0.0, seed: int = 0
    ) -> list[dict[str, Any]]:
        """Say who should take each task.

        Args:
            requests: the tasks; the fields are those of a line of `route --batch`.
            exploration: share of the decided tasks that are given to any candidate with enough evidence, at random.
            seed: of that chance.

        Raises:
            UsageError: a request has a value that it cannot have; the message says which.
        """
        answers = self._answers(self.model, requests)
        if self._informant is not None:
            told = self._answers(self._informant.model, requests)
            kept = ("candidates", "nearest", "contributions")
            answers = [
                {**answer, **{name: other[name] for name in kept}, "estimates_version": self._informant.version}
                for answer, other in zip(answers, told, strict=True)
            ]
        least = self.model.parameters.min_own_evidence if self.model else 1
        return explore(answers, requests, exploration, least, seed)

    def _answers(self, model: Model | None, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        known = model.statistics.candidates if model else ()
        parsed = []
        for position, item in enumerate(requests, start=1):
            try:
                parsed.append(parse(item, known))
            except UsageError as error:
                raise UsageError(f"request {position}: {error}" if len(requests) > 1 else str(error)) from error
        if model is None:
            return [self._without_model(request) for request in parsed]
        answers: list[dict[str, Any]] = []
        for begin in range(0, len(parsed), _BATCH):
            answers += self._with_model(model, parsed[begin : begin + _BATCH])
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
        decisions = decide(model, estimates, allowed, self._wishes(requests))
        shown = Shown(model, estimates, decisions, neighbours, pareto(estimates, allowed))
        return [self._answer(model, shown, row, request) for row, request in enumerate(requests)]

    def _wishes(self, requests: Sequence[Request]) -> Wishes:
        def column(values: Iterable[float | None]) -> Array:
            return np.array([np.nan if value is None else value for value in values], np.float64)

        by_kind = [self.weights.get(request.kind or "", {}) for request in requests]
        pairs = list(zip(requests, by_kind, strict=True))
        return Wishes(
            column(by.get("cost") if one.cost_weight is None else one.cost_weight for one, by in pairs),
            column(by.get("time") if one.time_weight is None else one.time_weight for one, by in pairs),
            column(one.max_cost_usd for one in requests),
            column(one.min_success for one in requests),
        )

    def _answer(self, model: Model, shown: Shown, row: int, request: Request) -> dict[str, Any]:
        known = model.statistics.candidates
        options = request.options
        if options is None:
            options = tuple(Option(candidate, number) for number, candidate in enumerate(known))
        ranked = sorted(options, key=lambda option: shown.place(row, option))
        listed = [shown.candidate(row, option) for option in ranked]
        rung = "model" if shown.estimates.informed[row] else "statistics"
        chosen, reason = None, shown.why_not(row, request)
        if request.options is not None and len(request.options) == 1:
            rung, chosen, reason = _explicit(request, is_within=not shown.decisions.excluded[row])
        elif self._held is not None:
            rung, reason = "default", self._held
        elif reason is None:
            chosen, reason = pair(Option(known[shown.decisions.best[row]], None)), shown.why(row)
        elif not shown.decisions.labelled[row]:
            rung = "default"
        return {
            "task_id": request.task_id,
            "chosen": chosen,
            "abstained": chosen is None,
            "reason": reason,
            "rung": rung,
            "router_version": self.version,
            "estimates_version": self.version,
            "candidates": listed,
            "nearest": shown.nearest(row),
            "contributions": shown.contributions(row),
        }

    def _without_model(self, request: Request) -> dict[str, Any]:
        options = request.options or ()
        rung, chosen = "default", None
        reason = self._held or "no router has been trained, and no rule tells the candidates apart"
        wanted = tier_for(normalise(request.task_text))
        fitting = [option for option in options if option.candidate.model_tier == wanted is not None]
        if len(options) == 1:
            rung, chosen, reason = _explicit(request, is_within=True)
        elif self._held is None and len(fitting) == 1 and not request.is_limited:
            rung, chosen = "rules", pair(fitting[0])
            reason = f"no router has been trained; by its words and length the task asks for a {wanted} model"
        return {
            "task_id": request.task_id,
            "chosen": chosen,
            "abstained": chosen is None,
            "reason": reason,
            "rung": rung,
            "router_version": None,
            "estimates_version": None,
            "candidates": [unknown(option) for option in options],
            "nearest": [],
            "contributions": {},
        }


def _explicit(request: Request, *, is_within: bool) -> tuple[str, dict[str, str | None] | None, str]:
    """Return the rung, the one candidate that was given or nobody, and why.

    Limits hold for it, too: of one that is not known nobody can say that it keeps them.
    """
    (option,) = request.options or ()
    if request.is_limited and option.number is None:
        return "explicit", None, f"no log tells of {option.candidate.name}, so nobody knows whether it keeps the limits"
    if not is_within:
        return "explicit", None, nobody_within(request)
    known = "" if option.number is not None else "; no log tells of it"
    return "explicit", pair(option), f"one candidate was given{known}"

"""What `route` is asked: a task, and which candidates may take it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from learning_pipeline.errors import UsageError
from learning_pipeline.routing.labels import kind_of
from learning_pipeline.routing.rules import tier_of
from learning_pipeline.routing.statistics import Candidate

_TEXT_FIELDS = ("task_id", "task_text", "task_type", "repository")
_NUMBERS, _WEIGHTS = ("max_cost_usd", "min_success"), ("cost", "time")
# A line may have fields of the caller's own. A limit that is misspelt must not be passed over, though.
_LIMITS = ("max_", "min_")
_SINGULARS = {"candidate": "candidates", "weight": "weights"}


@dataclass(frozen=True)
class Option:
    """A candidate of one request, and its number in the model; None where the model does not know it."""

    candidate: Candidate
    number: int | None


@dataclass(frozen=True)
class Request:
    """One task to be routed; `options` is None where every known candidate may take it."""

    task_id: str | None
    task_text: str | None
    task_type: str | None
    repository: str | None
    context_tokens: int | None
    options: tuple[Option, ...] | None
    max_cost_usd: float | None = None
    min_success: float | None = None
    cost_weight: float | None = None
    time_weight: float | None = None

    @property
    def is_limited(self) -> bool:
        """Say whether there is a budget or a floor of success."""
        return self.max_cost_usd is not None or self.min_success is not None

    @property
    def kind(self) -> str | None:
        """Return the kind of task, from its text where it is not given."""
        return kind_of(self.task_text, self.task_type)


def parse(item: Mapping[str, Any], known: Sequence[Candidate]) -> Request:
    """Read one request.

    A candidate is `{"agent_name": ..., "model": ...}`, or a text: an agent, a model, or agent/model. One that names
    only an agent, or only a model, stands for all known candidates of it. From an empty list nobody is chosen.

    Raises:
        UsageError: a field has a value that it cannot have; the message names it.
    """
    for name in item:
        if (name.startswith(_LIMITS) and name not in _NUMBERS) or name in _SINGULARS:
            raise UsageError(f"{name} is not known; there are {', '.join((*_NUMBERS, *_SINGULARS.values()))}")
    values: dict[str, str | None] = {}
    for name in _TEXT_FIELDS:
        value = item.get(name)
        if name == "task_id" and isinstance(value, int):
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{name} must be text, not {value!r:.60}")
        values[name] = value
    given = item.get("candidates")
    if given is not None and not isinstance(given, list | tuple):
        raise UsageError(f"candidates must be a list, not {given!r:.60}")
    options = (
        None if given is None else tuple(dict.fromkeys(option for entry in given for option in _resolve(entry, known)))
    )
    tokens = item.get("context_tokens")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0):
        raise UsageError(f"context_tokens must be a number of tokens, not {tokens!r:.60}")
    weights = item.get("weights") or {}
    if not isinstance(weights, Mapping):
        raise UsageError(f"weights must be an object with cost and time, not {weights!r:.60}")
    for name in weights:
        if name not in _WEIGHTS:
            raise UsageError(f"weights has {name!r:.60}; there are {' and '.join(_WEIGHTS)}")
    return Request(
        values["task_id"],
        values["task_text"],
        values["task_type"],
        values["repository"],
        tokens,
        options,
        _number(item, "max_cost_usd"),
        _number(item, "min_success", most=1.0),
        _number(weights, "cost"),
        _number(weights, "time"),
    )


def _number(item: Mapping[str, Any], name: str, most: float = float("inf")) -> float | None:
    value = item.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UsageError(f"{name} must be a number from 0{f' to {most:g}' if most < 2 else ''}, not {value!r:.60}")
    return float(value)


def _resolve(entry: Any, known: Sequence[Candidate]) -> list[Option]:
    if isinstance(entry, str) and entry:
        matches = [item.name == entry for item in known]
        for names in ([item.agent_name for item in known], [item.model for item in known]):
            if not any(matches):
                matches = [name == entry for name in names]
        found = [Option(item, number) for number, item in enumerate(known) if matches[number]]
        agent, _, named = entry.partition("/")
        return found or [Option(Candidate(agent, named or None, tier_of(named or agent)), None)]
    if not isinstance(entry, Mapping):
        raise UsageError(f"a candidate must be a name or an object with agent_name and model, not {entry!r:.60}")
    agent_name, model = entry.get("agent_name"), entry.get("model")
    for name, value in (("agent_name", agent_name), ("model", model)):
        if value is not None and not isinstance(value, str):
            raise UsageError(f"a candidate's {name} must be text, not {value!r:.60}")
    if not agent_name and not model:
        raise UsageError("a candidate needs an agent_name or a model")
    found = [
        Option(item, number)
        for number, item in enumerate(known)
        if (not agent_name or item.agent_name == agent_name) and (not model or item.model == model)
    ]
    exact = [option for option in found if "model" in entry and option.candidate.model == model]
    return exact or found or [Option(Candidate(agent_name or "", model, tier_of(model)), None)]

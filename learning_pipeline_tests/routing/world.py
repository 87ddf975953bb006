"""Executions with a known truth: who succeeds at what, and how often."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import conform
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.routing.labels import experience
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.texts import task_text as sample_text
from learning_pipeline.sample.world import POOL_AGENTS, REPOSITORIES, TASK_TYPES
from learning_pipeline_tests.factories import NOON, events

TRUTH: dict[tuple[str, str], float] = {
    ("alpha", "bug_fix"): 0.9,
    ("alpha", "testing"): 0.4,
    ("beta", "bug_fix"): 0.5,
    ("beta", "testing"): 0.85,
    ("gamma", "bug_fix"): 0.3,
    ("gamma", "testing"): 0.3,
}
_WORDS = {
    "bug_fix": ["crash", "null pointer", "regression", "stack trace", "broken login", "wrong total", "exception"],
    "testing": ["unit test", "fixture", "coverage", "mock server", "assertion", "flaky suite", "parametrize"],
}
_SHARED = ["please", "in the parser", "for the api", "quickly", "module", "service", "handler"]


def task_text(rng: np.random.Generator, task_type: str, number: int) -> str:
    words = [*rng.choice(_WORDS[task_type], 3), *rng.choice(_SHARED, 3)]
    rng.shuffle(words)
    return f"{' '.join(words)} {number}"


def rows(n: int, *, seed: int = 0, truth: Mapping[tuple[str, str], float] = TRUTH) -> list[dict[str, Any]]:
    """Return rows of executions: agents and kinds of task at random, success by the truth."""
    rng = np.random.default_rng(seed)
    pairs = sorted(truth)
    found = []
    for number in range(n):
        agent, task_type = pairs[rng.integers(len(pairs))]
        success = bool(rng.random() < truth[agent, task_type])
        text = task_text(rng, task_type, number)
        duration = int(np.exp(rng.normal(11, 0.5)))
        model = "claude-sonnet-4-5" if agent != "gamma" else None
        place = "shop" if number % 2 else "blog"
        tier = "medium" if model else None
        found.append(_row(number, agent, model, task_type, place, text, success, duration) | {"model_tier": tier})
    return found


def pool_rows(n: int, seed: int) -> list[dict[str, Any]]:
    """Return rows of executions of the sample's pool of agents: each with several models, at ten kinds of task."""
    dice, found = Dice("pool", seed), []
    for number in range(n):
        agent = POOL_AGENTS[dice.pick(tuple(POOL_AGENTS))]
        task_type, model, place = dice.weighted(TASK_TYPES), dice.weighted(agent.models), dice.pick(REPOSITORIES)
        text, success = sample_text(dice, task_type, place), dice.chance(agent.rate(task_type, model))
        duration = int(dice.spread(60_000))
        found.append(_row(number, agent.name, model, task_type, place.name, text, success, duration))
    return found


def _row(
    number: int, agent: str, model: str | None, task_type: str, place: str, text: str, success: bool, duration: int
) -> dict[str, Any]:
    start = NOON + timedelta(minutes=10 * number)
    return {
        "execution_id": f"run-{number:06d}",
        "agent_name": agent,
        "model": model,
        "task_type": task_type,
        "repository": place,
        "task_text": text,
        "task_hash": f"hash-{number:06d}",
        "started_at": start,
        "ended_at": start + timedelta(milliseconds=duration),
        "duration_ms": duration,
        "outcome": "success" if success else "failure",
        "success": success,
        "error_type": None if success else "unknown",
    }


def facts(given: list[dict[str, Any]]) -> pl.LazyFrame:
    """Return rows as the marts stage them."""
    return conform(events("executions", given).lazy(), FctExecutions)


def seen(given: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as the router looks at them."""
    return experience(facts(given))


def shuffled(given: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return the rows with their outcomes dealt out anew."""
    order = np.random.default_rng(seed).permutation(len(given))
    columns = ("outcome", "success", "error_type")
    return [{**row, **{name: given[order[i]][name] for name in columns}} for i, row in enumerate(given)]

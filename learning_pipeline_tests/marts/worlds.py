"""Made-up work with known truths: stationary noise, and what can be planted into it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FACTS
from learning_pipeline.marts.metrics import metric_daily

Array = npt.NDArray[np.float64]
FIRST = date(2026, 1, 1)
AGENTS = ("alpha", "beta", "gamma")
TOOLS = ("Bash", "Edit")
# Of agent or tool, and day: what its numbers are.
Level = Callable[[str, int], float]


def always(value: float) -> Level:
    return lambda name, day: value


def noise(
    seed: int,
    *,
    days: int = 90,
    per_day: Level | None = None,
    success: Level | None = None,
    cost: Level | None = None,
    tool_errors: Level | None = None,
) -> pl.LazyFrame:
    """Return mart_metric_daily of made-up work; what is not given does not change over time."""
    rng = np.random.default_rng(seed)
    per_day, success, cost = per_day or always(12), success or always(0.85), cost or always(0.4)
    tool_errors = tool_errors or always(0.06)
    executions, tools = [], []
    for day in range(days):
        at = FIRST + timedelta(days=day)
        for agent in AGENTS:
            n = int(rng.poisson(per_day(agent, day)))
            calls = rng.poisson(5, n)
            executions.append(
                {
                    "day": [at] * n,
                    "agent_name": [agent] * n,
                    "success": rng.random(n) < success(agent, day),
                    "duration_ms": np.exp(rng.normal(11, 0.8, n)).astype(int),
                    "cost_usd": np.round(cost(agent, day) * np.exp(rng.normal(0, 0.6, n)), 6).astype(str),
                    "output_tokens": np.exp(rng.normal(8, 0.5, n)).astype(int),
                    "quality_score": np.clip(rng.normal(0.7, 0.1, n), 0, 1),
                    "tool_calls": calls,
                    "tool_errors": rng.binomial(calls, 0.06),
                }
            )
        for tool in TOOLS:
            n = int(rng.poisson(40))
            tools.append(
                {
                    "day": [at] * n,
                    "tool_name": [tool] * n,
                    "is_error": rng.random(n) < tool_errors(tool, day),
                    "duration_ms": np.exp(rng.normal(6, 1, n)).astype(int),
                }
            )
    calls_ = pl.LazyFrame(schema=polars_schema(FACTS["fct_llm_calls"]))
    return metric_daily(_facts("fct_executions", executions), calls_, _facts("fct_tool_calls", tools)).collect().lazy()


def _facts(table: str, parts: list[dict[str, object]]) -> pl.LazyFrame:
    """Return rows of a fact; columns that are not given are null."""
    schema = polars_schema(FACTS[table])
    rows = pl.concat([pl.DataFrame(part) for part in parts if len(part["day"])])  # type: ignore[arg-type]
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    ).lazy()


def at_noon(day: int) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(days=day)

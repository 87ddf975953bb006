"""How well a router would have done on executions that are newer than everything it learned from.

Predictions are judged on every held-out label by log loss, Brier score and expected calibration error (ten
bins of equal width), against the base rate of the older part. Choices are judged by `policies`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from learning_pipeline.routing import policies
from learning_pipeline.routing.decision import decide
from learning_pipeline.routing.history import number_of
from learning_pipeline.routing.inputs import Asked
from learning_pipeline.routing.model import Model
from learning_pipeline.routing.policies import HeldOutTasks, Value
from learning_pipeline.routing.text import Array

BINS = 10


@dataclass(frozen=True)
class Measure:
    """One number of the evaluation; columns as in the contract `MartRouterEvaluation`."""

    subject_kind: str
    subject: str
    metric: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    basis: str


@dataclass
class Evaluation:
    """All measures, the reliability table, and how the held-out part was made."""

    measures: list[Measure] = field(default_factory=list)
    reliability: list[dict[str, float | int]] = field(default_factory=list)
    candidates: int = 0
    held_out: int = 0
    best_single: str | None = None  # name of the candidate with the highest rate on the older part

    def get(self, subject: str, metric: str) -> Measure | None:
        """Return one measure, None where it was not taken."""
        wanted = (item for item in self.measures if (item.subject, item.metric) == (subject, metric))
        return next(wanted, None)

    def metrics(self) -> dict[str, float]:
        """Return the measures that have a value, as `subject.metric`."""
        return {
            f"{item.subject}.{item.metric}": item.value
            for item in self.measures
            if item.subject_kind != "candidate" and item.value is not None
        }


@dataclass(frozen=True)
class Predictions:
    """Predicted and seen success of labelled executions."""

    probability: Array
    success: Array
    weight: Array
    task: Array  # number of the execution's task


def predict(model: Model, rows: pl.DataFrame) -> Predictions:
    """Predict the label of labelled executions by who ran them; the base rate for who was never seen."""
    number = number_of(model.statistics.candidates)
    who = np.array([number.get(pair, -1) for pair in rows.select("agent_name", "model").iter_rows()], np.int64)
    tasks = rows.unique("task", keep="first", maintain_order=True)
    place = {task: position for position, task in enumerate(tasks["task"])}
    task = np.array([place[key] for key in rows["task"]], np.int64)
    estimates, _ = model.look(Asked.of_frame(tasks))
    probability = np.full(len(who), model.statistics.base_rate)
    known = who >= 0
    probability[known] = estimates.probability[task[known], who[known]]
    return Predictions(probability, rows["label"].to_numpy(), rows["weight"].to_numpy(), task)


def log_losses(probability: Array | float, success: Array) -> Array:
    """Return the log loss of each prediction; a certainty is taken as 1 - 1e-6."""
    probability = np.clip(probability, 1e-6, 1 - 1e-6)
    return -(success * np.log(probability) + (1 - success) * np.log(1 - probability))


def mean_by_task(values: Array, weights: Array, task: Array) -> Value:
    """Return a weighted mean with the 95 % interval of a mean whose errors are shared within a task."""
    total = weights.sum()
    mean = float((weights * values).sum() / total)
    residuals = np.bincount(task, weights * (values - mean))
    error = 1.96 * float(np.sqrt((residuals**2).sum()) / total)
    return Value(mean, len(values), mean - error, mean + error)


def reliability_table(seen: Predictions) -> list[dict[str, float | int]]:
    """Return predicted against seen success by bins of equal width; empty bins are left out."""
    bins = np.minimum((seen.probability * BINS).astype(int), BINS - 1)
    table: list[dict[str, float | int]] = []
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            weights = seen.weight[inside]
            table.append(
                {
                    "from": number / BINS,
                    "to": (number + 1) / BINS,
                    "n": int(inside.sum()),
                    "weight": round(float(weights.sum()), 6),
                    "predicted": round(float(np.average(seen.probability[inside], weights=weights)), 6),
                    "observed": round(float(np.average(seen.success[inside], weights=weights)), 6),
                }
            )
    return table


def calibration_error(table: Sequence[dict[str, float | int]]) -> float:
    """Return the expected calibration error of a reliability table."""
    total = sum(row["weight"] for row in table)
    return sum(row["weight"] * abs(row["predicted"] - row["observed"]) for row in table) / total


def evaluate(model: Model, test: pl.DataFrame) -> Evaluation:
    """Judge a model on labelled executions that are newer than what it was built from."""
    result = Evaluation(candidates=len(model.statistics.candidates), held_out=test.height)
    _add_candidates(result, model)
    if test.is_empty():
        return result
    seen = predict(model, test)
    _add_predictions(result, seen, model.statistics.base_rate)
    tasks = policies.held_out(test, model.statistics)
    if tasks.texts:
        _add_policies(result, model, tasks)
    return result


def _add_candidates(result: Evaluation, model: Model) -> None:
    estimates = model.estimate([None], [None])
    if model.statistics.candidates:
        result.best_single = model.statistics.candidates[int(estimates.probability[0].argmax())].name
    for number, candidate in enumerate(model.statistics.candidates):
        value, n = float(estimates.probability[0, number]), int(estimates.n[0, number])
        low, high = float(estimates.low[0, number]), float(estimates.high[0, number])
        result.measures.append(
            Measure("candidate", candidate.name, "success_probability", value, n, low, high, "training")
        )
        for metric, amount in (("cost_usd", estimates.cost), ("duration_ms", estimates.duration)):
            known = float(amount[0, number])
            shown = None if np.isnan(known) else known
            result.measures.append(Measure("candidate", candidate.name, metric, shown, n, None, None, "training"))


def _add_predictions(result: Evaluation, seen: Predictions, base_rate: float) -> None:
    base = Predictions(np.full_like(seen.probability, base_rate), seen.success, seen.weight, seen.task)
    losses = {}
    for name, predictions in (("router", seen), ("base_rate", base)):
        losses[name] = log_losses(predictions.probability, predictions.success)
        table = reliability_table(predictions)
        if name == "router":
            result.reliability = table
        brier = mean_by_task((predictions.probability - predictions.success) ** 2, seen.weight, seen.task)
        _add(result, "model", name, "log_loss", mean_by_task(losses[name], seen.weight, seen.task), "held_out")
        _add(result, "model", name, "brier", brier, "held_out")
        error = Value(calibration_error(table), len(seen.success))
        _add(result, "model", name, "calibration_error", error, "held_out")
    gain = mean_by_task(losses["base_rate"] - losses["router"], seen.weight, seen.task)
    _add(result, "model", "router", "log_loss_gain", gain, "held_out")


def _add_policies(result: Evaluation, model: Model, tasks: HeldOutTasks) -> None:
    allowed = tasks.allowed
    estimates, _ = model.look(Asked(tasks.texts, tasks.task_types, tasks.repositories, tasks.context_tokens))
    decisions = decide(model, estimates, allowed)
    alone = model.estimate([None], [None])
    best_single = np.where(allowed, alone.probability, -np.inf).argmax(axis=1)
    cost = np.where(np.isnan(alone.cost), np.inf, alone.cost)
    ranked = np.where(allowed, cost, np.inf)
    cheapest = np.where(np.isfinite(ranked.min(axis=1)), ranked.argmin(axis=1), -1)
    chosen = {
        "router": np.where(decisions.abstained, best_single, decisions.best),
        "router_without_abstaining": decisions.best,
        "best_single": best_single,
        "cheapest": cheapest,
        "oracle": policies.best_possible(tasks),
    }
    amounts: dict[str, Array] = {
        "success_rate": tasks.success,
        "cost_usd": tasks.cost,
        "duration_ms": tasks.duration,
    }
    for metric, amount in amounts.items():
        share = metric == "success_rate"
        for name, choice in chosen.items():
            value = policies.value_of(tasks, choice, amount, share=share)
            _add(result, "policy", name, metric, value, tasks.basis)
        _add(result, "policy", "random", metric, policies.value_of_random(tasks, amount, share=share), tasks.basis)
        _add(result, "policy", "as_run", metric, policies.as_run(tasks, amount, share=share), "held_out")
    decided = float((~decisions.abstained).mean())
    _add(result, "policy", "router", "decided_share", Value(decided, len(tasks.texts)), "held_out")


def _add(result: Evaluation, kind: str, subject: str, metric: str, value: Value, basis: str) -> None:
    result.measures.append(Measure(kind, subject, metric, value.value, value.n, value.low, value.high, basis))


def as_frame(version: str, created_at: Any, evaluation: Evaluation) -> pl.DataFrame:
    """Return the measures in the columns of the contract `MartRouterEvaluation`."""
    from learning_pipeline.contracts.base import polars_schema
    from learning_pipeline.contracts.routing import MartRouterEvaluation

    rows = [
        (version, created_at, m.subject_kind, m.subject, m.metric, m.value, m.n, m.low, m.high, m.basis)
        for m in evaluation.measures
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(MartRouterEvaluation), orient="row")
    return frame.sort("subject_kind", "subject", "metric")

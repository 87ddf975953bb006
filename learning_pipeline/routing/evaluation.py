"""How well a router would have done on executions that are newer than everything it learned from.

Predictions are judged on every held-out label by log loss, Brier score and expected calibration error (ten
bins of equal width), against the base rate of the older part. Choices are judged by `policies`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from learning_pipeline.routing import baselines, contest, policies
from learning_pipeline.routing.curves import quality_over_cost, recovery
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
    against_single: contest.Contest | None = None
    against_champion: contest.Contest | None = None
    by_slice: dict[str, contest.Contest] = field(default_factory=dict)
    refused: str | None = None  # why the overlap gate gives no estimate
    curve: list[tuple[float, float]] = field(default_factory=list)  # mean cost and success, by weight of cost
    learning: list[tuple[int, Value]] = field(default_factory=list)  # labels learned from, held-out log loss

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


@dataclass(frozen=True)
class Champion:
    """The version that decides so far, and until when it has learned."""

    version: str
    model: Model
    last_at: datetime

    def contest(self, tasks: HeldOutTasks, utility: Array, expected: Array, router: Array) -> contest.Contest:
        """Compare a challenger's choices with the champion's, on tasks that the champion has not learned from."""
        rows = np.flatnonzero([at is not None and at > self.last_at for at in tasks.times])
        part = tasks.at(rows)
        names = {item: number for number, item in enumerate(tasks.candidates)}
        number = np.array([names.get((c.agent_name, c.model), -1) for c in self.model.statistics.candidates], np.int64)
        if not len(rows) or (number < 0).any():
            return contest.Contest(None, 0.0, len(rows), "no held-out task is newer than what it learned from")
        asked = Asked(part.texts, part.task_types, part.repositories, part.context_tokens)
        estimates, _ = self.model.look(asked)
        decisions = decide(self.model, estimates, part.allowed[:, number])
        single = np.where(part.allowed[:, number], self.model.surely, -np.inf).argmax(axis=1)
        chosen = number[np.where(decisions.abstained, single, decisions.best)]
        return contest.compare(part, utility[rows], expected[rows], router[rows], chosen)


def evaluate(model: Model, test: pl.DataFrame, champion: Champion | None = None) -> Evaluation:
    """Judge a model on labelled executions that are newer than what it was built from."""
    result = Evaluation(candidates=len(model.statistics.candidates), held_out=test.height)
    _add_candidates(result, model)
    if test.is_empty():
        return result
    seen = predict(model, test)
    _add_predictions(result, seen, model.statistics.base_rate)
    tasks = policies.held_out(test, model.statistics)
    if tasks.texts:
        _add_policies(result, model, tasks, champion)
    return result


def add_learning(result: Evaluation, parts: Sequence[tuple[str, int, Model]], test: pl.DataFrame) -> None:
    """Judge models that learned from a share of the older part: the name of the share, its labels, the model."""
    for name, labels, model in parts if test.height else ():
        seen = predict(model, test)
        value = mean_by_task(log_losses(seen.probability, seen.success), seen.weight, seen.task)
        _add(result, "model", f"router_{name}", "log_loss", value, "held_out")
        result.learning.append((labels, value))


def _add_candidates(result: Evaluation, model: Model) -> None:
    estimates = model.estimate([None], [None])
    if model.statistics.candidates:
        result.best_single = model.statistics.candidates[int(model.surely.argmax())].name
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


def _add_policies(result: Evaluation, model: Model, tasks: HeldOutTasks, champion: Champion | None) -> None:
    asked = Asked(tasks.texts, tasks.task_types, tasks.repositories, tasks.context_tokens)
    estimates, neighbours = model.look(asked)
    decisions = decide(model, estimates, tasks.allowed)
    chosen = baselines.choices(model, tasks, neighbours)
    single = chosen["best_single"]
    router = np.where(decisions.abstained, single, decisions.best)
    chosen |= {"router": router, "router_without_abstaining": decisions.best, "oracle": policies.best_possible(tasks)}
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
    if tasks.basis == "full":
        _add_curves(result, tasks, estimates.probability, estimates.cost)
    else:
        _add_off_policy(result, tasks, router, estimates.probability)
    utility = contest.realised(model, tasks)
    _judge(result, tasks, utility, decisions.utility, router, single)
    if champion is not None:
        result.against_champion = champion.contest(tasks, utility, decisions.utility, router)


def _judge(
    result: Evaluation, tasks: HeldOutTasks, utility: Array, expected: Array, router: Array, single: Array
) -> None:
    result.against_single = contest.compare(tasks, utility, expected, router, single)
    value = result.against_single
    low, high = value.low(1.96), value.high(1.96)
    gain = Value(value.difference, value.n, low, high)
    _add(result, "policy", "router", "utility_gain", gain, tasks.basis)
    for name, rows in contest.slices(tasks).items():
        part = contest.compare(tasks.at(rows), utility[rows], expected[rows], router[rows], single[rows])
        if part.difference is not None:
            result.by_slice[name] = part
            gain = Value(part.difference, part.n, part.low(1.96), part.high(1.96))
            _add(result, "slice", name, "utility_gain", gain, tasks.basis)


def _add_curves(result: Evaluation, tasks: HeldOutTasks, probability: Array, cost: Array) -> None:
    rows = np.arange(len(tasks.ran))
    n = len(rows)
    best = policies.best_possible(tasks)
    likely = np.where(tasks.ran, probability, -np.inf).argmax(axis=1)
    regret = float((tasks.success[rows, best] - tasks.success[rows, likely]).mean())
    _add(result, "policy", "router", "regret", Value(regret, n), tasks.basis)
    everywhere = tasks.ran.all(axis=0)
    means = np.where(everywhere, np.nan_to_num(tasks.success).mean(axis=0), np.nan)
    if int(everywhere.sum()) >= 2:
        strong, weak = int(np.nanargmax(means)), int(np.nanargmin(means))
        found = recovery(
            probability[:, strong] - probability[:, weak], tasks.success[:, weak], tasks.success[:, strong]
        )
        if found is not None:
            for metric, value in (("apgr", found.apgr), ("cpt50", found.cpt50), ("cpt80", found.cpt80)):
                _add(result, "policy", "router", metric, Value(value, n), tasks.basis)
    if not np.isnan(np.where(tasks.ran, tasks.cost, 0.0)).any():
        points = []
        dear = cost / np.nanmax(cost)
        for weight in (0.0, *np.geomspace(0.01, 10, 16).tolist()):
            taken = np.where(tasks.ran, probability - weight * dear, -np.inf).argmax(axis=1)
            points.append((tasks.cost[rows, taken].mean(), tasks.success[rows, taken].mean()))
        costs, values = np.array(points).T
        result.curve = sorted({(float(cost_), float(value)) for cost_, value in points})
        quality = quality_over_cost(costs, values)
        if quality is not None:
            _add(result, "policy", "router", "aiq", Value(quality, n), tasks.basis)


def _add_off_policy(result: Evaluation, tasks: HeldOutTasks, router: Array, expected: Array) -> None:
    found = policies.off_policy(tasks, router, tasks.success, expected)
    for metric, triple in (("snips", found.snips), ("doubly_robust", found.doubly_robust)):
        value = Value(None, found.n) if triple is None else Value(triple[0], found.n, triple[1], triple[2])
        _add(result, "policy", "router", metric, value, tasks.basis)
    _add(result, "policy", "router", "effective_tasks", Value(found.effective, found.n), tasks.basis)
    _add(result, "policy", "router", "overlap", Value(found.overlap, found.n), tasks.basis)
    result.refused = found.refused


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

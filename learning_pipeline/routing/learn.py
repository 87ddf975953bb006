"""From experience to a model: counting, the methods, and cross-fitting their blend.

To cross-fit, the tasks are dealt into `FOLDS` groups by a digest of the task (all executions of a task are in one
group). What each method says of a group is learned from the other groups; the history that boosting sees is each
execution's own past.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from learning_pipeline.routing import blend, history, linear, trees
from learning_pipeline.routing.blend import Blend
from learning_pipeline.routing.counting import candidates_of, count
from learning_pipeline.routing.embedding import Embedding, text_key
from learning_pipeline.routing.experts import MOST_PAIRED, Experts, Opinions
from learning_pipeline.routing.inputs import Encoder, Inputs
from learning_pipeline.routing.linear import logit
from learning_pipeline.routing.model import Model, Parameters, chain_of, local_of
from learning_pipeline.routing.statistics import Candidate, Statistics
from learning_pipeline.routing.tasks import Labels, PastTasks, arrange, leading
from learning_pipeline.routing.text import Array

# Past tasks that are searched for neighbours, and that the methods are trained on: the newest.
TASK_LIMIT = 8_000
EXPERT_LIMIT = 12_000
PAIR_LIMIT = 30_000
FOLDS = 4
# Labelled tasks below which there is too little for a method to find anything in.
LEAST_TASKS = 40


def build(rows: pl.DataFrame, embedding: Embedding, parameters: Parameters, experts: Experts | None = None) -> Model:
    """Count experience (see `labels.experience`) into a model."""
    statistics = count(rows)
    return Model(parameters, statistics, embedding, _past_tasks(rows, statistics, embedding), experts)


def _past_tasks(rows: pl.DataFrame, statistics: Statistics, embedding: Embedding) -> PastTasks:
    number = history.number_of(statistics.candidates)
    texts = rows.filter(pl.col("labelled") & pl.col("task_text").is_not_null())["task_text"].unique().to_list()
    keys = {text: text_key(text) for text in texts}
    labelled = rows.filter(pl.col("labelled") & pl.col("task_text").is_not_null()).with_columns(
        key=pl.col("task_text").replace_strict(keys, default=None, return_dtype=pl.String)
    )
    newest = (
        labelled.sort("at", "execution_id")
        .group_by("key", maintain_order=True)
        .agg(pl.col("execution_id", "agent_name", "model", "label", "task_text", "at").last())
        .sort("at", "execution_id")
        .tail(TASK_LIMIT)
    )
    place = {key: position for position, key in enumerate(newest["key"])}
    weight = np.zeros((len(place), len(number)))
    success = np.zeros_like(weight)
    columns = labelled.select("key", "agent_name", "model", "weight", "label")
    for key, agent, model, amount, label in columns.iter_rows():
        if key in place:
            weight[place[key], number[agent, model]] += amount
            success[place[key], number[agent, model]] += amount * label
    performer = [number[pair] for pair in newest.select("agent_name", "model").iter_rows()]
    vectors = leading(embedding.embed(newest["task_text"].to_list())).astype(np.float16).astype(np.float32)
    return PastTasks(
        vectors,
        weight.astype(np.float32),
        success.astype(np.float32),
        tuple(newest["execution_id"]),
        np.array(performer, np.int64),
        newest["label"].to_numpy().astype(np.float32),
    )


@dataclass(frozen=True)
class Lesson:
    """Everything that the methods are trained on."""

    rows: pl.DataFrame  # all experience
    past: Array  # history of each of its executions
    labels: Labels
    inputs: Inputs  # of the labelled tasks
    encoder: Encoder
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, rows: pl.DataFrame, embedding: Embedding) -> "Lesson":
        """Prepare experience (see `labels.experience`)."""
        candidates = candidates_of(rows)
        labels = arrange(rows, candidates, EXPERT_LIMIT)
        encoder = Encoder.fit(labels.tasks)
        inputs = encoder.inputs(labels.asked, embedding)
        return cls(rows, history.history(rows), labels, inputs, encoder, candidates)


@dataclass(frozen=True)
class Probe:
    """Tasks that methods are asked about."""

    task_types: list[str | None]
    repositories: list[str | None]
    inputs: Inputs

    @classmethod
    def of(cls, tasks: pl.DataFrame, inputs: Inputs) -> "Probe":
        """Take the kinds and repositories of tasks from their table."""
        return cls(tasks["task_type"].to_list(), tasks["repository"].to_list(), inputs)


@dataclass(frozen=True)
class OutOfFold:
    """What the methods say of labelled tasks, learned from other tasks."""

    start: Array  # log odds of each candidate, (tasks, candidates)
    odds: dict[str, Array]  # by method, (tasks, candidates)
    labels: Labels
    fold: Array  # group of each task, (tasks,)
    evidence: Array  # labels that are counted for an estimate in the other groups, (tasks, candidates)
    probes: tuple[tuple[Array, dict[str, Array]], ...] = ()  # start and odds of each group's methods for other tasks

    def fit(self, methods: tuple[str, ...]) -> Blend:
        """Fit a blend of some methods."""
        return blend.fit(self.start, self.odds, self.labels.label, self.labels.weight, methods)


def folds_of(labels: Labels, folds: int = FOLDS) -> Array:
    """Return the group of each task: by its key alone, so that it never changes sides."""
    keys = labels.tasks["task"].to_list()
    return np.array([_dealt(key, folds) for key in keys])


def shares(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Return a quarter and a half of all tasks, for a learning curve; those that are enough to be learned from."""
    tasks = rows.filter("labelled").select(pl.col("task").unique().sort())
    fold = np.array([_dealt(key, 4) for key in tasks["task"]], np.int64)
    found = []
    for name, folds in (("quarter", 1), ("half", 2)):
        chosen = tasks.filter(pl.Series(fold < folds, dtype=pl.Boolean))
        if chosen.height >= LEAST_TASKS:
            found.append((name, rows.join(chosen, on="task", how="semi", maintain_order="left")))
    return found


def _dealt(key: str, folds: int) -> int:
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=4).digest()[0] % folds


def cross_fit(lesson: Lesson, parameters: Parameters, *, seed: int, probe: Probe | None = None) -> OutOfFold:
    """Let the methods judge every task by what the other groups' tasks taught, and each of them the probe's tasks."""
    shape = lesson.labels.weight.shape
    fold = folds_of(lesson.labels)
    start, evidence = np.zeros(shape), np.zeros(shape)
    odds: dict[str, Array] = {}
    probes = []
    for number in range(FOLDS):
        out = np.flatnonzero(fold == number)
        if not len(out):
            continue
        keys = lesson.labels.tasks["task"].gather(out)
        kept = ~lesson.rows["task"].is_in(keys.implode()).to_numpy()
        statistics = count(lesson.rows.filter(pl.Series(kept)), lesson.candidates)
        into = np.flatnonzero(fold != number)
        experts = teach(lesson, into, statistics, parameters, seed=seed)
        weight, label = lesson.labels.weight[into], lesson.labels.label[into]
        nobody = np.zeros(len(into))
        past = PastTasks(leading(lesson.inputs.vectors[into]), weight, weight * label, (), nobody, nobody)
        rate = statistics.rate(parameters.group_prior)
        start[out] = logit(rate)
        held = Probe.of(lesson.labels.tasks[out], lesson.inputs.at(out))
        said, evidence[out] = _judged(held, statistics, past, experts, parameters)
        for name, values in said.items():
            odds.setdefault(name, np.zeros(shape))[out] = values
        if probe is not None:
            probes.append((logit(rate), _judged(probe, statistics, past, experts, parameters)[0]))
    return OutOfFold(start, odds, lesson.labels, fold, evidence, tuple(probes))


def _judged(
    asked: Probe, statistics: Statistics, past: PastTasks, experts: Experts, parameters: Parameters
) -> tuple[dict[str, Array], Array]:
    """Return the log odds by method, and the labels that are counted for an estimate."""
    chain = chain_of(statistics, parameters, asked.task_types, asked.repositories)
    near = past.nearest(asked.inputs.vectors, parameters.neighbours)
    local = local_of(chain, past, near, parameters.neighbours, parameters.neighbour_prior)
    rate = statistics.rate(parameters.group_prior)
    opinions = Opinions(rate, chain.probability, local.probability, asked.task_types, asked.repositories)
    return experts.odds(statistics, asked.inputs, opinions), local.evidence


def teach(
    lesson: Lesson,
    into: Array,
    statistics: Statistics,
    parameters: Parameters,
    *,
    seed: int,
    weights: Blend | None = None,
) -> Experts:
    """Train the methods on some of a lesson's tasks (`into` are their rows).

    Args:
        statistics: counts over the same tasks, with the lesson's candidates.
        weights: how the methods are blended.
    """
    from threadpoolctl import threadpool_limits

    rate = statistics.rate(parameters.group_prior)
    inputs = lesson.inputs.at(into)
    weight, label = lesson.labels.weight[into], lesson.labels.label[into]
    with threadpool_limits(limits=1):  # sums in one order, so that digests are equal
        words = linear.fit(inputs.words, label, weight, logit(rate))
        forest = trees.fit_forest(inputs.dense, label - rate, weight, seed=seed)
        boosting = _boosting(lesson, into, statistics, rate, seed=seed) if len(rate) <= MOST_PAIRED else None
    return Experts(lesson.encoder, words, forest, boosting, weights or blend.only("statistics"))


def _boosting(lesson: Lesson, into: Array, statistics: Statistics, rate: Array, *, seed: int) -> trees.Trees:
    number = history.number_of(lesson.candidates)
    place = np.full(lesson.labels.tasks.height, -1)
    place[into] = into
    rows = lesson.rows.select("task", "agent_name", "model", "labelled", "label", "weight").with_row_index("row")
    tasks = lesson.labels.tasks.select("task").with_columns(place=pl.Series(place)).filter(pl.col("place") >= 0)
    pairs_ = rows.filter("labelled").join(tasks, on="task").sort("row").tail(PAIR_LIMIT)
    who = np.array([number[pair] for pair in pairs_.select("agent_name", "model").iter_rows()], np.int64)
    past = lesson.past[pairs_["row"].to_numpy()]
    price = history.prices(statistics)
    table = np.hstack(
        [
            lesson.inputs.dense[pairs_["place"].to_numpy()],
            np.eye(len(rate), dtype=np.float32)[who],
            price[who][:, None],
            past,
        ],
        dtype=np.float32,
    )
    difference = pairs_["label"].to_numpy() - rate[who]
    return trees.fit_boosting(table, difference, pairs_["weight"].to_numpy(), seed=seed)

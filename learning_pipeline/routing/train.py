"""Training: from the marts' executions to a version in the registry."""

import io
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from learning_pipeline import __version__
from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.store import content_digest
from learning_pipeline.progress import Progress, silent
from learning_pipeline.routing.labels import experience, split
from learning_pipeline.routing.registry import EVALUATION, Registry, Version
from learning_pipeline.settings import Settings

if TYPE_CHECKING:
    from learning_pipeline.routing.evaluation import Champion

# Changes when the same data would give another model.
CODE_VERSION = f"{__version__}+10"
_STEPS = 6
_TABLE = "fct_executions"


@dataclass(frozen=True)
class TrainReport:
    """What training did."""

    version: str | None
    promoted: bool
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    trained: bool = False


def recent(settings: Settings) -> pl.DataFrame:
    """Return what a router learns from (see `labels.experience`): the newest executions, so many as are set.

    Training takes as long as there are rows, and of a year of them the oldest were run by agents that are gone: a night
    beside ten million executions would train for hours, for what the newest tell better.
    """
    from learning_pipeline.marts.reader import days_with_rows, read

    most = settings.router_max_executions
    days = first_days(reversed(days_with_rows(settings, _TABLE).items()), most)
    return experience(read(settings, _TABLE, days)).tail(most)


def corpus(settings: Settings) -> list[str | None] | None:
    """Return the texts that the embedding is fitted on, oldest first; None for those that are learned from.

    What is learned from moves on each night where there is more than that. With it the embedding would be another one
    each night, and all that is published would be embedded anew. So it is fitted on texts that stay for three months:
    the first of the quarter in which begins what is learned from.
    """
    from learning_pipeline.marts.reader import days_with_rows, read

    most, rows = settings.router_max_executions, days_with_rows(settings, _TABLE)
    if sum(rows.values()) <= most:
        return None
    first = min(first_days(reversed(rows.items()), most))
    quarter = first.replace(month=(first.month - 1) // 3 * 3 + 1, day=1)
    days = first_days(((day, n) for day, n in rows.items() if day >= quarter), most)
    return experience(read(settings, _TABLE, days))["task_text"].head(most).to_list()


def first_days(days: Iterable[tuple[date, int]], rows: int) -> list[date]:
    """Return the first of some days, until they have at least so many rows together."""
    found: list[date] = []
    total = 0
    for day, n in days:
        if total >= rows:
            break
        found.append(day)
        total += n
    return found


def train(settings: Settings, *, now: datetime, progress: Progress = silent) -> TrainReport:
    """Train a router on the newest executions, judge it on the newest fifth of tasks, promote it if it is good enough.

    What is stored learns from all of them; what is judged is the same method, learned from the older part.
    Nothing is written where the executions are those of a version that exists, or where none has an outcome.
    """
    begin = time.monotonic()
    progress("train", 0, _STEPS)
    return train_on(settings, recent(settings), corpus(settings), now=now, progress=progress, begin=begin)


def train_on(
    settings: Settings,
    rows: pl.DataFrame,
    texts: list[str | None] | None = None,
    *,
    now: datetime,
    progress: Progress = silent,
    begin: float | None = None,
) -> TrainReport:
    """Train on given experience (see `labels.experience`); the embedding is fitted on `texts`, default its own."""
    begin = time.monotonic() if begin is None else begin
    registry = Registry(settings.models_dir)
    labelled = int(rows["labelled"].sum())
    if labelled == 0:
        latest = registry.latest()
        return TrainReport(
            latest.version if latest else None,
            False,
            f"there is nothing to learn from: none of {rows.height} executions has an observed outcome",
            seconds=time.monotonic() - begin,
        )
    basis = {
        "data_digest": content_digest(rows),
        "code_version": CODE_VERSION,
        "seed": settings.seed,
        "min_evidence": settings.router_min_evidence,
    }
    if texts is not None:
        basis["corpus_digest"] = content_digest(pl.DataFrame({"text": texts}, schema={"text": pl.String}))
    for known in reversed(registry.versions()):
        if all(known.manifest.get(name) == value for name, value in basis.items()):
            return _unchanged(registry, known, now=now, seconds=time.monotonic() - begin)
    return _train(settings, registry, rows, texts, labelled, basis, now=now, progress=progress, begin=begin)


def _unchanged(registry: Registry, known: Version, *, now: datetime, seconds: float) -> TrainReport:
    latest = registry.latest()
    if latest is None or latest.version != known.version or not registry.is_settled(known.version):
        # The data went back to what it was, or a crash came between writing and promoting.
        registry.settle(known.version, known.manifest["stage"], known.manifest["reason"], now=now)
        known = registry.current(known.version) or known
    return TrainReport(
        known.version,
        known.stage == "production",
        f"the executions are those of version {known.version}: {known.reason}",
        dict(known.manifest.get("metrics", {})),
        seconds,
    )


def _train(
    settings: Settings,
    registry: Registry,
    rows: pl.DataFrame,
    texts: list[str | None] | None,
    labelled: int,
    basis: dict[str, Any],
    *,
    now: datetime,
    progress: Progress,
    begin: float,
) -> TrainReport:
    from learning_pipeline.routing import card, embedding, storage
    from learning_pipeline.routing.evaluation import add_learning, as_frame, evaluate
    from learning_pipeline.routing.features import FEATURES
    from learning_pipeline.routing.learn import shares
    from learning_pipeline.routing.methods import study
    from learning_pipeline.routing.model import Parameters
    from learning_pipeline.routing.plots import plots
    from learning_pipeline.routing.promotion import Verdict, judge

    older, newer = split(rows)
    progress("train", 1, _STEPS)
    trial = embedding.fit(embedding.settled(older["task_text"]), seed=settings.seed)
    progress("train", 2, _STEPS)
    studied = study(
        older, trial, Parameters(min_evidence=settings.router_min_evidence), seed=settings.seed, newer=newer
    )
    parameters = studied.parameters
    progress("train", 3, _STEPS)
    judged = studied.model(older, trial, seed=settings.seed)
    evaluation = evaluate(judged, newer, _champion(registry))
    if newer.height:
        parts = [(name, part, studied.model(part, trial, seed=settings.seed)) for name, part in shares(older)]
        learned = [(name, int(part["labelled"].sum()), model) for name, part, model in parts]
        add_learning(evaluation, [*learned, ("whole", int(older["labelled"].sum()), judged)], newer)
    verdict = judge(evaluation, labelled, settings.router_min_evidence)
    hold = registry.held()
    if hold is not None and verdict.promoted:
        verdict = Verdict("staging", f"{verdict.reason}; but promotion is on hold: {hold}")
    progress("train", 4, _STEPS)
    final = embedding.fit(embedding.settled(rows["task_text"] if texts is None else texts), seed=settings.seed)
    model = studied.model(rows, final, seed=settings.seed)
    progress("train", 5, _STEPS)
    arrays, names = storage.arrays_of(model), storage.names_of(model)
    version = storage.version_of(arrays, names, *(f"{name}={value}" for name, value in sorted(basis.items())))
    manifest = {
        **basis,
        "created_at": now.isoformat(),
        "stage": verdict.stage,
        "reason": verdict.reason,
        "executions": rows.height,
        "labelled": labelled,
        "held_out": evaluation.held_out,
        "candidates": [candidate.name for candidate in model.statistics.candidates],
        "features": {one.name: {"version": one.version, "lineage": one.lineage} for one in FEATURES},
        "embedding_version": final.version,
        "embedding_rank": int(final.directions.shape[1]),
        "parameters": parameters.as_dict(),
        "method": studied.method,
        "methods": studied.measures,
        "metrics": evaluation.metrics(),
        "reliability": evaluation.reliability,
        "first_at": _iso(rows["at"].min()),
        "last_at": _iso(rows["at"].max()),
    }
    buffer = io.BytesIO()
    as_frame(version, now, evaluation).write_parquet(buffer)
    files = {
        "model_card.md": card.model_card(version, manifest, evaluation, verdict).encode(),
        EVALUATION: buffer.getvalue(),
    }
    files |= plots(evaluation)
    registry.write(version, arrays, names, manifest, files)
    registry.settle(version, verdict.stage, verdict.reason, now=now)
    registry.prune()
    progress("train", _STEPS, _STEPS)
    seconds = time.monotonic() - begin
    return TrainReport(version, verdict.promoted, verdict.reason, evaluation.metrics(), seconds, trained=True)


def _champion(registry: Registry) -> "Champion | None":
    """Return the version in production; None where there is none, or it can no longer be read."""
    from learning_pipeline.routing import storage
    from learning_pipeline.routing.evaluation import Champion

    item = registry.current()
    if item is None or not item.manifest.get("last_at"):
        return None
    try:
        model = storage.load(registry, item)
    except PipelineError:
        return None  # nothing decides with it any more
    return Champion(item.version, model, datetime.fromisoformat(item.manifest["last_at"]))


def _iso(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else None

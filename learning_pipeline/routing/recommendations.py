"""What the publish room takes from the router: recommendations, task embeddings and evaluations.

All of it is from the latest version, which depends on the data alone: the same data published in one go or
night by night gives the same rows. The intervals say how much a recommendation rests on.
"""

from pathlib import Path

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import empty, polars_schema
from learning_pipeline.contracts.routing import MartRouterEvaluation, RoutingRecommendations
from learning_pipeline.contracts.vocabulary import TASK_TYPES
from learning_pipeline.lake.parquet import write_parquet
from learning_pipeline.routing import storage
from learning_pipeline.routing.decision import decide
from learning_pipeline.routing.embedding import DIMENSIONS, Embedding, text_key
from learning_pipeline.routing.model import Model
from learning_pipeline.routing.registry import EVALUATION, Registry, versions
from learning_pipeline.routing.text import Array
from learning_pipeline.settings import Settings

_EMBEDDING_TYPE = pl.List(pl.Float32)


def recommendations(settings: Settings) -> pl.DataFrame | None:
    """Return the candidates of each kind of task, best first; None where nothing was trained.

    A kind of task, or one in one repository, is left out where it has fewer labelled executions than the router
    needs to decide; in it, so is a candidate without any.
    """
    registry = Registry(settings.models_dir)
    latest = registry.latest()
    if latest is None:
        return None
    return recommend(storage.load(registry, latest), latest.version)


def recommend(model: Model, version: str) -> pl.DataFrame:
    """Return the recommendations of one model, in the contract `RoutingRecommendations`."""
    statistics = model.statistics
    groups: list[tuple[str, str | None]] = [(name, None) for name in statistics.task_types]
    groups += statistics.places
    types = [task_type for task_type, _ in groups]
    estimates = model.estimate(types, [repository for _, repository in groups])
    decisions = decide(model, estimates, np.ones_like(estimates.probability, bool))
    counts = [*statistics.by_type.n, *statistics.by_place.n]
    rows = []
    for row, (task_type, repository) in enumerate(groups):
        n = counts[row]
        if n.sum() < model.parameters.min_evidence or task_type not in TASK_TYPES:
            continue
        ranked = np.lexsort((-decisions.utility[row], ~decisions.eligible[row]))
        order = [number for number in ranked if n[number] > 0]
        for rank, number in enumerate(order, start=1):
            candidate = statistics.candidates[number]
            rows.append(
                {
                    "task_type": task_type,
                    "repository": repository,
                    "rank": rank,
                    "agent_name": candidate.agent_name,
                    "model": candidate.model,
                    "n": int(n[number]),
                    "success_probability": round(float(estimates.probability[row, number]), 6),
                    "interval_low": round(float(estimates.low[row, number]), 6),
                    "interval_high": round(float(estimates.high[row, number]), 6),
                    "expected_cost_usd": _known(estimates.cost[row, number], 9),
                    "expected_duration_ms": _known(estimates.duration[row, number], 0),
                    "utility": round(float(decisions.utility[row, number]), 6),
                    "router_version": version,
                }
            )
    schema = polars_schema(RoutingRecommendations)
    schema["expected_duration_ms"] = pl.Float64()
    frame = pl.DataFrame(rows, schema=schema).cast({"expected_duration_ms": pl.Int64})
    return frame.sort("task_type", "repository", "rank", nulls_last=False)


def embeddings(settings: Settings) -> tuple[str, pl.DataFrame] | None:
    """Return the embedding's version and execution_id, task_embedding (512 numbers) of executions with text.

    Executions without text, or whose text shares nothing with the corpus, are left out: they have no direction.
    None where nothing was trained. Vectors are kept in `models/embeddings/` by the text's digest.
    """
    from learning_pipeline.marts.reader import read

    registry = Registry(settings.models_dir)
    latest = registry.latest()
    if latest is None:
        return None
    embedding = storage.load(registry, latest).embedding
    texts = (
        read(settings, "fct_executions")
        .select("execution_id", "task_text")
        .filter(pl.col("task_text").is_not_null())
        .sort("execution_id")
        .collect()
    )
    keyed = texts.with_columns(key=pl.col("task_text").map_elements(text_key, return_dtype=pl.String))
    vectors = _cached(settings.models_dir / "embeddings", embedding, keyed.unique("key", maintain_order=True))
    found = keyed.join(vectors, on="key", how="inner").select("execution_id", "task_embedding").sort("execution_id")
    return embedding.version, found


def _cached(directory: Path, embedding: Embedding, texts: pl.DataFrame) -> pl.DataFrame:
    path = directory / f"{embedding.version}.parquet"
    schema = pl.Schema({"key": pl.String(), "task_embedding": _EMBEDDING_TYPE})
    known = pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=schema)
    missing = texts.join(known, on="key", how="anti")
    if missing.height:
        new = pl.DataFrame(
            {"key": missing["key"], "task_embedding": _lists(embedding.embed(missing["task_text"].to_list()))},
            schema=schema,
        )
        known = pl.concat([known, new]).sort("key")
        write_parquet(known, path)
        for old in directory.glob("*.parquet"):
            if old != path:
                old.unlink()
    length = pl.col("task_embedding").list.eval(pl.element().abs()).list.max()
    return known.filter(length > 0)


def _lists(vectors: Array) -> pl.Series:
    return pl.Series(vectors, dtype=pl.Array(pl.Float32, DIMENSIONS)).cast(_EMBEDDING_TYPE)


def evaluations(settings: Settings) -> pl.DataFrame:
    """Return the measures of all versions, in the contract `MartRouterEvaluation`."""
    paths = [item.path / EVALUATION for item in versions(settings)]
    frames = [pl.read_parquet(path) for path in paths if path.exists()]
    if not frames:
        return empty(MartRouterEvaluation)
    return pl.concat(frames).sort("router_version", "subject_kind", "subject", "metric")


def _known(value: float, digits: int) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)

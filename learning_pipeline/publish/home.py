"""What a home directory has to publish: its marts, its registry of routers, its audit log. Nothing is made up here."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
import numpy as np
import polars as pl

from learning_pipeline import __version__
from learning_pipeline.contracts.base import empty, polars_schema
from learning_pipeline.contracts.published import LearningAnalytics, MlFeatureStore, MlModels
from learning_pipeline.marts import reader
from learning_pipeline.marts.staging import opened
from learning_pipeline.publish import watched
from learning_pipeline.publish.content import Content, Embedding, Piece, Vectors, piece_of
from learning_pipeline.publish.schema import LOADED
from learning_pipeline.routing import recommendations, storage
from learning_pipeline.routing.embedding import DIMENSIONS, text_key
from learning_pipeline.routing.registry import Registry, Version
from learning_pipeline.settings import Settings

# Published table -> the mart whose rows it holds, column for column.
AS_IN_MARTS = {
    "executions": "fct_executions",
    "agent_definitions": "fct_agent_definitions",
    "agent_transformation_events": "fct_agent_transformations",
    "router_performance_metrics": "fct_routing_decisions",
}
_MODEL_DAILY, _USAGE_DAILY, _LEADERBOARD = "mart_model_daily", "mart_usage_daily", "mart_agent_leaderboard"
_ALERT, _BASELINE, _PREDICTION = "mart_alert", "mart_baseline", "mart_router_prediction"
SOURCES = frozenset({*AS_IN_MARTS.values(), _MODEL_DAILY, _USAGE_DAILY, _LEADERBOARD, _ALERT, _BASELINE, _PREDICTION})
_WINDOWS = (7, 30, 90)
_ANALYTICS = list(polars_schema(LearningAnalytics))


def content_of(settings: Settings) -> Content:
    """Return what is to be published. Rows are read when they are loaded, and only those that are."""
    registry = Registry(settings.models_dir)
    versions = registry.versions()
    latest = registry.latest()
    with opened(settings.staging_dir) as staging:
        parts = {
            table: {day: (part.digest, part.rows) for day, part in staging.parts(table).items()} for table in SOURCES
        }
    pieces = {table: _as_staged(settings, table, mart, parts[mart]) for table, mart in AS_IN_MARTS.items()}
    pieces["learning_analytics"] = _analytics(settings, parts[_MODEL_DAILY], parts[_USAGE_DAILY])
    pieces["ml_feature_store"] = piece_of("ml_feature_store", features(_read(settings, _LEADERBOARD)))
    pieces["ml_models"] = piece_of("ml_models", models(versions))
    pieces["alerts"] = piece_of("alerts", watched.alerts(_read(settings, _ALERT)))
    pieces["performance_baselines"] = piece_of("performance_baselines", watched.baselines(_read(settings, _BASELINE)))
    predicted = watched.predictions(_read(settings, _PREDICTION), reader.read(settings, AS_IN_MARTS["executions"]))
    pieces["ml_predictions"] = piece_of("ml_predictions", predicted)
    recommended = recommendations.recommendations(settings)
    if recommended is not None:
        pieces["routing_recommendations"] = piece_of("routing_recommendations", recommended)
    vectors = None
    if latest is not None:
        embedding = storage.load(registry, latest).embedding
        vectors = Vectors(embedding.version, lambda frame: _embedded(embedding, frame))
    events = (*(_training(item) for item in versions), *watched.events(settings.home))
    return Content(pieces, vectors, __version__, latest.version if latest else None, events)


def _training(item: Version) -> Mapping[str, Any]:
    """Return the training of a version as an event of the audit log."""
    keys = ("data_digest", "code_version", "executions", "labelled", "held_out", "reason")
    return {
        "event_id": f"training:{item.version}",
        "event_type": "training",
        "occurred_at": item.created_at,
        "subject": item.version,
        "detail": {name: item.manifest[name] for name in keys if name in item.manifest},
    }


def _read(settings: Settings, mart: str, days: Collection[date] | None = None) -> pl.DataFrame:
    return reader.read(settings, mart, days).collect()


def _as_staged(settings: Settings, table: str, mart: str, parts: Mapping[date | None, tuple[str, int]]) -> Piece:
    by_day = LOADED[table].by_day
    return Piece(
        {day: digest for day, (digest, _) in parts.items()},
        {day: rows for day, (_, rows) in parts.items()},
        lambda days: _read(settings, mart, days if by_day else None),
    )


def _embedded(embedding: Any, executions: pl.DataFrame) -> pl.DataFrame:
    """Return the embeddings of executions with a text; each text is embedded once."""
    texts = executions.select("execution_id", "task_text").drop_nulls("task_text")
    texts = texts.with_columns(key=pl.col("task_text").map_elements(text_key, return_dtype=pl.String))
    unique = texts.unique("key", maintain_order=True)
    vectors = embedding.embed(unique["task_text"].to_list()) if unique.height else np.zeros((0, DIMENSIONS), np.float32)
    found = pl.DataFrame({"key": unique["key"], "task_embedding": pl.Series(vectors, dtype=Embedding)})
    return texts.join(found, on="key", how="inner").select("execution_id", "task_embedding").sort("execution_id")


# --- tables that are made of several ------------------------------------------------------------------------


def _analytics(
    settings: Settings,
    models_daily: Mapping[date | None, tuple[str, int]],
    usage_daily: Mapping[date | None, tuple[str, int]],
) -> Piece:
    evaluated = router_measures(recommendations.evaluations(settings))
    by_day = piece_of("learning_analytics", evaluated)
    days = {*models_daily, *usage_daily, *by_day.digests}
    sources = (models_daily, usage_daily, {day: (by_day.digests[day], by_day.rows[day]) for day in by_day.digests})
    digests = {day: _together(str(part.get(day, ("", 0))[0]) for part in sources) for day in days}
    rows = {day: sum(part.get(day, ("", 0))[1] for part in sources) for day in days}

    def read(wanted: Collection[date]) -> pl.DataFrame:
        frames = [
            model_measures(_read(settings, _MODEL_DAILY, wanted)),
            usage_measures(_read(settings, _USAGE_DAILY, wanted)),
            evaluated.filter(pl.col("day").is_in(list(wanted))),
        ]
        return pl.concat(frames).sort("day", "category", "subject", "metric_name")

    return Piece(digests, rows, read)


def _together(digests: Any) -> str:
    return hashlib.blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()


def _measures(
    frame: pl.DataFrame, category: str, keys: tuple[str, ...], metrics: Mapping[str, tuple[str, str, str | None]]
) -> pl.DataFrame:
    """Return one row a measure; `metrics` name the value's column, its n's and the prefix of its interval's."""
    names = [pl.col(key).fill_null("?") for key in keys]
    day_begin = pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    metadata = pl.struct(*keys).map_elements(_as_json, return_dtype=pl.String)
    frames = [
        frame.select(
            pl.col("day"),
            pl.lit(category).alias("category"),
            pl.concat_str(names, separator=" ").alias("subject"),
            pl.lit(metric).alias("metric_name"),
            pl.col(value).cast(pl.Float64).alias("metric_value"),
            pl.col(n).cast(pl.Int64).alias("n"),
            (pl.col(f"{interval}_low") if interval else pl.lit(None, pl.Float64)).alias("interval_low"),
            (pl.col(f"{interval}_high") if interval else pl.lit(None, pl.Float64)).alias("interval_high"),
            day_begin.alias("timestamp"),
            metadata.alias("metadata"),
        )
        for metric, (value, n, interval) in metrics.items()
    ]
    return pl.concat(frames).select(_ANALYTICS)


def _as_json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def model_measures(frame: pl.DataFrame) -> pl.DataFrame:
    """Return mart_model_daily, one row a measure."""
    return _measures(
        frame,
        "model",
        ("model",),
        {
            "success_rate": ("success_rate", "labelled", "success"),
            "error_rate": ("error_rate", "answered", "error"),
            "calls": ("calls", "calls", None),
            "executions": ("executions", "executions", None),
            "cost_usd": ("cost_usd", "calls", None),
        },
    )


def usage_measures(frame: pl.DataFrame) -> pl.DataFrame:
    """Return mart_usage_daily, one row a measure."""
    counted = ("calls", "sessions", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    metrics = {name: (name, "calls", None) for name in (*counted, "cost_usd")}
    return _measures(frame, "usage", ("source", "model"), metrics)


def router_measures(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the router's evaluation, one row a measure, on the day of its training."""
    keys = ("router_version", "subject_kind", "subject", "basis")
    metadata = pl.struct(*keys).map_elements(_as_json, return_dtype=pl.String)
    return (
        frame.select(
            pl.col("created_at").dt.date().alias("day"),
            pl.lit("router").alias("category"),
            pl.concat_str(pl.col("router_version"), pl.col("subject_kind"), pl.col("subject"), separator=" ").alias(
                "subject"
            ),
            pl.col("metric").alias("metric_name"),
            pl.col("value").alias("metric_value"),
            "n",
            "interval_low",
            "interval_high",
            pl.col("created_at").alias("timestamp"),
            metadata.alias("metadata"),
        )
        .select(_ANALYTICS)
        .cast(polars_schema(LearningAnalytics))
    )


def features(leaderboard: pl.DataFrame) -> pl.DataFrame:
    """Return mart_agent_leaderboard, one row a feature and window."""
    frames = [empty(MlFeatureStore)]
    none = pl.lit(None, pl.Float64)
    for window in _WINDOWS:
        for feature, n, interval in (
            ("success_rate", "labelled", "success"), ("executions", "executions", None), ("trend", "labelled", None),
            ("cost_per_success_usd", "successes", None), ("p50_ms", "executions", None), ("p95_ms", "executions", None),
        ):  # fmt: skip
            frames.append(
                leaderboard.select(
                    pl.lit("agent").alias("entity_type"),
                    pl.col("agent_name").alias("entity_id"),
                    pl.lit(f"{feature}_{window}d").alias("feature_name"),
                    pl.col(f"{feature}_{window}d").cast(pl.Float64).alias("feature_value"),
                    pl.col(f"{n}_{window}d").cast(pl.Int64).alias("n"),
                    (pl.col(f"{interval}_low_{window}d") if interval else none).alias("interval_low"),
                    (pl.col(f"{interval}_high_{window}d") if interval else none).alias("interval_high"),
                    pl.col("newest_day").alias("as_of"),
                )
            )
    return pl.concat(frames)


def models(versions: list[Version]) -> pl.DataFrame:
    """Return the registry's versions."""
    rows = []
    for item in versions:
        known = item.manifest
        rows.append(
            {
                "model_version": item.version,
                "model_name": "router",
                "stage": item.stage,
                "reason": item.reason,
                "created_at": item.created_at,
                "code_version": str(known.get("code_version", "")),
                "data_digest": item.data_digest,
                "embedding_version": known.get("embedding_version"),
                **{name: known.get(name) for name in ("executions", "labelled", "held_out")},
                **{name: _time(known.get(name)) for name in ("first_at", "last_at")},
                **{name: _as_json(known.get(name, {})) for name in ("parameters", "metrics")},
            }
        )
    return pl.DataFrame(rows, schema=polars_schema(MlModels))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else datetime.combine(found.date(), time(0), UTC)

"""Marts on the router: how its versions did, and what became of its answers.

The router writes both down under `models/`: `VERSION/evaluation.parquet`, and `predictions/DAY.jsonl`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from learning_pipeline.contracts.base import Table, conform, empty, polars_schema
from learning_pipeline.contracts.routing import MartRouterEvaluation, RouterPredictions

EVALUATION, PREDICTIONS = "evaluation.parquet", "predictions"
# Names of the two as inputs of tables.
EVALUATED, PREDICTED = "router_evaluations", "router_predictions"


def evaluations(models_dir: Path) -> pl.DataFrame:
    """Return the measures of all versions, in the contract `MartRouterEvaluation`."""
    paths = sorted(path for path in models_dir.glob(f"*/{EVALUATION}") if not path.parent.name.startswith("."))
    frames = [conform(pl.scan_parquet(path), MartRouterEvaluation).collect() for path in paths]
    return pl.concat(frames) if frames else empty(MartRouterEvaluation)


def predictions(models_dir: Path) -> pl.DataFrame:
    """Return the answers that were written down, in the contract `RouterPredictions`; equal ones once."""
    frames = [_answers(path, RouterPredictions) for path in sorted((models_dir / PREDICTIONS).glob("*.jsonl"))]
    if not frames:
        return empty(RouterPredictions)
    return pl.concat(frames).unique("prediction_id", keep="first", maintain_order=True).sort("prediction_id")


def _answers(path: Path, contract: type[Table]) -> pl.DataFrame:
    schema = dict(polars_schema(contract)) | {"predicted_at": pl.String()}
    lines = pl.DataFrame(list(_objects(path)), schema=schema, orient="row")
    at = pl.col("predicted_at").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return conform(
        lines.with_columns(at).drop_nulls(["prediction_id", "predicted_at", "rung"]).lazy(), contract
    ).collect()


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file's lines; a line that was cut off when its writer died is left out."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line in path.read_bytes().split(b"\n"):
        try:
            if line.strip():
                yield decode(line)
        except msgspec.DecodeError:
            continue


def router_prediction(predicted: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Join each answer with the first execution that came of it.

    It is the one whose execution or correlation id is the caller's id of the task; else the first one of the same
    text that began no earlier than the router was asked, with the agent and model that it chose before all others.
    """
    if predicted.limit(1).collect().is_empty():
        executions = executions.limit(0)  # There is no need to look through all of history.
    runs = executions.select(
        "execution_id", "correlation_id", "task_hash", "started_at", "outcome", "success", "quality_score",
        ran_agent="agent_name", ran_model="model",
        actual_cost_usd=pl.coalesce("cost_usd", "reported_cost_usd"), actual_duration_ms="duration_ms",
    )  # fmt: skip
    asked = predicted.select("prediction_id", "predicted_at", "task_id", "task_hash", "agent_name", "model")
    by_id = [
        asked.drop_nulls("task_id").drop("task_hash").join(runs.drop_nulls(name), left_on="task_id", right_on=name)
        for name in ("execution_id", "correlation_id")
    ]
    found = [
        by_id[0].with_columns(execution_id="task_id", rank=pl.lit(0)),
        by_id[1].with_columns(rank=pl.lit(1)),
        asked.drop_nulls("task_hash")
        .join(runs.drop_nulls("started_at"), on="task_hash")
        .filter(pl.col("started_at") >= pl.col("predicted_at"))
        .with_columns(rank=pl.lit(2)),
    ]
    columns = ["prediction_id", "execution_id", "started_at", "ran_agent", "ran_model", "rank"]
    columns += ["outcome", "success", "quality_score", "actual_cost_usd", "actual_duration_ms"]
    followed = pl.col("ran_agent").eq_missing(pl.col("agent_name")) & pl.col("ran_model").eq_missing(pl.col("model"))
    joined = (
        pl.concat([frame.select([*columns, followed.alias("is_followed")]) for frame in found])
        .sort("prediction_id", "rank", ~pl.col("is_followed"), "started_at", "execution_id", nulls_last=True)
        .unique("prediction_id", keep="first", maintain_order=True)
        .drop("rank", "started_at", "ran_agent", "ran_model")
    )
    target = pl.col("success").cast(pl.Float64)
    brier = pl.when("is_followed").then((pl.col("success_probability") - target) ** 2)
    return predicted.join(joined, on="prediction_id", how="left").with_columns(
        is_joined=pl.col("execution_id").is_not_null(), brier=brier
    )

"""What is published of watching: alerts, baselines, answers of the router, and the audit log."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.published import AUDIT_EVENTS, Alerts, MlPredictions, PerformanceBaselines
from learning_pipeline.errors import PipelineError
from learning_pipeline.publish.clean import jsonb, plain_name
from learning_pipeline.settings import AUDIT_NAME

_PUBLISH = "publish"  # A publish is noted in the database by itself, in its own transaction.


def alerts(mart: pl.DataFrame) -> pl.DataFrame:
    """Return mart_alert as it is published."""
    return mart.select(list(polars_schema(Alerts)))


def baselines(mart: pl.DataFrame) -> pl.DataFrame:
    """Return mart_baseline as it is published: the numbers of agents."""
    return mart.filter(pl.col("subject_kind") == "agent").select(
        "agent_name", "metric", pl.col("median").alias("baseline"), pl.col("mad").alias("spread"), "n", "first_day",
        "last_day", "usual_low", "usual_high",
    ).select(list(polars_schema(PerformanceBaselines)))  # fmt: skip


def predictions(mart: pl.DataFrame, executions: pl.LazyFrame) -> pl.DataFrame:
    """Return mart_router_prediction as it is published.

    Args:
        executions: at least execution_id, started_at and ended_at of those that came of predictions.
    """
    wanted = mart["execution_id"].drop_nulls().unique()
    schema = {"execution_id": pl.String(), "actual_at": pl.Datetime("us", "UTC")}
    ends = pl.DataFrame(schema=schema)
    if wanted.len():
        at = pl.coalesce("ended_at", "started_at").alias("actual_at")
        ends = executions.filter(pl.col("execution_id").is_in(wanted.to_list())).select("execution_id", at).collect()
    seen = pl.when(pl.col("success").is_not_null()).then("actual_at")
    return (
        mart.join(ends, on="execution_id", how="left")
        .with_columns(
            day=pl.col("predicted_at").dt.date(),
            model_version="router_version",
            correlation_id="task_id",
            actual_success="success",
            actual_quality="quality_score",
            actual_at=seen,
        )
        .select(list(polars_schema(MlPredictions)))
    )


def events(home: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what the audit log of a home directory holds, as rows of the published one; cut lines are passed over.

    Raises:
        PipelineError: the log is there and cannot be read.
    """
    path = home / AUDIT_NAME
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise PipelineError(f"cannot read {path}: {error.strerror}") from error
    for line in lines:
        try:
            event = json.loads(line)
            kind, subject = event["event_type"], _text(event["subject"])
            at = datetime.fromisoformat(event["occurred_at"])
            # What jsonb does not take is kept as one string.
            detail = msgspec.json.decode(jsonb(json.dumps(event["detail"])))
        except (ValueError, KeyError, TypeError):
            continue
        if kind == _PUBLISH or kind not in AUDIT_EVENTS or at.tzinfo is None:
            continue
        # A training has the same id as the one that the registry of routers tells of.
        name = subject if kind == "training" else hashlib.blake2b(line, digest_size=12).hexdigest()
        yield {
            "event_id": f"{kind}:{name}",
            "event_type": kind,
            "occurred_at": at.astimezone(UTC),
            "subject": subject,
            "detail": detail,
        }


def _text(value: str) -> str:
    return plain_name(value.encode("utf-8", "replace").decode())

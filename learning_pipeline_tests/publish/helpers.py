"""Content to publish, with defaults for what a test does not say."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import psycopg

from learning_pipeline.contracts.base import conform, polars_schema
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.publish import merge, upkeep
from learning_pipeline.publish.clean import clean
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.content import Content, Vectors, piece_of
from learning_pipeline_tests.factories import NOON, events

Rows = Iterable[dict[str, Any]]
TABLES = ("executions", "agent_metrics", "routing_recommendations")


def facts(rows: Rows) -> pl.DataFrame:
    """Return fct_executions rows; facts' own columns may be among them."""
    rows = list(rows)
    own = [name for name in polars_schema(FctExecutions) if name not in polars_schema(FctExecutions.__base__)]
    plain = [{name: value for name, value in row.items() if name not in own} for row in rows]
    frame = conform(events("executions", plain).lazy(), FctExecutions).collect()
    given = [{"is_stuck": False, **row} for row in rows]
    extra = [pl.Series(name, [row.get(name) for row in given], polars_schema(FctExecutions)[name]) for name in own]
    return frame.with_columns(extra)


def vectors(by_id: dict[str, Any]) -> pl.DataFrame:
    """Return embeddings; a short list is filled up with zeros."""
    full = np.zeros((len(by_id), 512), dtype=np.float32)
    for row, value in zip(full, by_id.values(), strict=True):
        row[: len(value)] = value
    return pl.DataFrame({"execution_id": list(by_id), "task_embedding": full})


def recommendations(rows: Rows) -> pl.DataFrame:
    defaults = {
        "task_type": "bug_fix", "rank": 1, "agent_name": "alpha", "n": 10, "success_probability": 0.5,
        "interval_low": 0.2, "interval_high": 0.8, "utility": 0.5, "router_version": "r1",
    }  # fmt: skip
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=polars_schema(RoutingRecommendations))


def version(
    rows: Rows,
    by_id: dict[str, Any] | None = None,
    recommended: Rows | None = None,
    embedding_version: str = "e1",
    **tables: pl.DataFrame,
) -> Content:
    return content_of(facts(rows), by_id, recommended, embedding_version, **tables)


def content_of(
    executions: pl.DataFrame,
    by_id: dict[str, Any] | None = None,
    recommended: Rows | None = None,
    embedding_version: str = "e1",
    **tables: pl.DataFrame,
) -> Content:
    pieces = {"executions": piece_of("executions", executions)}
    pieces |= {name: piece_of(name, frame) for name, frame in tables.items()}
    if recommended:
        pieces["routing_recommendations"] = piece_of("routing_recommendations", recommendations(recommended))
    embeddings = None
    if by_id:
        known = clean(vectors(by_id))
        embeddings = Vectors(embedding_version, lambda frame: known.join(frame, on="execution_id", how="semi"))
    return Content(pieces, embeddings, "test")


def load(url: str, what: Content) -> merge.Loaded:
    with connect(url, autocommit=True) as connection:
        upkeep.before(connection, what, NOON)
        return merge.load(connection, what, now=NOON)


def ask(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, parameters or None).fetchall()


def row_versions(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return where each row is and which transaction wrote it: any write shows."""
    return {
        table: ask(url, f"select ctid::text, xmin::text from enhanced_learning.{table} order by 1, 2")
        for table in (*TABLES, "publishes")
    }

"""Times a publish beside what it cannot do without: a bare binary COPY of the same rows, and the same index build.

    nice python benchmarks/publish.py [EXECUTIONS] [DAYS]

Prints the ratio of the full publish to the bare copy (goal: at most 2), the share of an incremental day (goal: under
5 %), and how fast and how truly `similar_tasks` and `recommend_agent` answer. All in one run on one server.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg import sql

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.publish import merge, migrate, upkeep
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.content import Content, Vectors, piece_of
from learning_pipeline.publish.copy import copy_rows, types_of
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.publish.load import ANALYZE_SHARE

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST = date(2025, 3, 1)
THEMES, RANK = 400, 48  # Tasks are about some themes, and differ in few directions: as texts do.


def executions(count: int, days: int) -> pl.DataFrame:
    """Return made-up executions, evenly over the days."""
    number = pl.int_range(count, eager=True)
    start = datetime.combine(FIRST, datetime.min.time(), UTC)
    known = {
        "source": "execution_log", "source_file": "bench.jsonl", "host": "bench", "agent_kind": "main",
        "outcome_source": "reported", "label_weight": 0.8, "is_stuck": False, "outcome": "success", "success": True,
        "model": "claude-sonnet-4-5", "provider": "anthropic",
    }  # fmt: skip
    frame = pl.DataFrame({"number": number}).with_columns(*(pl.lit(value).alias(name) for name, value in known.items()))
    at = pl.lit(start) + pl.duration(microseconds=pl.col("number") * (days * 86_400_000_000 // count))
    frame = frame.with_columns(
        source_line=pl.col("number") + 1,
        landed_at=pl.lit(NOW),
        execution_id=pl.format("execution-{}-{}", pl.col("number").hash(1), pl.col("number")),
        session_id=pl.format("session-{}", pl.col("number") // 8),
        agent_name=pl.format("agent-{}", pl.col("number") % 23),
        repository=pl.format("repository-{}", pl.col("number") % 37),
        task_type=pl.lit("bug_fix"),
        task_text=pl.format("fix the failing test of module {} in part {}", pl.col("number"), pl.col("number") % 991),
        started_at=at,
        day=at.dt.date(),
        duration_ms=pl.col("number") % 100_000,
        input_tokens=pl.col("number") % 5_000,
        output_tokens=pl.col("number") % 900,
        attributes=pl.lit('{"attempt": 1, "queue": "main"}'),
    )
    schema = polars_schema(FctExecutions)
    columns = [pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in schema]
    return frame.select(columns).cast(dict(schema)).sort("execution_id")  # type: ignore[arg-type]


def embeddings(frame: pl.DataFrame, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return vectors around themes, of length one."""
    basis = generator.normal(size=(RANK, 512)).astype(np.float32)
    themes = generator.normal(size=(THEMES, RANK)).astype(np.float32)
    chosen = generator.integers(0, THEMES, frame.height)
    points = themes[chosen] + 0.7 * generator.normal(size=(frame.height, RANK)).astype(np.float32)
    vectors = points @ basis + 0.5 * generator.normal(size=(frame.height, 512)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def content(frame: pl.DataFrame, vectors: pl.DataFrame) -> Content:
    recommended = pl.DataFrame(
        [{"task_type": "bug_fix", "repository": None, "rank": rank, "agent_name": f"agent-{rank}", "model": None,
          "n": 100, "success_probability": 0.5, "utility": 0.5, "router_version": "r"} for rank in range(1, 20)],
        schema=polars_schema(RoutingRecommendations),
    )  # fmt: skip
    pieces = {
        "executions": piece_of("executions", frame),
        "routing_recommendations": piece_of("routing_recommendations", recommended),
    }
    of = Vectors("bench", lambda rows: rows.select("execution_id").join(vectors, on="execution_id", how="inner"))
    return Content(pieces, of, "bench")


def timed(name: str, work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    print(f"{name:<46} {seconds:9.2f} s", flush=True)
    return seconds, result


def publish(url: str, what: Content) -> merge.Loaded:
    with connect(url, autocommit=True) as connection:
        upkeep.before(connection, what, NOW)
        loaded = merge.load(connection, what, now=NOW)
        changed = sum(sum(counts.values()) for counts in loaded.changes.values())
        if loaded.written:
            upkeep.after(connection, NOW, analyze=changed > ANALYZE_SHARE * sum(loaded.rows.values()))
    return loaded


def bare(url: str, frame: pl.DataFrame, vectors: pl.DataFrame) -> None:
    """Copy the rows of executions and agent_metrics into plain tables, and build the indexes that they have."""
    with connect(url) as connection:
        connection.execute("set search_path = pg_catalog, public, pg_temp")
        register_vector(connection)
        connection.execute("create schema bare")
        memory = min(int(vectors.height * 2.8 / 1000 + 64), 3_000)
        connection.execute(f"set maintenance_work_mem = '{memory}MB'")
        metrics = frame.join(vectors, on="execution_id").with_columns(
            pl.coalesce("started_at", "ended_at").alias("timestamp"),
            pl.col("duration_ms").alias("execution_time_ms"),
            pl.col("context_tokens").alias("context_size"),
            (pl.col("input_tokens") + pl.col("output_tokens")).alias("tokens_used"),
            pl.lit("bench").alias("embedding_version"),
        )
        types = types_of(FctExecutions)
        own = {"timestamp": "timestamptz", "execution_time_ms": "int8", "context_size": "int8", "tokens_used": "int8",
               "embedding_version": "text", "task_embedding": "vector"}  # fmt: skip
        for table, rows in (("executions", frame), ("agent_metrics", metrics)):
            connection.execute(f"create table bare.{table} (like enhanced_learning.{table})")
            names = connection.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", (f"bare.{table}",)
            ).fetchall()
            chosen = {name: own.get(name) or types[name] for (name,) in names}
            sum(copy_rows(connection, rows, sql.Identifier("bare", table), chosen))
            indexes = connection.execute(
                "select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s::regclass",
                (f"enhanced_learning.{table}",),
            ).fetchall()
            for (definition,) in indexes:
                connection.execute(definition.replace("enhanced_learning.", "bare.").replace(" ONLY ", " "))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 365
    generator = np.random.default_rng(1)
    frame = executions(count, days)
    matrix = embeddings(frame, generator)
    vectors = pl.DataFrame({"execution_id": frame["execution_id"], "task_embedding": matrix})
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        server = Embedded(Path(directory) / "postgres")
        with server.used():
            url = server.url()
            migrate.upgrade(url)
            print(f"{count} executions of {days} days, each with an embedding")
            first = content(frame, vectors)
            assert first.parts  # A home knows the digests of its parts from when it built them.
            full, loaded = timed("full publish", lambda: publish(url, first))
            print(f"  recall at its end: {loaded.recall}")
            last = frame["day"].max()
            changed = frame.with_columns(
                duration_ms=pl.when(pl.col("day") == last).then(pl.col("duration_ms") + 1).otherwise("duration_ms")
            )
            more = changed.filter(pl.col("day") == last).with_columns(
                execution_id=pl.concat_str("execution_id", pl.lit("-new")),
                day=pl.lit(last + timedelta(days=1)),
                started_at=pl.col("started_at") + pl.duration(days=1),
            )
            jittered = embeddings(more, generator)
            both = pl.concat(
                [vectors, pl.DataFrame({"execution_id": more["execution_id"], "task_embedding": jittered})]
            )
            after = content(pl.concat([changed, more]), both)
            assert after.parts
            part, loaded = timed("a day changed, a day added", lambda: publish(url, after))
            print(f"  {loaded.changes['executions']}")
            timed("nothing changed", lambda: publish(url, after))
            ask(url, matrix, generator)
            copied, _ = timed("bare binary COPY and the same indexes", lambda: bare(url, frame, vectors))
            print(f"full publish / bare copy                       {full / copied:9.2f} x  (goal: at most 2)")
            print(f"incremental / full publish                     {100 * part / full:9.2f} %  (goal: under 5)")


def ask(url: str, matrix: NDArray[np.float32], generator: np.random.Generator, searches: int = 200) -> None:
    """Print percentiles and recall of similar_tasks for vectors near published ones, and of recommend_agent."""
    chosen = generator.integers(0, len(matrix), searches)
    noise = generator.normal(size=(searches, 512)).astype(np.float32) / 512**0.5
    questions = matrix[chosen] + 0.3 * noise
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path = pg_catalog, public")
        register_vector(connection)
        connection.execute("set role learning_reader")
        nearest = "select similarity from enhanced_learning.similar_tasks(%s, 10, -1"
        queries = {
            "similar_tasks": f"{nearest})",
            "similar_tasks, one repository": f"{nearest}, 'repository-5')",
            "similar_tasks, last 30 days": f"{nearest}, null, '2026-02-01')",
            "recommend_agent": "select agent_name from enhanced_learning.recommend_agent('bug_fix', %s::text)",
        }
        for name, query in queries.items():
            times, short, found = [], 0, []
            for turn in range(2):  # The second time, pages are in memory.
                for question in questions:
                    began = time.perf_counter()
                    rows = connection.execute(query, (question if "similar" in name else "r",)).fetchall()
                    if turn:
                        times.append((time.perf_counter() - began) * 1000)
                        short += len(rows) < 10
                        found.append([row[0] for row in rows])
            p50, p95, p99 = np.percentile(times, [50, 95, 99])
            print(f"{name:<32} p50 {p50:7.2f} ms  p95 {p95:7.2f} ms  p99 {p99:7.2f} ms", end="")
            if name == "similar_tasks":
                unit = questions / np.linalg.norm(questions, axis=1, keepdims=True)
                true = 0
                for question, similarities in zip(unit, found, strict=True):
                    least = -np.partition(-(matrix @ question), 9)[9]
                    true += sum(similarity >= least - 1e-5 for similarity in similarities)
                print(f"  recall at 10: {true / searches / 10:.4f}", end="")
            print(f"  fewer than 10 rows: {short}" if "similar" in name else "")


if __name__ == "__main__":
    main()

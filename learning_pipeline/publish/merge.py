"""The load into PostgreSQL: one transaction, in which readers see the old version until the new one is whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from learning_pipeline.contracts.base import Table, polars_schema
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.errors import PipelineError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.publish import migrate, roles
from learning_pipeline.publish.content import RECOMMENDATIONS, Content, changed_parts
from learning_pipeline.publish.schema import DIMENSIONS, INTERNAL, PUBLISHER, SCHEMA, AgentMetrics

_Connection = psycopg.Connection[Any]

LOCK_TIMEOUT = "60s"
STATEMENT_TIMEOUT = "1h"  # Of one statement; the longest is the build of the index on the embeddings.
INDEX_MEMORY = "512MB"
_CHUNK = 2_000

# The agent_metrics of staged executions: what has no time is no measurement in time.
_METRICS = """
    select
        e.execution_id, e.agent_name, e.agent_kind, e.model, e.model_tier, e.task_type, e.repository, e.branch,
        e.session_id, coalesce(e.started_at, e.ended_at) as "timestamp", e.day, e.duration_ms as execution_time_ms,
        e.success, e.outcome, e.outcome_source, e.label_weight, e.error_type, e.error_message,
        e.context_tokens as context_size,
        case when num_nonnulls(e.input_tokens, e.output_tokens, e.cache_read_tokens, e.cache_write_tokens) > 0
            then coalesce(e.input_tokens, 0) + coalesce(e.output_tokens, 0)
                + coalesce(e.cache_read_tokens, 0) + coalesce(e.cache_write_tokens, 0) end as tokens_used,
        e.cost_usd, e.quality_score,
        case when v.task_embedding is not null then %(version)s::text end as embedding_version, v.task_embedding
    from pg_temp.stage_executions as e
    left join pg_temp.stage_embeddings as v on v.execution_id = e.execution_id
    where coalesce(e.started_at, e.ended_at) is not null
"""
_METRICS_COLUMNS = tuple(AgentMetrics.to_schema().columns)
_EXECUTION_COLUMNS = tuple(polars_schema(FctExecutions))


@dataclass
class Loaded:
    """What a load did: rows of each table, and how many were inserted, updated and deleted."""

    publish_id: str
    written: bool
    rows: dict[str, int] = field(default_factory=dict)
    changes: dict[str, dict[str, int]] = field(default_factory=dict)


def load(connection: _Connection, content: Content, *, now: datetime, progress: Progress = silent) -> Loaded:
    """Make the content the current version, in one transaction; nothing is written when it is that already.

    Raises:
        psycopg.Error: the server refused; nothing was changed.
    """
    began = monotonic()
    with connection.transaction():
        _prepare(connection)
        publish_id = str(content.publish_id)
        current = current_publish(connection)
        if current and current[0] == publish_id:
            return Loaded(publish_id, written=False, rows=current[1])
        published = dict(connection.execute(f"select part, digest from {INTERNAL}.published_parts").fetchall())
        load_parts, remove_parts = changed_parts(content.parts, published)
        loaded = Loaded(publish_id, written=True)
        touched = load_parts | remove_parts
        if touched - {RECOMMENDATIONS}:
            _load_days(connection, content, load_parts, remove_parts, loaded, progress)
        if RECOMMENDATIONS in touched:
            loaded.changes["routing_recommendations"] = _replace_recommendations(connection, content.recommendations)
        _remember(connection, content, load_parts, remove_parts)
        loaded.rows = {
            table: _count(connection, table) for table in ("executions", "agent_metrics", "routing_recommendations")
        }
        _record(connection, content, loaded, now, now + timedelta(seconds=monotonic() - began))
    progress("publish", 1, 1)
    return loaded


def current_publish(connection: _Connection) -> tuple[str, dict[str, int]] | None:
    """Return the id and the row counts of the version that the tables hold."""
    row = connection.execute(
        f"select publish_id::text, row_counts from {SCHEMA}.publishes where state = 'current'"
    ).fetchone()
    return (row[0], row[1]) if row else None


def analyze(connection: _Connection) -> None:
    """Give the planner the new figures, as far as this user may."""
    for table in ("executions", "agent_metrics"):
        connection.execute(f"analyze (skip_locked) {SCHEMA}.{table}")


def _prepare(connection: _Connection) -> None:
    """Set the transaction's limits, see pgvector, act as publisher, and be alone."""
    schema = migrate.vector_schema(connection)
    if schema is None:
        raise PipelineError("pgvector was removed from the database; run learning-pipeline db upgrade")
    from pgvector.psycopg import register_vector

    migrate.set_path(connection, schema)
    register_vector(connection)
    connection.execute(
        f"set local lock_timeout = '{LOCK_TIMEOUT}'; set local statement_timeout = '{STATEMENT_TIMEOUT}';"
        f"set local maintenance_work_mem = '{INDEX_MEMORY}'; set local client_min_messages = warning"
    )
    if roles.may_be(connection, PUBLISHER):
        connection.execute(f"set local role {PUBLISHER}")
    connection.execute("select pg_advisory_xact_lock(%s)", (migrate.LOCK,))


def _load_days(
    connection: _Connection,
    content: Content,
    load_parts: set[str],
    remove_parts: set[str],
    loaded: Loaded,
    progress: Progress,
) -> None:
    executions, embeddings = content.of_parts(load_parts)
    connection.execute(
        f"create temp table stage_executions (like {SCHEMA}.executions) on commit drop;"
        f"create temp table stage_embeddings (execution_id text, task_embedding vector({DIMENSIONS})) on commit drop"
    )
    total = executions.height + embeddings.height
    done = 0
    for frame, stage, types in (
        (executions, "stage_executions", _types(FctExecutions) | {"attributes": "jsonb"}),
        (embeddings, "stage_embeddings", {"execution_id": "text", "task_embedding": "vector"}),
    ):
        for rows in _copy(connection, frame, stage, types):
            done += rows
            progress("publish", done, total)
    connection.execute("analyze pg_temp.stage_executions; analyze pg_temp.stage_embeddings")
    days = [part for part in load_parts | remove_parts if part != RECOMMENDATIONS]
    loaded.changes["executions"] = _merge(
        connection, "executions", sql.SQL("select * from pg_temp.stage_executions"), _EXECUTION_COLUMNS, days, {}
    )
    version = {"version": content.embedding_version}
    loaded.changes["agent_metrics"] = _merge(
        connection, "agent_metrics", sql.SQL(_METRICS), _METRICS_COLUMNS, days, version
    )
    if embeddings.height:
        connection.execute(f"select {INTERNAL}.index_embeddings()")


def _merge(
    connection: _Connection,
    table: str,
    source: sql.SQL,
    columns: tuple[str, ...],
    days: list[str],
    parameters: dict[str, Any],
) -> dict[str, int]:
    """Make the rows of these days equal to the source's; rows that are equal already are not written."""
    names = {
        "table": sql.Identifier(SCHEMA, table),
        "source": source,
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "key": sql.Identifier("execution_id"),
        "set": sql.SQL(", ").join(_assignment(name) for name in columns if name != "execution_id"),
        # When a row was landed says nothing about what it says.
        "old": _row("t", columns),
        "new": _row("s", columns),
        "inserted": sql.SQL(", ").join(sql.Identifier("s", name) for name in columns),
    }
    statements = {
        "deleted": "delete from {table} as t where t.day = any(%(days)s::date[]) "
        "and not exists (select from pg_temp.stage_executions as s where s.{key} = t.{key})",
        "updated": "update {table} as t set {set} from ({source}) as s "
        "where t.{key} = s.{key} and {old} is distinct from {new}",
        "inserted": "insert into {table} ({columns}) select {inserted} from ({source}) as s "
        "where not exists (select from {table} as t where t.{key} = s.{key}) order by s.day, s.{key}",
    }
    return {
        what: connection.execute(sql.SQL(statement).format(**names), {"days": days, **parameters}).rowcount
        for what, statement in statements.items()
    }


def _assignment(column: str) -> sql.Composed:
    """Return the assignment of a staged value; an embedding that is the same stays where it is, as does its index."""
    new = "case when t.{0} is distinct from s.{0} then s.{0} else t.{0} end" if column == "task_embedding" else "s.{0}"
    return sql.SQL("{0} = " + new).format(sql.Identifier(column))


def _row(alias: str, columns: Iterable[str]) -> sql.Composed:
    """Return the row of all columns that are content, to compare."""
    compared = [sql.Identifier(alias, name) for name in columns if name not in ("landed_at", "execution_id")]
    return sql.SQL("row({})").format(sql.SQL(", ").join(compared))


def _replace_recommendations(connection: _Connection, frame: pl.DataFrame) -> dict[str, int]:
    deleted = connection.execute(f"delete from {SCHEMA}.routing_recommendations").rowcount
    types = _types(RoutingRecommendations)
    inserted = sum(_copy(connection, frame.select(list(types)), f"{SCHEMA}.routing_recommendations", types))
    return {"deleted": deleted, "updated": 0, "inserted": inserted}


def _copy(connection: _Connection, frame: pl.DataFrame, table: str, types: dict[str, str]) -> Iterator[int]:
    """Copy the frame's rows in binary form; yield the rows of each chunk."""
    frame = frame.select(list(types))
    as_json = [number for number, kind in enumerate(types.values()) if kind == "jsonb"]
    as_vector = [number for number, kind in enumerate(types.values()) if kind == "vector"]
    columns = sql.SQL(", ").join(map(sql.Identifier, types))
    target = sql.SQL(".").join(map(sql.Identifier, table.split(".")))
    query = sql.SQL("copy {} ({}) from stdin (format binary)").format(target, columns)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(list(types.values()))
        for chunk in frame.iter_slices(_CHUNK):
            series = [column.to_list() if number not in as_vector else column.to_numpy()
                      for number, column in enumerate(chunk.iter_columns())]  # fmt: skip
            for number in as_json:
                series[number] = [None if text is None else Jsonb(text, dumps=str) for text in series[number]]
            for row in zip(*series, strict=True):
                copy.write_row(row)
            yield chunk.height


def _types(table: type[Table]) -> dict[str, str]:
    """Return PostgreSQL's name of each column's type."""
    names: dict[Any, str] = {
        pl.String: "text", pl.Int64: "int8", pl.Float64: "float8", pl.Boolean: "bool", pl.Date: "date",
        pl.Datetime: "timestamptz", pl.Decimal: "numeric", pl.List: "text[]",
    }  # fmt: skip
    return {name: names[dtype.base_type()] for name, dtype in polars_schema(table).items()}


def _remember(connection: _Connection, content: Content, load_parts: set[str], remove_parts: set[str]) -> None:
    connection.execute(f"delete from {INTERNAL}.published_parts where part = any(%s)", (sorted(remove_parts),))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into {INTERNAL}.published_parts values (%s, %s) "
            "on conflict (part) do update set digest = excluded.digest",
            [(part, content.parts[part]) for part in sorted(load_parts)],
        )


def _record(connection: _Connection, content: Content, loaded: Loaded, start: datetime, end: datetime) -> None:
    """Write the row of this publish. Content that was current before becomes so again in its old row."""
    first_day, last_day = content.days()
    connection.execute(f"update {SCHEMA}.publishes set state = 'superseded' where state = 'current'")
    connection.execute(
        f"""
        insert into {SCHEMA}.publishes (
            publish_id, code_version, schema_version, first_day, last_day, row_counts, changes, digest,
            router_version, embedding_version, state, started_at, finished_at
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'current', %s, %s)
        on conflict (publish_id) do update set
            schema_version = excluded.schema_version, row_counts = excluded.row_counts,
            changes = excluded.changes, state = excluded.state,
            started_at = excluded.started_at, finished_at = excluded.finished_at
        """,
        (
            loaded.publish_id,
            content.code_version,
            migrate.current(connection),
            first_day,
            last_day,
            Jsonb(loaded.rows),
            Jsonb(loaded.changes),
            content.digest,
            content.router_version,
            content.embedding_version,
            start,
            end,
        ),
    )


def _count(connection: _Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {SCHEMA}.{table}").fetchone()
    assert row is not None
    return int(row[0])

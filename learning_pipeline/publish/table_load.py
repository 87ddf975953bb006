"""The load of one table's parts: copied aside, and then made to be the table's rows of these days."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from learning_pipeline.contracts.published import AgentMetrics
from learning_pipeline.progress import Progress
from learning_pipeline.publish.content import Content
from learning_pipeline.publish.copy import copy_rows, types_of
from learning_pipeline.publish.schema import DIMENSIONS, EXECUTIONS, LOADED, METRICS, SCHEMA, TABLES

Changes = dict[str, dict[str, int]]

# The agent_metrics of staged executions: what has no time is no measurement in time.
_METRICS = """
    select
        e.execution_id, e.agent_name, e.agent_kind, e.model, e.model_tier, e.task_type, e.repository, e.branch,
        e.session_id, e.correlation_id, coalesce(e.started_at, e.ended_at) as "timestamp", e.day,
        e.duration_ms as execution_time_ms, e.success, e.outcome, e.outcome_source, e.label_weight, e.error_type,
        e.error_message, e.context_tokens as context_size,
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
_EMBEDDING_TYPES = {"execution_id": "text", "task_embedding": "vector"}


class Steps:
    """Counts rows as they are copied."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def add(self, rows: int) -> None:
        self.done += rows
        self.progress("publish", min(self.done, self.total), self.total)


class TableLoad:
    """The load of one table's parts."""

    def __init__(self, connection: psycopg.Connection[Any], table: str) -> None:
        self.connection = connection
        self.name = table
        self.how = LOADED[table]
        self.types = types_of(TABLES[table])
        self.stage = sql.Identifier("pg_temp", f"stage_{table}")

    def load(
        self,
        content: Content,
        days: set[date | None],
        gone: set[date | None],
        steps: Steps,
        seen: Callable[[pl.DataFrame], None],
    ) -> Changes:
        """Copy the parts aside, and make the table's rows of these days equal to them; `seen` gets the embeddings."""
        changes: Changes = {}
        self._stage(content, days, steps, seen)
        touched = sorted(str(day) for day in days | gone if day is not None)
        source = sql.SQL("select * from {}").format(self.stage)
        columns = tuple(self.types)
        if self.name == EXECUTIONS:
            version = {"version": content.embedding_version}
            changes[METRICS] = self._merge(METRICS, sql.SQL(_METRICS), _METRICS_COLUMNS, touched, version)
        if self.how.key:
            changes[self.name] = self._merge(self.name, source, columns, touched, {})
        else:
            changes[self.name] = self._replace(source, columns, touched)
        # What was staged takes room until the end of the transaction otherwise, beside the index to be built.
        self.connection.execute(sql.SQL("truncate {}").format(self.stage))
        if self.name == EXECUTIONS:
            self.connection.execute("truncate pg_temp.stage_embeddings")
        return changes

    def _stage(
        self, content: Content, days: set[date | None], steps: Steps, seen: Callable[[pl.DataFrame], None]
    ) -> None:
        table = sql.Identifier(SCHEMA, self.name)
        self.connection.execute(
            sql.SQL("create temp table {} (like {}) on commit drop").format(sql.Identifier(f"stage_{self.name}"), table)
        )
        if self.name == EXECUTIONS:
            self.connection.execute(
                "create temp table stage_embeddings "
                f"(execution_id text, task_embedding vector({DIMENSIONS}) not null) on commit drop"
            )
        if not days:
            return
        for frame in content.batches(self.name, days):
            if self.name == EXECUTIONS:
                vectors = content.embeddings(frame)
                seen(vectors)
                sum(copy_rows(self.connection, vectors, sql.Identifier("stage_embeddings"), _EMBEDDING_TYPES))
            for rows in copy_rows(self.connection, frame, self.stage, self.types):
                steps.add(rows)
        self.connection.execute(sql.SQL("analyze {}").format(self.stage))
        if self.name == EXECUTIONS:
            self.connection.execute("analyze pg_temp.stage_embeddings")

    def _merge(
        self, table: str, source: sql.Composable, columns: tuple[str, ...], days: list[str], parameters: dict[str, Any]
    ) -> dict[str, int]:
        """Make the rows of these days equal to the source's; rows that are equal already are not written."""
        key = self.how.key or ""
        names = {
            "table": sql.Identifier(SCHEMA, table),
            "source": source,
            "stage": self.stage,
            "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
            "key": sql.Identifier(key),
            "set": sql.SQL(", ").join(_assignment(name) for name in columns if name != key),
            "old": _row("t", columns, key),
            "new": _row("s", columns, key),
            "inserted": sql.SQL(", ").join(sql.Identifier("s", name) for name in columns),
        }
        statements = {
            "deleted": "delete from {table} as t where t.day = any(%(days)s::date[]) "
            "and not exists (select from {stage} as s where s.{key} = t.{key})",
            "updated": "update {table} as t set {set} from ({source}) as s "
            "where t.{key} = s.{key} and {old} is distinct from {new}",
            "inserted": "insert into {table} ({columns}) select {inserted} from ({source}) as s "
            "where not exists (select from {table} as t where t.{key} = s.{key}) order by s.day, s.{key}",
        }
        changes = dict.fromkeys(statements, 0)
        if not self._any(table):  # The first load compares with nothing.
            statements = {"inserted": "insert into {table} ({columns}) select {inserted} from ({source}) as s"}
        for what, statement in statements.items():
            query = sql.SQL(statement).format(**names)
            changes[what] = self.connection.execute(query, {"days": days, **parameters}).rowcount
        return changes

    def _replace(self, source: sql.Composable, columns: tuple[str, ...], days: list[str]) -> dict[str, int]:
        """Take the rows of these days out, of all days when the table is loaded whole, and put the staged ones in."""
        table = sql.Identifier(SCHEMA, self.name)
        where = sql.SQL("where day = any(%s::date[])" if self.how.by_day else "")
        deleted = self.connection.execute(
            sql.SQL("delete from {} {}").format(table, where), (days,) if self.how.by_day else None
        ).rowcount
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        inserted = self.connection.execute(
            sql.SQL("insert into {} ({}) select {} from ({}) as s").format(table, listed, listed, source)
        ).rowcount
        return {"deleted": deleted, "updated": 0, "inserted": inserted}

    def _any(self, table: str) -> bool:
        query = sql.SQL("select exists (select from {})").format(sql.Identifier(SCHEMA, table))
        return self.connection.execute(query).fetchone() == (True,)


def _assignment(column: str) -> sql.Composed:
    """Return the assignment of a staged value; an embedding that is the same stays where it is, as does its index."""
    new = "case when t.{0} is distinct from s.{0} then s.{0} else t.{0} end" if column == "task_embedding" else "s.{0}"
    return sql.SQL("{0} = " + new).format(sql.Identifier(column))


def _row(alias: str, columns: Iterable[str], key: str) -> sql.Composed:
    """Return the row of all columns that are content, to compare; when a row was landed says nothing of it."""
    compared = [sql.Identifier(alias, name) for name in columns if name not in ("landed_at", key)]
    return sql.SQL("row({})").format(sql.SQL(", ").join(compared))

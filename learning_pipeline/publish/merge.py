"""The load into PostgreSQL: one transaction, in which readers see the old version until the new one is whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from learning_pipeline.errors import PipelineError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.publish import migrate, recall, roles
from learning_pipeline.publish.content import Content, Part, changed_parts
from learning_pipeline.publish.recall import Sample
from learning_pipeline.publish.record import record
from learning_pipeline.publish.schema import COUNTED, INTERNAL, LOADED, METRICS, PUBLISHER, SCHEMA
from learning_pipeline.publish.table_load import Changes, Steps, TableLoad

_Connection = psycopg.Connection[Any]

LOCK_TIMEOUT = "60s"
STATEMENT_TIMEOUT = "2h"  # Of one statement; the longest is the build of the index on the embeddings.
# The build of that index is several times faster while its graph fits: about 3 kB a task, and no more than this.
_INDEX_KB_A_TASK, _LEAST_INDEX_MB, _MOST_INDEX_MB = 2.8, 64, 3_000


@dataclass
class Loaded:
    """What a load did: rows of each table, how many were inserted, updated and deleted, and the index's recall."""

    publish_id: str
    written: bool
    rows: dict[str, int] = field(default_factory=dict)
    changes: Changes = field(default_factory=dict)
    recall: dict[str, float] | None = None


def load(connection: _Connection, content: Content, *, now: datetime, progress: Progress = silent) -> Loaded:
    """Make the content the current version, in one transaction; nothing is written when it is that already.

    Raises:
        psycopg.Error: the server refused; nothing was changed.
    """
    began = monotonic()
    with connection.transaction():
        _prepare(connection)
        wanted = content.kept(_oldest(connection, now))
        publish_id = str(content.publish_id(wanted))
        current = current_publish(connection)
        if current and current[0] == publish_id and is_whole(current[1]):
            return Loaded(publish_id, written=False, rows=current[1])
        load_parts, remove_parts = changed_parts(wanted, _published(connection))
        loaded = Loaded(publish_id, written=True)
        steps = Steps(progress, sum(content.pieces[table].rows[day] for table, day in load_parts))
        sample = Sample()
        for table in LOADED:
            days = {day for name, day in load_parts if name == table}
            gone = {day for name, day in remove_parts if name == table}
            if days | gone:
                loaded.changes |= TableLoad(connection, table).load(content, days, gone, steps, sample.add)
        built = METRICS in loaded.changes and sample.height > 0 and _index(connection, content, sample)
        _remember(connection, wanted, load_parts, remove_parts)
        loaded.rows = _counts(connection, current[1] if current else {}, loaded.changes)
        end = now + timedelta(seconds=monotonic() - began)
        record(connection, content, wanted, publish_id, loaded.rows, loaded.changes, now, end)
        if built:
            loaded.recall = _measure(connection, publish_id, sample)
    progress("publish", 1, 1)
    return loaded


def current_publish(connection: _Connection) -> tuple[str, dict[str, int]] | None:
    """Return the id and the row counts of the version that the tables hold."""
    row = connection.execute(
        f"select publish_id::text, row_counts from {SCHEMA}.publishes where state = 'current'"
    ).fetchone()
    return (row[0], row[1]) if row else None


def is_whole(rows: Mapping[str, int]) -> bool:
    """Say whether row counts are of all tables: a migration that empties a table takes its count away."""
    return rows.keys() >= set(COUNTED)


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
        "set local client_min_messages = warning"
    )
    if roles.may_be(connection, PUBLISHER):
        connection.execute(f"set local role {PUBLISHER}")
    connection.execute("select pg_advisory_xact_lock(%s)", (migrate.LOCK,))


def _oldest(connection: _Connection, now: datetime) -> dict[str, date]:
    """Return the oldest day that each table keeps, where the owner of the database has set one."""
    rows = connection.execute(f"select table_name, keep_days from {SCHEMA}.retention where keep_days is not null")
    return {table: now.astimezone(UTC).date() - timedelta(days=min(days, 700_000)) for table, days in rows}


def _published(connection: _Connection) -> dict[Part, str]:
    found = {}
    for part, digest in connection.execute(f"select part, digest from {INTERNAL}.published_parts"):
        table, _, day = part.partition("/")
        found[table, date.fromisoformat(day) if day else None] = digest
    return found


def _index(connection: _Connection, content: Content, sample: Sample) -> bool:
    """Build the index of the embeddings' version where it is missing, and say whether it was."""
    memory = min(max(sample.height * _INDEX_KB_A_TASK / 1000 + _LEAST_INDEX_MB, _LEAST_INDEX_MB), _MOST_INDEX_MB)
    connection.execute(f"set local maintenance_work_mem = '{int(memory)}MB'")
    row = connection.execute(f"select {INTERNAL}.index_embeddings(%s)", (content.embedding_version,)).fetchone()
    return row == (True,)


def _measure(connection: _Connection, publish_id: str, sample: Sample) -> dict[str, float] | None:
    """Measure how much of the truth similar_tasks finds, and write it into the row of this publish."""
    found = recall.measured(connection, sample)
    if found is not None:
        connection.execute(
            f"update {SCHEMA}.publishes set recall = %s where publish_id = %s", (Jsonb(found), publish_id)
        )
    return found


def _remember(
    connection: _Connection, wanted: Mapping[Part, str], load_parts: set[Part], remove_parts: set[Part]
) -> None:
    connection.execute(
        f"delete from {INTERNAL}.published_parts where part = any(%s)", (sorted(map(_name, remove_parts)),)
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into {INTERNAL}.published_parts values (%s, %s) "
            "on conflict (part) do update set digest = excluded.digest",
            sorted((_name(part), wanted[part]) for part in load_parts),
        )


def _name(part: Part) -> str:
    table, day = part
    return table if day is None else f"{table}/{day.isoformat()}"


def _counts(
    connection: _Connection, before: Mapping[str, int], changes: Mapping[str, Mapping[str, int]]
) -> dict[str, int]:
    """Return the rows of each table: what was known and changed since; counted where it was not known."""
    found = {}
    for table in COUNTED:
        if table in before:
            change = changes.get(table, {})
            found[table] = before[table] + change.get("inserted", 0) - change.get("deleted", 0)
        else:
            row = connection.execute(f"select count(*) from {SCHEMA}.{table}").fetchone()
            assert row is not None
            found[table] = int(row[0])
    return found

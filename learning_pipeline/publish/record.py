"""What is written about a publish: its row, and the audit log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from learning_pipeline.publish import migrate
from learning_pipeline.publish.content import Content, Part
from learning_pipeline.publish.schema import EXECUTIONS, SCHEMA


def record(
    connection: psycopg.Connection[Any],
    content: Content,
    wanted: Mapping[Part, str],
    publish_id: str,
    rows: Mapping[str, int],
    changes: Mapping[str, Mapping[str, int]],
    start: datetime,
    end: datetime,
) -> None:
    """Write the row of this publish. Content that was current before becomes so again in its old row."""
    days = [day for table, day in wanted if table == EXECUTIONS and day is not None]
    connection.execute(f"update {SCHEMA}.publishes set state = 'superseded' where state = 'current'")
    row = {
        "publish_id": publish_id,
        "code_version": content.code_version,
        "schema_version": migrate.current(connection),
        "first_day": min(days, default=None),
        "last_day": max(days, default=None),
        "row_counts": Jsonb(dict(rows)),
        "changes": Jsonb(dict(changes)),
        "digest": content.digest(wanted),
        "router_version": content.router_version,
        "embedding_version": content.embedding_version,
        "state": "current",
        "started_at": start,
        "finished_at": end,
    }
    marks = ", ".join(f"%({name})s" for name in row)
    connection.execute(
        f"insert into {SCHEMA}.publishes ({', '.join(row)}) values ({marks}) on conflict (publish_id) do update set "
        + ", ".join(f"{name} = excluded.{name}" for name in row if name != "publish_id"),
        row,
    )
    detail = {"changes": changes, "code_version": content.code_version, "router_version": content.router_version}
    event = {"event_id": f"publish:{publish_id}:{start.isoformat()}", "event_type": "publish",
             "occurred_at": start, "subject": publish_id, "detail": detail}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into {SCHEMA}.audit_log (event_id, event_type, occurred_at, day, subject, detail) values "
            "(%(event_id)s, %(event_type)s, %(occurred_at)s, %(day)s, %(subject)s, %(detail)s) on conflict do nothing",
            [
                {**one, "detail": Jsonb(one["detail"]), "day": one["occurred_at"].astimezone(UTC).date()}
                for one in (*content.events, event)
            ],
        )

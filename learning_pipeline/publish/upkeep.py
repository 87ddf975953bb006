"""What is done to the tables around a load: partitions ahead of it, and what is too old after it.

Each step is short and by itself, so that no reader waits for a load. What does not get its lock in time is left
to the next publish.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from learning_pipeline.publish import merge, migrate, roles
from learning_pipeline.publish.connect import one_line
from learning_pipeline.publish.content import Content
from learning_pipeline.publish.schema import INTERNAL, LOADED, PUBLISHER, SCHEMA

MONTHS_AHEAD = 3
_PATIENCE = "3s"


def before(connection: psycopg.Connection[Any], content: Content, now: datetime) -> None:
    """Make the partitions that the content needs, and those of the coming months."""
    today = now.astimezone(UTC).date()
    days = {day for table, day in content.parts if LOADED[table].by_day and day is not None}
    days |= {event["occurred_at"].astimezone(UTC).date() for event in content.events}
    months = {day.replace(day=1) for day in days} | set(months_from(today, MONTHS_AHEAD))
    with connection.transaction():
        _act(connection, merge.LOCK_TIMEOUT)
        connection.execute("select pg_advisory_xact_lock(%s)", (migrate.LOCK,))
        connection.execute(f"select {INTERNAL}.make_partitions(%s)", (sorted(months),))


def after(connection: psycopg.Connection[Any], now: datetime, *, analyze: bool) -> list[str]:
    """Drop what belongs to no version any more or is older than is kept; return what has to wait."""
    today = now.astimezone(UTC).date()
    notes = []
    if analyze:
        notes += _try(connection, "analyze the tables", f"select {INTERNAL}.analyze_tables()", ())
    notes += _try(connection, "drop indexes of older embeddings", f"select {INTERNAL}.drop_old_indexes()", ())
    notes += _try(connection, "drop old partitions", f"select {INTERNAL}.drop_partitions(%s)", (today,))
    for table, day in (("publishes", "(finished_at at time zone 'UTC')::date"), ("audit_log", "day")):
        keep = f"(select keep_days::integer from {SCHEMA}.retention where table_name = '{table}')"
        current = "and state <> 'current'" if table == "publishes" else ""
        query = f"delete from {SCHEMA}.{table} where {day} < %s::date - {keep} {current}"
        notes += _try(connection, f"drop old rows of {table}", query, (today,))
    return notes


def months_from(today: date, ahead: int) -> list[date]:
    """Return the first days of this month and of the next ones."""
    months = [today.replace(day=1)]
    for _ in range(ahead):
        months.append((months[-1] + timedelta(days=31)).replace(day=1))
    return months


def _act(connection: psycopg.Connection[Any], lock_timeout: str) -> None:
    connection.execute(f"set local lock_timeout = '{lock_timeout}'; set local statement_timeout = '10min'")
    connection.execute("set local client_min_messages = warning")
    if roles.may_be(connection, PUBLISHER):
        connection.execute(f"set local role {PUBLISHER}")


def _try(connection: psycopg.Connection[Any], doing: str, query: str, parameters: tuple[object, ...]) -> list[str]:
    try:
        with connection.transaction():
            _act(connection, _PATIENCE)
            connection.execute(query, parameters)
    except psycopg.Error as error:
        return [f"could not {doing}: {one_line(error)}"]
    return []

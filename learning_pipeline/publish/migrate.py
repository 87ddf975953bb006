"""The schema in PostgreSQL: made, taken back, and asked for its version.

The migrations are plain SQL files with their rollbacks under `sql/migrations/versions`, run by alembic, which
Dagster brings along. yoyo-migrations was tried first: it marks a migration as applied after it has committed
it, and locks by a row in a table, so a process that is killed leaves a schema that cannot be upgraded, or a
lock that nobody opens. With alembic an upgrade is one transaction together with its version mark.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.publish import roles
from learning_pipeline.publish.connect import connect, explained, where
from learning_pipeline.publish.schema import INTERNAL, MIN_PGVECTOR, SCHEMA, VERSION_TABLE, comments

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

SQL_DIR = Path(__file__).parents[2] / "sql" / "migrations"
LOCK = 0x6C6561726E  # Advisory lock of every migration and publish: "learn".

_AVAILABLE = "select installed_version, default_version from pg_available_extensions where name = 'vector'"

_log = logging.getLogger(__name__)


def upgrade(url: str) -> list[str]:
    """Bring the schema to the newest revision, with comments, roles and grants: all of it or nothing.

    Returns:
        What could not be done and is not needed to go on, such as roles that the user may not create.

    Raises:
        PipelineError: pgvector is missing or too old, or a statement failed; nothing was changed.
    """
    with _migration(url, "upgrading the schema") as (config, connection):
        from alembic import command

        raw = _raw(connection)
        raw.execute(f"create schema if not exists {SCHEMA}; create schema if not exists {INTERNAL}")
        raw.execute(f"create table if not exists {INTERNAL}.made (kind text, name text, primary key (kind, name))")
        vector = _vector(raw, url)
        command.upgrade(config, "head")
        _comment(raw)
        notes = roles.grant(raw, vector)
    for note in notes:
        _log.warning(note)
    return notes


def downgrade(url: str, to: str | None = None) -> None:
    """Take the schema back to a revision; without one, to nothing.

    To nothing, both schemas, the roles and the extension that an upgrade made are removed; roles and an
    extension that something else uses, and a schema in which others put objects, stay.

    Raises:
        UsageError: there is no such revision.
    """
    known = _revisions()
    if to is not None and to not in known:
        raise UsageError(f"there is no revision {to!r}; there are: {', '.join(known)}")
    with _migration(url, "downgrading the schema") as (config, connection):
        from alembic import command

        raw = _raw(connection)
        if current(raw) is None:
            return
        vector = vector_schema(raw)
        if vector is not None:
            set_path(raw, vector)
        if to is not None:
            command.downgrade(config, to)
            return
        roles.revoke(raw, vector)
        command.downgrade(config, "base")
        made = raw.execute(f"select kind, name from {INTERNAL}.made").fetchall()
        raw.execute(f"drop table {INTERNAL}.made, {INTERNAL}.{VERSION_TABLE}")
        for schema in (INTERNAL, SCHEMA):
            _drop(raw, "schema", schema)
        for kind, name in sorted(made):
            if kind == "extension" or (kind == "role" and roles.unused(raw, name)):
                _drop(raw, kind, name)


def status(url: str) -> list[tuple[str, bool]]:
    """Return every revision, oldest first, and whether it is applied."""
    with connect(url) as connection:
        now = current(connection)
    revisions = _revisions()
    if now is None:
        return [(revision, False) for revision in revisions]
    if now not in revisions:
        raise PipelineError(
            f"the schema at {where(url)} is at {now!r}, which this program does not know; install a newer version"
        )
    return [(revision, revisions.index(revision) <= revisions.index(now)) for revision in revisions]


def current(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision that the schema is at; null when there is none."""
    if connection.execute("select to_regclass(%s)", (f"{INTERNAL}.{VERSION_TABLE}",)).fetchone() == (None,):
        return None
    row = connection.execute(f"select version_num from {INTERNAL}.{VERSION_TABLE}").fetchone()
    return row[0] if row else None


def run_sql(name: str) -> None:
    """Run one SQL file; for the revisions under `sql/migrations/versions`."""
    from alembic import op

    # Straight to the driver: a file holds many statements, and colons and percent signs mean nothing in it.
    _raw(op.get_bind()).execute((SQL_DIR / "versions" / name).read_bytes())


def vector_schema(connection: psycopg.Connection[Any]) -> str | None:
    """Return the schema that pgvector is installed in; null when it is not."""
    row = connection.execute(
        "select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector'"
    ).fetchone()
    return row[0] if row else None


def set_path(connection: psycopg.Connection[Any], schema: str) -> None:
    """Let this transaction see PostgreSQL's own names and pgvector's, and nothing else."""
    connection.execute(sql.SQL("set local search_path = pg_catalog, {}, pg_temp").format(sql.Identifier(schema)))


@contextmanager
def _migration(url: str, doing: str) -> Iterator[tuple["Config", "Connection"]]:
    """Give alembic's configuration and a connection in a transaction that no other migration or publish shares."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    _check_checkout()
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            raw = _raw(connection)
            raw.execute("set local lock_timeout = '60s'; set local client_min_messages = warning")
            raw.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            config = _config()
            config.attributes["connection"] = connection
            yield config, connection
    except psycopg.Error as error:
        raise explained(error, url, doing) from error
    finally:
        engine.dispose()


def _check_checkout() -> None:
    if not (SQL_DIR / "env.py").exists():
        raise PipelineError(
            f"there are no migrations in {SQL_DIR}: run from a checkout, installed with pip install --editable"
        )


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SQL_DIR).replace("%", "%%"))
    return config


def _revisions() -> list[str]:
    """Return the revisions, oldest first: their files' names, which are numbered."""
    _check_checkout()
    return sorted(path.stem for path in (SQL_DIR / "versions").glob("[0-9]*.py"))


def _raw(connection: "Connection") -> psycopg.Connection[Any]:
    """Return psycopg's own connection, in the same transaction."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def _vector(connection: psycopg.Connection[Any], url: str) -> str:
    """Install pgvector where it is missing, check its version, put its schema on the search path and return it."""
    least = ".".join(map(str, MIN_PGVECTOR[:2]))
    row = connection.execute(_AVAILABLE).fetchone()
    if row is None:
        raise PipelineError(f"PostgreSQL at {where(url)} has no pgvector: install pgvector {least} or newer there")
    version = row[0] or row[1]
    if tuple(int(part) for part in version.split(".")[:3]) < MIN_PGVECTOR:
        advice = "run ALTER EXTENSION vector UPDATE" if row[0] and row[1] != row[0] else "install a newer one"
        raise PipelineError(f"pgvector at {where(url)} is {version}, and {least} or newer is needed: {advice} there")
    if row[0] is None:
        try:
            connection.execute("create extension vector schema public")
        except psycopg.errors.InsufficientPrivilege as error:
            raise PipelineError(
                f"the user may not install pgvector at {where(url)}: have an administrator run CREATE EXTENSION vector"
            ) from error
        connection.execute(f"insert into {INTERNAL}.made values ('extension', 'vector') on conflict do nothing")
    schema = vector_schema(connection)
    assert schema is not None
    set_path(connection, schema)
    connection.execute("select '[1]'::vector")  # Loads the library, and with it the names of its settings.
    return schema


def _comment(connection: psycopg.Connection[Any]) -> None:
    """Put the contracts' comments on schema, tables and columns: they are written in one place only."""
    connection.execute(f"comment on schema {SCHEMA} is 'Work of AI agents, and which of them to give the next task'")
    connection.execute(f"comment on schema {INTERNAL} is 'What the publishing program remembers; not for reading'")
    for table, (meaning, columns) in comments().items():
        name = sql.Identifier(SCHEMA, table)
        connection.execute(sql.SQL("comment on table {} is {}").format(name, sql.Literal(meaning)))
        for column, comment in columns.items():
            where_to = sql.Identifier(SCHEMA, table, column)
            connection.execute(sql.SQL("comment on column {} is {}").format(where_to, sql.Literal(comment)))


def _drop(connection: psycopg.Connection[Any], kind: str, name: str) -> None:
    """Drop an object of ours, unless something that is not ours depends on it."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("drop {} if exists {}").format(sql.SQL(kind), sql.Identifier(name)))
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
        _log.warning("%s %s is used by others, or belongs to them, and stays", kind, name)

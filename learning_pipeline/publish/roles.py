"""The roles in PostgreSQL: the owner makes tables, the publisher fills them, the reader reads and calls.

They are groups without login: `grant learning_reader to grafana`. Where the user may not create roles, all
of it belongs to that user, and an administrator can create the roles before the next upgrade.
"""

from typing import Any

import psycopg
from psycopg import sql

from learning_pipeline.publish.schema import INTERNAL, OWNER, PUBLISHER, READER, ROLES, SCHEMA, VERSION_TABLE

_Connection = psycopg.Connection[Any]

_GRANTS = f"""
revoke all on all tables in schema {SCHEMA}, {INTERNAL} from public;
revoke all on all functions in schema {SCHEMA}, {INTERNAL} from public;
grant usage on schema {SCHEMA} to {READER}, {PUBLISHER};
grant select on all tables in schema {SCHEMA} to {READER}, {PUBLISHER};
grant execute on all functions in schema {SCHEMA} to {READER}, {PUBLISHER};
grant insert, update, delete on all tables in schema {SCHEMA} to {PUBLISHER};
revoke insert, update, delete on {SCHEMA}.retention from {PUBLISHER};
grant usage on schema {INTERNAL} to {PUBLISHER};
grant select on {INTERNAL}.{VERSION_TABLE} to {PUBLISHER};
grant select, insert, update, delete on {INTERNAL}.published_parts to {PUBLISHER};
grant execute on all functions in schema {INTERNAL} to {PUBLISHER};
"""


def grant(connection: _Connection, vector_schema: str) -> list[str]:
    """Create the roles that are missing and give them their rights; return what could not be done."""
    notes = []
    for role in ROLES:
        if not _exists(connection, role):
            try:
                with connection.transaction():
                    connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
                    connection.execute(
                        f"insert into {INTERNAL}.made values ('role', %s) on conflict do nothing", (role,)
                    )
            except psycopg.errors.InsufficientPrivilege:
                notes.append(f"role {role} is missing, and this user may not create it; its rights were not given")
    if notes:
        return notes
    connection.execute(_GRANTS)
    database = connection.execute("select current_database()").fetchone()
    assert database is not None
    roles = sql.SQL(", ").join(map(sql.Identifier, ROLES))
    for doing, statement in (
        ("let the publisher make temporary tables", "grant temporary on database {database} to {publisher}"),
        ("let the roles use pgvector", "grant usage on schema {vector} to {roles}"),
        ("use the publisher's rights for publishing", "grant {publisher} to current_user"),
        ("use the owner's rights for upgrades", "grant {owner} to current_user"),
    ):
        query = sql.SQL(statement).format(
            database=sql.Identifier(database[0]),
            vector=sql.Identifier(vector_schema),
            publisher=sql.Identifier(PUBLISHER),
            owner=sql.Identifier(OWNER),
            roles=roles,
        )
        try:
            with connection.transaction():
                connection.execute(query)
        except psycopg.Error as error:
            notes.append(f"could not {doing}: {error.diag.message_primary}")
    if may_be(connection, OWNER):
        notes += _own(connection)
    return notes


def revoke(connection: _Connection, vector_schema: str | None) -> None:
    """Take all rights and objects back from the roles."""
    row = connection.execute("select current_user, current_database()").fetchone()
    assert row is not None
    user, database = row
    for role in ROLES:
        if not _exists(connection, role):
            continue
        name = sql.Identifier(role)
        if role == OWNER:
            _give(connection, user)
        objects = f"schema {SCHEMA}, {INTERNAL}"
        for what in ("all tables in schema", "all functions in schema"):
            connection.execute(sql.SQL(f"revoke all on {what} {SCHEMA}, {INTERNAL} from {{}}").format(name))
        connection.execute(sql.SQL(f"revoke all on {objects} from {{}}").format(name))
        if vector_schema is not None:
            vector = sql.Identifier(vector_schema)
            connection.execute(sql.SQL("revoke usage on schema {} from {}").format(vector, name))
        connection.execute(sql.SQL("revoke temporary on database {} from {}").format(sql.Identifier(database), name))


def may_be(connection: _Connection, role: str) -> bool:
    """Say whether this user can take on the role."""
    if not _exists(connection, role):
        return False
    row = connection.execute("select pg_has_role(%s, 'SET')", (role,)).fetchone()
    return row == (True,)


def unused(connection: _Connection, role: str) -> bool:
    """Say whether nobody but this user is a member of the role."""
    row = connection.execute(
        "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.roleid "
        "where r.rolname = %s and m.member <> current_user::regrole",
        (role,),
    ).fetchone()
    return row == (0,)


def _exists(connection: _Connection, role: str) -> bool:
    return connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is not None


def _own(connection: _Connection) -> list[str]:
    """Give schemas, tables and functions to the owner role."""
    try:
        with connection.transaction():
            _give(connection, OWNER)
    except psycopg.errors.InsufficientPrivilege as error:
        return [f"could not give the tables to {OWNER}: {error.diag.message_primary}"]
    return []


def _give(connection: _Connection, role: str) -> None:
    owner = sql.Identifier(role)
    objects = connection.execute(
        "select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, "
        "format('%%I.%%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm') "
        "union all select 'function', p.oid::regprocedure::text "
        "from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any(%(schemas)s) "
        "union all select 'schema', unnest(%(schemas)s::text[])",
        {"schemas": [INTERNAL, SCHEMA]},
    ).fetchall()
    for kind, name in objects:  # The names are quoted by the server.
        connection.execute(sql.SQL("alter {} {} owner to {}").format(sql.SQL(kind), sql.SQL(name), owner))

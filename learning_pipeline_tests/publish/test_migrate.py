import shutil
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from learning_pipeline.contracts.base import column_comments, description
from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.publish import migrate
from learning_pipeline.publish.schema import ROLES, TABLES
from learning_pipeline_tests.publish.conftest import url_of
from learning_pipeline_tests.publish.helpers import ask, load, version

_OBJECTS = """
    select 'relation', oid::regclass::text from pg_class where relnamespace::regnamespace::text !~ '^(pg_|information_)'
    union all select 'function', oid::regprocedure::text from pg_proc
    where pronamespace::regnamespace::text !~ '^(pg_|information_)'
    union all select 'type', oid::regtype::text from pg_type where typnamespace::regnamespace::text !~ '^(pg_|infor)'
    union all select 'schema', nspname from pg_namespace where nspname !~ '^pg_'
    union all select 'extension', extname from pg_extension
    union all select 'default rights', defaclobjtype::text from pg_default_acl
"""


def test_there_and_back_leaves_nothing_and_works_again(url: str) -> None:
    before = sorted(ask(url, _OBJECTS))
    for _ in range(2):
        migrate.upgrade(url)
        assert load(url, version([{"execution_id": "a"}], {"a": [1.0]})).written
        assert all(applied for _, applied in migrate.status(url))
        migrate.downgrade(url)
        assert sorted(ask(url, _OBJECTS)) == before
        assert not any(applied for _, applied in migrate.status(url))


def test_roles_go_with_the_last_database_that_uses_them(upgraded: str) -> None:
    roles = "select count(*) from pg_roles where rolname = any(%s)"
    ((made,),) = ask(upgraded, "select count(*) from enhanced_learning_internal.made where kind = 'role'")
    migrate.downgrade(upgraded)
    others = ask(upgraded, "select count(*) from pg_shdepend d join pg_roles r on r.oid = refobjid "
                           "where rolname = any(%s)", list(ROLES))  # fmt: skip
    assert ask(upgraded, roles, list(ROLES)) == [(3 if others[0][0] else 3 - made,)]


def test_a_role_with_members_stays(upgraded: str) -> None:
    ask(upgraded, "select 1")
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("create role member_of_reader; grant learning_reader to member_of_reader")
    migrate.downgrade(upgraded)
    assert ask(upgraded, "select 1 from pg_roles where rolname = 'learning_reader'") == [(1,)]
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("drop role member_of_reader")


def test_an_extension_that_was_there_stays(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema tools; create extension vector schema tools")
    migrate.upgrade(url)
    load(url, version([{"execution_id": "a"}], {"a": [1.0]}))
    migrate.downgrade(url)
    assert ask(url, "select extnamespace::regnamespace::text from pg_extension where extname = 'vector'") == [
        ("tools",)
    ]


def test_objects_of_others_in_the_schema_stay(upgraded: str) -> None:
    with psycopg.connect(upgraded, autocommit=True) as connection:
        connection.execute("create table enhanced_learning.theirs (v vector(3))")
    migrate.downgrade(upgraded)
    assert ask(upgraded, "select count(*) from enhanced_learning.theirs") == [(0,)]
    migrate.upgrade(upgraded)


def test_one_revision_back_and_forth(upgraded: str) -> None:
    first, *later = [revision for revision, _ in migrate.status(upgraded)]
    migrate.downgrade(upgraded, first)
    assert migrate.status(upgraded) == [(first, True), *((revision, False) for revision in later)]
    assert ask(upgraded, "select to_regproc('enhanced_learning.recommend_agent') is null") == [(True,)]
    migrate.upgrade(upgraded)
    assert all(applied for _, applied in migrate.status(upgraded))
    with pytest.raises(UsageError, match="no revision '9999'"):
        migrate.downgrade(upgraded, "9999")


def test_revisions_are_in_the_order_of_their_numbers(url: str) -> None:
    scripts = list(ScriptDirectory(str(migrate.SQL_DIR)).walk_revisions())
    assert [script.revision for script in reversed(scripts)] == [revision for revision, _ in migrate.status(url)]
    for revision, _ in migrate.status(url):
        for name in (f"{revision}.sql", f"{revision}.rollback.sql"):
            assert (migrate.SQL_DIR / "versions" / name).exists()


def test_a_second_upgrade_changes_nothing(upgraded: str) -> None:
    relations = "select oid, relname, relacl::text from pg_class where relname ~ 'metrics|executions' order by 1"
    before = ask(upgraded, relations)
    migrate.upgrade(upgraded)
    assert ask(upgraded, relations) == before


@pytest.mark.parametrize("table", TABLES)
def test_table_and_contract_have_the_same_columns_and_comments(upgraded: str, table: str) -> None:
    name = f"enhanced_learning.{table}"
    found = ask(
        upgraded,
        "select attname, col_description(attrelid, attnum), attnotnull from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        name,
    )
    assert {column: comment for column, comment, _ in found} == column_comments(TABLES[table])
    columns = TABLES[table].to_schema().columns
    assert {column: not required for column, _, required in found} == {
        column: field.nullable for column, field in columns.items()
    }
    assert ask(upgraded, "select obj_description(%s::regclass)", name) == [(description(TABLES[table]),)]


def test_every_function_has_a_comment(upgraded: str) -> None:
    assert ask(
        upgraded,
        "select proname from pg_proc where pronamespace = 'enhanced_learning'::regnamespace "
        "and (obj_description(oid) is null or proconfig is null)",
    ) == []  # fmt: skip


def test_a_user_who_may_not_create_roles_goes_on(url: str, server: str) -> None:
    name = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
    for role in ROLES:  # Databases of earlier tests may have left them; a rename makes them missing.
        with psycopg.connect(server, autocommit=True) as connection:
            if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
                connection.execute(f"alter role {role} rename to {role}_away")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"create role plain login; grant create on database {name} to plain; create extension vector"
        )
    try:
        plain = url_of(server, name, "plain")
        notes = migrate.upgrade(plain)
        assert [note for note in notes if "learning_reader is missing" in note]
        assert load(plain, version([{"execution_id": "a"}], {"a": [1.0]})).written
        migrate.downgrade(plain)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop owned by plain; drop role plain")
            for role in ROLES:
                if connection.execute("select 1 from pg_roles where rolname = %s", (f"{role}_away",)).fetchone():
                    connection.execute(f"alter role {role}_away rename to {role}")


def test_a_failure_leaves_nothing_half_made(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(migrate.SQL_DIR, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "migrations" / "versions" / "0002_functions.sql").write_text("select 1; select 1 / 0;")
    before = sorted(ask(url, _OBJECTS))
    monkeypatch.setattr(migrate, "SQL_DIR", tmp_path / "migrations")
    with pytest.raises(PipelineError, match="division by zero"):
        migrate.upgrade(url)
    assert sorted(ask(url, _OBJECTS)) == before


def test_migrations_that_are_not_there_are_named(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "SQL_DIR", tmp_path)
    with pytest.raises(PipelineError, match="checkout"):
        migrate.upgrade(url)


@pytest.mark.parametrize("version_found", ["0.5.1", "0.7.4"])
def test_an_old_pgvector_is_refused(url: str, version_found: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension vector")
        connection.execute("update pg_extension set extversion = %s where extname = 'vector'", (version_found,))
    before = sorted(ask(url, _OBJECTS))
    with pytest.raises(
        PipelineError, match=f"pgvector at .* is {version_found}, and 0.8 or newer is needed: run ALTER"
    ):
        migrate.upgrade(url)
    assert sorted(ask(url, _OBJECTS)) == before

"""A password comes from the environment or a passfile, and goes nowhere but to the server."""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.publish import load, migrate
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.factories import NOON
from learning_pipeline_tests.publish.helpers import ask

SECRET = "s3cr3t-pass"


@pytest.fixture
def locked() -> Iterator[tuple[str, str]]:
    """Give the URL without password of a user who needs one, and the URL of the superuser."""
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        embedded = Embedded(Path(directory) / "postgres")
        try:
            with embedded.used():
                with psycopg.connect(embedded.url(), autocommit=True) as connection:
                    connection.execute(f"create role writer login superuser password '{SECRET}'")
                rules = embedded.data / "pg_hba.conf"
                rules.write_text("local all writer scram-sha-256\nlocal all all trust\n")
                with psycopg.connect(embedded.url(), autocommit=True) as connection:
                    connection.execute("select pg_reload_conf()")
                yield embedded.url().replace("postgres@", "writer@", 1), embedded.url()
        finally:
            embedded.stop()


def test_the_password_comes_from_a_passfile_or_the_environment(
    locked: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = locked
    with pytest.raises(TransientError, match="password"):
        connect(url)
    monkeypatch.setenv("PGPASSWORD", SECRET)
    connect(url).close()
    monkeypatch.delenv("PGPASSWORD")
    passfile = tmp_path / "pass"
    passfile.write_text(f"*:*:*:writer:{SECRET}\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    connect(url).close()


def test_the_password_is_in_no_message_file_process_or_table(
    locked: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from learning_pipeline.marts import build
    from learning_pipeline_tests.factories import fill_lake

    url, superuser = locked
    secret_url = url.replace("writer@", f"writer:{SECRET}@", 1)
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    settings = load_settings(tmp_path, postgres_url=secret_url)
    build.build(settings, now=NOON)
    caplog.set_level(logging.DEBUG)
    report = load.publish(settings, now=NOON)
    assert report.published
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("alter table enhanced_learning.executions add constraint odd check (execution_id <> 'b')")
    fill_lake(tmp_path, executions=[{"execution_id": "b"}])
    build.build(settings, now=NOON)
    with pytest.raises(PipelineError) as caught:
        load.publish(settings, now=NOON)
    said = caplog.text + str(caught.value) + repr(report) + repr(settings)
    assert SECRET not in said
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    rows = ask(superuser, "select p::text from enhanced_learning.publishes p") + ask(
        superuser, "select a::text from enhanced_learning.audit_log a"
    )
    assert SECRET not in str(rows + ask(superuser, "select s::text from pg_stat_activity s"))


def test_a_child_of_db_run_gets_the_password_in_its_environment_only(locked: tuple[str, str], tmp_path: Path) -> None:
    url, _ = locked
    environment = {**os.environ, "LEARNING_PIPELINE_POSTGRES_URL": url.replace("writer@", f"writer:{SECRET}@", 1)}
    look = "import sys, pathlib; print(pathlib.Path('/proc/self/cmdline').read_bytes(), " \
           "pathlib.Path(f'/proc/{__import__(\"os\").getppid()}/cmdline').read_bytes())"  # fmt: skip
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "db", "run", "--home", str(tmp_path), "--"]
    done = subprocess.run(
        [*command, sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=False
    )
    assert SECRET not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr


def test_tls_is_asked_for_in_the_url_or_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate that is asked for and is not there stops the connection before anything is sent."""
    url = f"postgresql://writer:{SECRET}@127.0.0.1:1/x"
    for at in (f"{url}?sslmode=verify-full&sslrootcert={tmp_path}/none", url):
        monkeypatch.setenv("PGSSLMODE", "verify-full")
        monkeypatch.setenv("PGSSLROOTCERT", f"{tmp_path}/none")
        with pytest.raises(TransientError) as caught:
            migrate.upgrade(at)
        assert SECRET not in str(caught.value)

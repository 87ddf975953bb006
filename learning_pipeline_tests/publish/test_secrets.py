"""A password comes from the environment or a passfile, and goes nowhere but to the server."""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.publish import load, migrate
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.cli.test_health import write_log
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


@pytest.mark.slow
def test_a_refresh_leaves_the_password_nowhere(locked: tuple[str, str], tmp_path: Path) -> None:
    """Through Dagster, whose storage keeps logs and metadata; and on no command line while it runs."""
    url, superuser = locked
    home, log = tmp_path / "home", tmp_path / "logs" / "a.jsonl"
    write_log(log)
    given = {
        "LEARNING_PIPELINE_POSTGRES_URL": url.replace("writer@", f"writer:{SECRET}@", 1),
        "LEARNING_PIPELINE_NOTIFY_URLS": f'["mailto://me:{SECRET}@example.org"]',
    }
    command = [sys.executable, "-m", "learning_pipeline.cli.main", "refresh", "--home", str(home)]
    lines: set[bytes] = set()
    said = b""
    for broken in (False, True):
        if broken:
            write_log(log.with_name("b.jsonl"), days_ago=2)
            with psycopg.connect(superuser, autocommit=True) as connection:
                odd = "alter table enhanced_learning.executions add constraint odd check (day is null) not valid"
                connection.execute(odd)
        with (tmp_path / "said").open("wb") as out:
            child = subprocess.Popen(
                [*command, "--source", f"execution_log={log.parent}"],
                env={**os.environ, **given},
                stdout=out,
                stderr=out,
            )
            while child.poll() is None:
                for process in Path("/proc").glob("[0-9]*/cmdline"):
                    with suppress(OSError):
                        lines.add(process.read_bytes())
                time.sleep(0.02)  # without, looking takes more than the refresh
        said += (tmp_path / "said").read_bytes()
        assert child.returncode == int(broken), said
    assert b"violates check constraint" in said
    assert SECRET.encode() not in said
    assert not [line for line in lines if SECRET.encode() in line]
    for path in home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for table in ("publishes", "audit_log"):
        assert SECRET not in str(ask(superuser, f"select t::text from enhanced_learning.{table} as t"))

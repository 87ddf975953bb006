import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from learning_pipeline.errors import PipelineError, TransientError, UsageError
from learning_pipeline.publish import server
from learning_pipeline.publish.connect import connect
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.settings import Settings, load_settings

_USER = """
import sys, time
from pathlib import Path
from learning_pipeline.settings import load_settings
from learning_pipeline.publish import server
with server.database(load_settings(Path(sys.argv[1]))) as url:
    import psycopg
    with psycopg.connect(url) as connection:
        print(connection.execute("select pg_postmaster_start_time()").fetchone()[0], flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def home() -> Iterator[Settings]:
    """Give the settings of a home, whose server is stopped afterwards whatever happened."""
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        settings = load_settings(Path(directory))
        try:
            yield settings
        finally:
            Embedded(settings.postgres_dir).stop()


def user(settings: Settings) -> "subprocess.Popen[str]":
    """Start another process that uses the server until it reads a line."""
    command = [sys.executable, "-c", _USER, str(settings.home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def started(url: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute("select pg_postmaster_start_time()").fetchone()


def test_the_server_is_up_while_used_and_down_afterwards(home: Settings) -> None:
    assert not server.running(home)
    with server.database(home) as url:
        assert server.running(home)
        with psycopg.connect(url) as connection:
            connection.execute("create table kept as select 1 as x")
    assert not server.running(home)
    with server.database(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select x from kept").fetchone() == (1,)


def test_it_stays_up_for_whoever_is_inside_still(home: Settings) -> None:
    with server.database(home) as outer:
        first = started(outer)
        with server.database(home) as inner:
            assert started(inner) == first
        assert started(outer) == first
    assert not server.running(home)


def test_an_error_inside_stops_it_too(home: Settings) -> None:
    with pytest.raises(RuntimeError), server.database(home):
        raise RuntimeError
    assert not server.running(home)


def test_two_processes_share_it_and_the_last_one_stops_it(home: Settings) -> None:
    processes = [user(home) for _ in range(3)]
    assert len({said(process) for process in processes}) == 1
    for process in processes:
        assert server.running(home)
        ended(process)
    assert not server.running(home)


def test_a_killed_user_is_no_user(home: Settings) -> None:
    killed = user(home)
    first = said(killed)
    killed.kill()
    killed.wait()
    assert server.running(home)  # Left behind.
    with server.database(home) as url:
        assert str(started(url)[0]) == first  # type: ignore[index]
    assert not server.running(home)


def test_a_server_left_behind_can_be_stopped(home: Settings) -> None:
    killed = user(home)
    said(killed)
    killed.kill()
    killed.wait()
    assert server.stop(home)
    assert not server.running(home)
    assert not server.stop(home)


def test_a_server_that_was_killed_starts_again(home: Settings) -> None:
    with server.database(home) as url:
        with psycopg.connect(url) as connection:
            connection.execute("create table kept as select 1 as x")
        os.kill(int((home.postgres_dir / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        time.sleep(0.5)
    with server.database(home) as url, psycopg.connect(url) as connection:
        assert connection.execute("select x from kept").fetchone() == (1,)


def test_a_creation_that_was_cut_off_is_made_anew(home: Settings) -> None:
    (home.postgres_dir / "data.part").mkdir(parents=True)
    (home.postgres_dir / "data.part" / "PG_VERSION").write_text("18\n")
    with server.database(home) as url:
        started(url)


@pytest.mark.parametrize("name", ["x" * 120, "a b'c\"d$(touch x);&", "comma,comma", "per%cent", "ümläut"])
def test_any_directory_will_do(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="lp") as directory:
        home = load_settings(Path(directory) / name)
        with server.database(home) as url:
            started(url)
        assert not server.running(home)
        assert not list(Path(directory).rglob("x"))


def test_no_other_user_can_open_the_socket(home: Settings) -> None:
    with server.database(home) as url:
        directory = Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))
        assert (directory / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
        assert not [line for line in Path("/proc/net/tcp").read_text().splitlines() if ":1538 " in line]


def test_the_server_sees_no_secrets_and_no_settings_of_ours(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hidden")
    monkeypatch.setenv("PGPORT", "9999")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with server.database(home):
        pid = (home.postgres_dir / "data" / "postmaster.pid").read_text().split()[0]
        assert b"hidden" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_the_state_changes_when_a_server_ran(home: Settings) -> None:
    embedded = Embedded(home.postgres_dir)
    assert embedded.state() is None
    with server.database(home):
        assert embedded.state() is None
    first = embedded.state()
    assert first is not None
    assert embedded.state() == first
    with server.database(home):
        pass
    assert embedded.state() not in (None, first)


def test_data_of_another_version_is_refused(home: Settings) -> None:
    (home.postgres_dir / "data").mkdir(parents=True)
    (home.postgres_dir / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PipelineError, match="made by PostgreSQL 16"), server.database(home):
        pass


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = load_settings(tmp_path / "file")
    with pytest.raises(PipelineError, match=r"cannot write to .*file/postgres"), server.database(home):
        pass


def test_a_start_that_fails_says_why(home: Settings) -> None:
    with server.database(home):
        pass
    with (home.postgres_dir / "data" / "postgresql.conf").open("a") as file:
        file.write("\nmax_connections = many\n")
    with (
        pytest.raises(PipelineError, match=r"did not start: .*(max_connections|configuration file)"),
        server.database(home),
    ):
        pass


def configured(tmp_path: Path, url: str) -> Settings:
    return load_settings(tmp_path, postgres_url=url)


def test_a_configured_server_is_used_as_it_is(tmp_path: Path, url: str) -> None:
    settings = configured(tmp_path, url)
    with server.database(settings) as given:
        assert given == url
        assert server.running(settings)
    assert server.running(settings)
    assert not settings.postgres_dir.exists()


def test_a_server_that_cannot_be_reached_is_named_without_the_password(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # Bound and not listening: nobody answers.
        settings = configured(tmp_path, f"postgresql://me:s3cr3t@127.0.0.1:{port}/db")
        with pytest.raises(TransientError) as caught, server.database(settings):
            pass
        assert not server.running(settings)
    message = str(caught.value)
    assert f"cannot connect to PostgreSQL at 127.0.0.1:{port}/db" in message
    assert "\n" not in message
    assert "s3cr3t" not in message + repr(settings) + repr(caught.value.__cause__)


@pytest.mark.parametrize("bad", ["mysql://me:s3cr3t@host/db", "postgresql://me:s3cr3t@host:port/db", "nonsense s3cr3t",
                                 "postgresql://me:s3cr3t@[::1/db", "postgresql://h/d?s3cr3t=1"])  # fmt: skip
def test_a_bad_url_is_wrong_usage_and_is_not_repeated(bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        connect(bad)
    assert "s3cr3t" not in str(caught.value)
    assert "postgresql://user@host:5432/database" in str(caught.value)

"""One embedded server for all tests of publishing, and a database of its own for each."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from learning_pipeline.publish import migrate
from learning_pipeline.publish.embedded import PORT, Embedded

_numbers = itertools.count()


OTHER_SERVER = "LEARNING_PIPELINE_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Give the URL of a server: of the one that the environment names (as superuser), else of an embedded one."""
    if OTHER_SERVER in os.environ:
        yield os.environ[OTHER_SERVER]
        return
    directory = Path(tempfile.mkdtemp(prefix="lp"))  # Short enough for a socket.
    embedded = Embedded(directory / "postgres")
    try:
        with embedded.used():
            yield embedded.url()
        assert not embedded.running()
    finally:
        embedded.stop()
        shutil.rmtree(directory)


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """Give the URL of an empty database."""
    name = f"test{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield url_of(server, name)
    if OTHER_SERVER in os.environ:  # The embedded one goes as a whole.
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def upgraded(url: str) -> str:
    """Give the URL of a database with the schema in it."""
    assert migrate.upgrade(url) == []
    return url


def url_of(url: str, database: str, user: str = "postgres") -> str:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    port = parts.get("port") or PORT
    return f"postgresql://{user}@/{database}?host={quote(str(parts['host']), safe='/')}&port={port}"

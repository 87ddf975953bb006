"""One embedded server for all tests of publishing, and a database of its own for each."""

import itertools
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


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Give the URL of a server; its directory's name is short enough for a socket."""
    directory = Path(tempfile.mkdtemp(prefix="lp"))
    embedded = Embedded(directory / "postgres")
    try:
        with embedded.used():
            yield embedded.url()
        assert not embedded.running()
    finally:
        embedded.stop()
        shutil.rmtree(directory)


@pytest.fixture
def url(server: str) -> str:
    """Give the URL of an empty database."""
    name = f"test{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return url_of(server, name)


@pytest.fixture
def upgraded(url: str) -> str:
    """Give the URL of a database with the schema in it."""
    assert migrate.upgrade(url) == []
    return url


def url_of(url: str, database: str, user: str = "postgres") -> str:
    host = psycopg.conninfo.conninfo_to_dict(url)["host"]
    return f"postgresql://{user}@/{database}?host={quote(str(host), safe='/')}&port={PORT}"

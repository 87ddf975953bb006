"""The server's disk is really full in the midst of a publish: readers see whole versions, the next run completes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from learning_pipeline.publish import migrate, server
from learning_pipeline.publish.embedded import Embedded
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.publish.helpers import ask, load
from learning_pipeline_tests.publish.test_trouble import content_of_version, read, twice, whole

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Give a directory that is a file system of its own."""
    directory = Path(tempfile.mkdtemp(prefix="lp"))
    command = ["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        directory.rmdir()
        pytest.skip("a file system cannot be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
        directory.rmdir()


@pytest.mark.parametrize("left", [1, 3, 6, 9])  # MiB; the publish needs more than any of them
def test_a_full_disk_leaves_the_old_version(small_disk: Path, left: int) -> None:
    settings = load_settings(small_disk)
    ballast = small_disk / "ballast"
    what = content_of_version(10)
    try:
        with server.database(settings) as url:
            migrate.upgrade(url)
            load(url, content_of_version(0))
            ask(url, "select 1")
            with read(url) as reader:
                # As much as is free, less what is left.
                size = shutil.disk_usage(small_disk).free - left * 2**20
                with ballast.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, size)
                with pytest.raises(psycopg.Error) as caught:
                    load(url, what)
                ballast.unlink()
            assert reader.seen <= {400}
            assert "No space left on device" in str(caught.value) or caught.value.sqlstate is None, caught.value
        with server.database(settings) as url:  # Where the log of the server did not fit, it had to stop.
            assert whole(url) == 400
            load(url, what)
            assert whole(url) == 1000
            assert twice(url) == []
    finally:
        Embedded(settings.postgres_dir).stop()

"""What another try can heal is tried again with growing waits; what it cannot fails at once, in one line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from learning_pipeline.assets.lock import home_lock
from learning_pipeline.assets.resources import FIRST_WAIT_SECONDS, Pipeline
from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.publish.connect import can_heal
from learning_pipeline.settings import load_settings


def context(retry: int) -> Any:
    """Return what a step asks of its context."""
    return type("Context", (), {"retry_number": retry})()


def test_what_heals_is_tried_again_with_growing_waits(tmp_path: Path) -> None:
    pipeline = Pipeline(load_settings(tmp_path), max_retries=3)
    waits = []
    for retry in range(3):
        with pytest.raises(dg.RetryRequested) as asked, pipeline.step(context(retry)):
            raise TransientError("the connection was cut")
        waits.append(asked.value.seconds_to_wait)
        assert asked.value.max_retries == 3
    assert waits == [FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS, 4 * FIRST_WAIT_SECONDS]
    with pytest.raises(dg.Failure, match="cut") as final, pipeline.step(context(3)):
        raise TransientError("the connection was cut")
    assert final.value.allow_retries is False


def test_what_does_not_heal_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(dg.Failure, match="no such table") as final, Pipeline(load_settings(tmp_path)).step(context(0)):
        raise PipelineError("no such table")
    assert final.value.allow_retries is False


def test_a_home_that_another_run_writes_is_tried_again(tmp_path: Path) -> None:
    """The lock is of another process, as the lock of one process is given to it again."""
    hold = (
        "import sys, pathlib\nfrom learning_pipeline.assets.lock import home_lock\n"
        "with home_lock(pathlib.Path(sys.argv[1]), wait_seconds=0):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        pipeline = Pipeline(load_settings(tmp_path), lock_wait_seconds=0.1)
        with pytest.raises(dg.RetryRequested), pipeline.step(context(0)):
            pytest.fail("two runs write one home")
    finally:
        child.communicate(b"")
    with pipeline.step(context(0)) as settings, home_lock(settings.home, wait_seconds=0):
        pass


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        (psycopg.errors.SerializationFailure, True),
        (psycopg.errors.DeadlockDetected, True),
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.LockNotAvailable, True),
        (psycopg.errors.TooManyConnections, True),
        (psycopg.errors.ConnectionFailure, True),
        (psycopg.errors.DiskFull, False),
        (psycopg.errors.CheckViolation, False),
        (psycopg.errors.InsufficientPrivilege, False),
        (psycopg.errors.UndefinedColumn, False),
    ],
)
def test_errors_of_the_server_are_told_apart(error: type[psycopg.Error], heals: bool) -> None:
    assert can_heal(error()) is heals


def test_a_lost_connection_has_no_code_and_heals() -> None:
    assert can_heal(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert not can_heal(psycopg.ProgrammingError("no code"))
    assert not can_heal(ValueError())

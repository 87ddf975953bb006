"""One writer per home directory."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from learning_pipeline.errors import PipelineError, TransientError

LOCK_NAME = ".lock"
_log = logging.getLogger(__name__)


@contextmanager
def home_lock(home: Path, *, wait_seconds: float) -> Iterator[None]:
    """Hold the right to write a home directory; a second hold by the same process is given at once.

    Who has to wait is told so, as a warning in the log: on the command line, a line on standard error.

    Raises:
        TransientError: another process still held it after `wait_seconds`.
        PipelineError: the directory cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(home / LOCK_NAME, thread_local=False, is_singleton=True)
    try:
        home.mkdir(parents=True, exist_ok=True)
        # The lock itself takes some of these failures for a lock that is held.
        os.close(os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if wait_seconds <= 0:
                raise
            _log.warning("%s is being written by another run: waiting for it, %g s at most", home, wait_seconds)
            lock.acquire(timeout=wait_seconds)
    except Timeout as error:  # is an OSError
        raise TransientError(
            f"{home} is being written by another run; try again when it is done, or pass --wait SECONDS"
        ) from error
    except OSError as error:
        raise PipelineError(f"cannot write the home directory {home}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()

"""Further processes that parse, started before anything large is imported: they are ready when the work is cut."""

import concurrent.futures
import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Below this, starting another process takes longer than the work.
_PARALLEL_BYTES = 24 * 1024 * 1024
_MOST = 4
# Polars' allocator (jemalloc) gives memory that is freed back after a tenth of a second, and really: with its
# defaults the peak of a long landing is 160 MB higher. It is read when Polars is imported.
_ALLOCATOR = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0")

_taken: Any = None  # in a further process: how many pieces of the round are taken, shared by all


class Crew:
    """Some processes, and a number that they and this one share."""

    def __init__(self, processes: int) -> None:
        context: Any = multiprocessing.get_context("fork" if _is_single_threaded() else "spawn")
        self.processes = processes
        self.taken = context.Value("q", 0)
        self.pool = concurrent.futures.ProcessPoolExecutor(
            processes, mp_context=context, initializer=_start, initargs=(self.taken,)
        )

    def submit(self, function: Callable[..., Any], *arguments: Any) -> list[concurrent.futures.Future]:
        """Run a function once for each process."""
        return [self.pool.submit(function, *arguments) for _ in range(self.processes)]


@contextmanager
def crew(size: int, kinds: Sequence[str], workers: int | None) -> Iterator[Crew | None]:
    """Give further processes while inside, or None where they do not pay.

    Args:
        size: bytes that are to be read.
        kinds: of what is read.
        workers: processes in all, this one counted; None for as many as there are processors, up to four.
    """
    processes = workers if workers is not None else min(_MOST, os.cpu_count() or 1)
    if processes <= 1 or size < _PARALLEL_BYTES:
        yield None
        return
    os.environ.setdefault(*_ALLOCATOR)
    found = Crew(processes - 1)
    found.submit(_import, kinds)
    # Parsing makes a million small objects and no cycles: looking for cycles costs a tenth of the time.
    gc.disable()
    try:
        yield found
    finally:
        gc.enable()
        found.pool.shutdown(wait=False, cancel_futures=True)  # they end by themselves, while the work goes on here


def taken() -> Any:
    """Return the shared number, in a further process."""
    return _taken


def _is_single_threaded() -> bool:
    """Say whether this process has one thread: then, and only then, a copy of it is safe, and ready at once."""
    tasks = Path("/proc/self/task")
    return tasks.is_dir() and sum(1 for _ in tasks.iterdir()) == 1


def _start(shared: Any) -> None:
    """Prepare a process that parses: no search for cycles, and no life after the process that started it."""
    global _taken
    _taken = shared
    gc.disable()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _import(kinds: Sequence[str]) -> None:
    """Import what parsing needs while the other side makes ready."""
    from learning_pipeline.lake import work  # noqa: F401
    from learning_pipeline.sources import registry

    for kind in kinds:
        registry.family(registry.source(kind).FAMILY)

"""Parses changed files, in several processes where that pays."""

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import polars as pl

from learning_pipeline.lake import crew
from learning_pipeline.lake.compressed import is_compressed
from learning_pipeline.lake.crew import Crew
from learning_pipeline.lake.parse import FileResult, Job, Task, parse_files
from learning_pipeline.lake.read import spans
from learning_pipeline.lake.records import united
from learning_pipeline.sources import registry

# Pieces are no smaller than this, unless there is less to read, and not much larger than that: each costs some
# milliseconds beside its lines. They become smaller towards the end, which one process waits for another to reach.
_PIECE_BYTES = 16 * 1024 * 1024
_LARGE_PIECE_BYTES = 40 * 1024 * 1024
_PIECES, _PIECES_OF_REST = 10, 4
# The last pieces are for the process that merges: meanwhile the others hand over what they have.
_LEFT_TO_THIS = 1
# A file larger than two of these is cut into parts, where its kind allows it.
_PART_BYTES = 48 * 1024 * 1024
# Records that a process holds before all of them are merged: bounds memory, whatever the size of the input. A
# transcript has a tenth of its bytes in records, a short line of an in-house log has more than its own size.
_HELD_BYTES = 48 * 1024 * 1024

Piece = tuple[Job, list[Task]]
# Of one piece: the kind of its files, their records, and what else each gave.
Outcome = tuple[str, dict[str, pl.DataFrame], list[FileResult]]


def pieces(job: Job, tasks: Sequence[Task]) -> Iterator[Piece]:
    """Cut the files of a kind into pieces, the largest files and pieces first."""
    cut = [part for task in tasks for part in _parts(job, task)]
    rest = total = sum(task.size for task in cut)
    piece: list[Task] = []
    size = 0
    for task in sorted(cut, key=lambda task: (-task.found.size, task.found.path, task.offset)):
        piece.append(task)
        size += task.size
        if size >= max(_PIECE_BYTES, min(_LARGE_PIECE_BYTES, total // _PIECES, rest // _PIECES_OF_REST)):
            yield job, piece
            rest -= size
            piece, size = [], 0
    if piece:
        yield job, piece


def _parts(job: Job, task: Task) -> list[Task]:
    """Cut a large file into parts, in order, where its lines do not depend on each other."""
    apart = getattr(registry.source(job.kind), "LINES_APART", False)
    if task.is_table or not apart or task.size <= 2 * _PART_BYTES or is_compressed(task.found.path):
        return [task]
    found = spans(task.found.path, task.offset, task.line, task.found.size, _PART_BYTES)
    return [Task(task.found, offset, line, end) for offset, line, end in found]


def rounds(work: Sequence[tuple[Job, list[Task]]], others: Crew | None) -> Iterator[Iterator[Outcome]]:
    """Parse all files of all kinds, in rounds whose records fit in memory.

    A round yields its pieces in no fixed order, and has to be used up before the next. Parts of a file come in
    order over rounds. This process parses too, when it takes the first piece; the others begin once they have started.
    """
    cut = [piece for job, tasks in work for piece in pieces(job, tasks)]
    taken = _Alone() if others is None else others.taken
    taken.value = 0
    while taken.value < len(cut):
        yield _gathered(cut, taken, [] if others is None else others.submit(_parse_share, cut))


def _gathered(cut: Sequence[Piece], taken: Any, shares: list[Future[Any]]) -> Iterator[Outcome]:
    yield from _share(cut, taken, len(cut))
    for share in shares:
        for kind, handed, results in share.result():
            yield kind, {name: pl.read_ipc(io.BytesIO(data)) for name, data in handed.items()}, results


class _Alone:
    """How many pieces are taken, where no other process takes any."""

    value = 0

    def get_lock(self) -> AbstractContextManager[None]:
        return nullcontext()


def _share(cut: Sequence[Piece], taken: Any, end: int) -> Iterator[Outcome]:
    """Parse pieces before an end that no other process has taken, until none is left or enough is held."""
    held = 0.0
    while held < _HELD_BYTES:
        with taken.get_lock():
            number = taken.value
            if number >= end:
                return
            taken.value += 1
        job, tasks = cut[number]
        records, results = parse_files(job, tasks)
        held += sum(frame.estimated_size() for frame in records.values())
        yield job.kind, records, results


def _parse_share(cut: Sequence[Piece]) -> list[tuple[str, dict[str, bytes], list[FileResult]]]:
    """Parse this process's share of a round; hand it over at the end, when the other side has time to take it."""
    found: dict[str, list[dict[str, pl.DataFrame]]] = defaultdict(list)
    results: dict[str, list[FileResult]] = defaultdict(list)
    for kind, records, read in _share(cut, crew.taken(), max(1, len(cut) - _LEFT_TO_THIS)):
        found[kind].append(records)
        results[kind] += read
    handed = []
    for kind in results:
        handed.append((kind, {name: _ipc(frame) for name, frame in united(found[kind]).items()}, results[kind]))
    return handed


def _ipc(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()

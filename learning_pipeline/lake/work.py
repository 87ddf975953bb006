"""Parses changed files, in several processes where that pays."""

import concurrent.futures
import gc
import io
import multiprocessing
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.read import Reader, fingerprint
from learning_pipeline.lake.redact import Mode, redact, redact_columns
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options, Reject

# Pieces are no smaller than this, and no more than so many: each costs some milliseconds beside its lines.
_CHUNK_BYTES = 16 * 1024 * 1024
_CHUNKS = 10
# Below this, starting another process takes longer than the work.
_PARALLEL_BYTES = 24 * 1024 * 1024
_ROUND_BYTES = 768 * 1024 * 1024
_RAW_BYTES = 4096


@dataclass(slots=True)
class Task:
    """One file to read, and from where."""

    found: Found
    cursor: Cursor | None


@dataclass(slots=True)
class FileResult:
    """What reading one file gave, beside its records."""

    found: Found
    cursor: Cursor
    whole: bool  # read from its beginning
    lines_read: int = 0
    bytes_read: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    tips: list[str] | None = None  # of a repository: what its history was read up to


@dataclass(slots=True)
class Job:
    """How files are read: the same for all of a kind."""

    kind: str
    options: Options
    mode: Mode
    host: str


def chunks(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Cut the files into pieces of about equal size, the largest files first."""
    enough = max(_CHUNK_BYTES, min(_ROUND_BYTES, sum(task.found.size for task in tasks)) // _CHUNKS)
    chunk: list[Task] = []
    size = 0
    for task in sorted(tasks, key=lambda task: (-task.found.size, task.found.path)):
        chunk.append(task)
        size += task.found.size
        if size >= enough:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def parse_chunk(job: Job, tasks: Sequence[Task]) -> tuple[pl.DataFrame, list[FileResult]]:
    """Parse some files of one kind: their records, redacted, and what else each gave."""
    source = registry.source(job.kind)
    family = registry.family(source.FAMILY)
    table = getattr(source, "RecordTable", None)
    shared = table() if table is not None else None
    frames, results = [], []
    for task in tasks:
        records, result = _parse_file(job, source, task, shared)
        results.append(result)
        if records is not None and records.height:
            frames.append(records)
    if shared is not None:
        frames.append(shared.frame())
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=family.SCHEMA)
    frame = frame.with_columns(pl.lit(job.kind).alias("source"), pl.lit(job.host).alias("host"))
    for result in results:
        clean_rejects(result)
    return redact_columns(frame, family.TEXT_COLUMNS, job.mode), results


def _parse_file(job: Job, source: Any, task: Task, shared: Any) -> tuple[pl.DataFrame | None, FileResult]:
    found, cursor = task.found, task.cursor
    start = cursor
    if cursor is not None:
        appended = source.MODE == "append" and found.size >= cursor.offset and not found.path.endswith(".gz")
        if not appended or fingerprint(found.path, cursor.offset) != cursor.fingerprint:
            start = None
    reader = Reader(found.path, start.offset if start else 0, start.line if start else 0)
    if shared is not None:
        shared.file = found.path
        parsed = source.parse(reader, job.options, shared)
        records = None
    else:
        parsed = source.parse(reader, job.options)
        records = parsed.records.with_columns(pl.lit(found.path).alias("source_file"))
    offset, number = reader.offset, reader.number
    unfinished = reader.unfinished
    if unfinished is not None and any(reject.line == unfinished.number for reject in parsed.rejects):
        # A last line that is broken and not ended may still be being written: it is read again when the file grows.
        offset, number = unfinished.offset, unfinished.number - 1
    result = FileResult(
        found=found,
        cursor=Cursor(found.size, found.mtime_ns, fingerprint(found.path, offset), offset, number),
        whole=start is None,
        lines_read=parsed.lines_read,
        bytes_read=reader.bytes_read,
        ignored=parsed.ignored,
        unknown=parsed.unknown,
        rejects=parsed.rejects,
    )
    if reader.failure is not None:
        result.lines_read += 1
        result.rejects.append(Reject(reader.number + 1, reader.offset, "unreadable", reader.failure, b""))
    return records, result


def clean_rejects(result: FileResult) -> None:
    """Redact what is kept of rejected lines, one reject a line, and cut it."""
    unique: dict[int, Reject] = {}
    for reject in result.rejects:
        unique.setdefault(reject.line, reject)
    for reject in unique.values():
        text = reject.raw[: 4 * _RAW_BYTES].decode("utf-8", "replace").replace("\x00", "\\0")
        reject.raw = redact(text).encode()[:_RAW_BYTES]
        reject.reason = redact(reject.reason)[:500]
        if reject.value is not None:
            reject.value = redact(str(reject.value))[:500]
    result.rejects = list(unique.values())


def parse_all(
    jobs: Iterable[tuple[Job, list[Task]]], workers: int | None
) -> Iterator[tuple[str, pl.DataFrame, list[FileResult]]]:
    """Parse all files of all kinds; yield (kind, records, results) piece by piece, in no fixed order.

    This process parses too; further processes join in once they have started.
    """
    pieces = [(job, chunk) for job, tasks in jobs for chunk in chunks(tasks)]
    total = sum(_size(piece) for piece in pieces)
    processes = min(workers if workers is not None else min(4, os.cpu_count() or 1), len(pieces))
    if processes <= 1 or total < _PARALLEL_BYTES:
        for job, chunk in pieces:
            yield job.kind, *parse_chunk(job, chunk)
        return
    context = multiprocessing.get_context("spawn")
    taken = context.Value("q", 0)
    # Parsing makes a million small objects and no cycles: looking for cycles costs a tenth of the time.
    gc.disable()
    pool = concurrent.futures.ProcessPoolExecutor(
        processes - 1, mp_context=context, initializer=_start_worker, initargs=(taken,)
    )
    try:
        for part in _rounds(pieces):
            taken.value = 0
            others = [pool.submit(_parse_shares, part) for _ in range(processes - 1)]
            for job, chunk in _shares(part, taken):
                yield job.kind, *parse_chunk(job, chunk)
            for other in others:
                for kind, data, results in other.result():
                    yield kind, pl.read_ipc(io.BytesIO(data)), results
    finally:
        gc.enable()
        pool.shutdown(wait=False, cancel_futures=True)  # the others end by themselves, while the work goes on here


_Piece = tuple[Job, list[Task]]
_taken: Any = None  # in a further process: how many pieces of the round are taken, shared by all


def _size(piece: _Piece) -> int:
    return sum(task.found.size for task in piece[1])


def _rounds(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Cut the work into rounds whose records fit in memory."""
    part: list[_Piece] = []
    size = 0
    for piece in pieces:
        part.append(piece)
        size += _size(piece)
        if size >= _ROUND_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _shares(part: Sequence[_Piece], taken: Any) -> Iterator[_Piece]:
    """Take pieces that no other process has taken, until none is left."""
    while True:
        with taken.get_lock():
            number = taken.value
            taken.value += 1
        if number >= len(part):
            return
        yield part[number]


def _start_worker(taken: Any) -> None:
    """Prepare a process that parses: no search for cycles, and no life after the process that started it."""
    global _taken
    _taken = taken
    gc.disable()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _parse_shares(part: Sequence[_Piece]) -> list[tuple[str, bytes, list[FileResult]]]:
    """Parse this process's share of a round; hand it over at the end, when the other side has time to take it."""
    frames: dict[str, list[pl.DataFrame]] = defaultdict(list)
    results: dict[str, list[FileResult]] = defaultdict(list)
    for job, chunk in _shares(part, _taken):
        frame, found = parse_chunk(job, chunk)
        frames[job.kind].append(frame)
        results[job.kind] += found
    handed = []
    for kind in frames:
        buffer = io.BytesIO()
        pl.concat(frames[kind]).write_ipc(buffer, compression="lz4")
        handed.append((kind, buffer.getvalue(), results[kind]))
    gc.freeze()  # this process ends soon: what is left need not be searched for cycles then
    return handed

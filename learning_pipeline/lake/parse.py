"""Runs a source on files: their records, redacted, and what else each file gave."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.compressed import is_compressed
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.read import Reader, fingerprint
from learning_pipeline.lake.records import united
from learning_pipeline.lake.redact import Mode, redact, redact_records
from learning_pipeline.lake.table_files import is_table
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Options, Parsed, Reject

_RAW_BYTES = 4096


@dataclass(slots=True)
class Task:
    """One file to read from an offset on, or a part of one."""

    found: Found
    offset: int = 0
    line: int = 0  # lines before the offset
    end: int | None = None  # of a part that is not the last
    is_table: bool = False  # its lines are the rows of a table

    @property
    def size(self) -> int:
        return (self.found.size if self.end is None else self.end) - self.offset


@dataclass(slots=True)
class FileResult:
    """What reading a file, or a part of one, gave beside its records."""

    found: Found
    cursor: Cursor | None  # None after a part that is not the last
    first_line: int  # that was read
    lines_read: int = 0
    bytes_read: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    tips: list[str] | None = None  # of a repository: what its history was read up to
    failure: str | None = None  # why nothing of it could be read; then there is nothing else

    def add(self, other: "FileResult") -> None:
        """Take in what another part of the same file gave."""
        self.cursor = self.cursor or other.cursor
        self.first_line = min(self.first_line, other.first_line)
        self.lines_read += other.lines_read
        self.bytes_read += other.bytes_read
        self.ignored += other.ignored
        self.unknown += other.unknown
        self.rejects += other.rejects


@dataclass(slots=True)
class Job:
    """How files are read: the same for all of a kind."""

    kind: str
    options: Options
    mode: Mode
    host: str


def start(job: Job, found: Found, cursor: Cursor | None) -> Task:
    """Say where to read a changed file from: its beginning, or where it was left if it was only appended to."""
    if is_table(job.kind, found.path):
        return Task(found, is_table=True)
    if cursor is not None and registry.source(job.kind).MODE == "append" and not is_compressed(found.path):
        appended = found.size >= cursor.offset and fingerprint(found.path, cursor.offset) == cursor.fingerprint
        if appended:
            return Task(found, cursor.offset, cursor.line)
    return Task(found)


def parse_files(job: Job, tasks: Sequence[Task]) -> tuple[dict[str, pl.DataFrame], list[FileResult]]:
    """Parse some files of one kind: their records, redacted, and what else each gave.

    A file on which the parser breaks is told by its result; the others are parsed all the same.
    """
    try:
        return _parse_all(job, tasks)
    except Exception as error:  # noqa: BLE001 - whatever a parser trips over, it must not stop the other files
        if len(tasks) == 1:
            failure = _told(job, tasks[0], error)
            return {}, [FileResult(tasks[0].found, None, tasks[0].line + 1, failure=failure)]
        # The files before it have left records behind: all are parsed anew, in ever smaller parts.
        halves = [parse_files(job, part) for part in (tasks[: len(tasks) // 2], tasks[len(tasks) // 2 :])]
        return united([records for records, _ in halves]), [result for _, results in halves for result in results]


def _told(job: Job, task: Task, error: Exception) -> str:
    """Say on which file a parser broke; of what it said, nothing where texts are not kept."""
    if isinstance(error, PipelineError):
        return str(error)
    words = "" if job.mode == "hash" else redact(str(error).strip().partition("\n")[0])[:200]
    name = type(error).__name__
    return f"cannot read {task.found.path}: parsing it as {job.kind} ended with {f'{name}: {words}' if words else name}"


def _parse_all(job: Job, tasks: Sequence[Task]) -> tuple[dict[str, pl.DataFrame], list[FileResult]]:
    source = registry.source(job.kind)
    family = registry.family(source.FAMILY)
    table = family.RecordTable() if hasattr(family, "RecordTable") else None
    frames: list[dict[str, pl.DataFrame]] = []
    results = []
    for task in tasks:
        records, result = _parse_file(job, source, task, table)
        results.append(result)
        if records.height:
            ((kind, _),) = family.SCHEMAS.items()
            frames.append({kind: records})
    if table is not None:
        frames.append(table.frames())
    origin = [pl.lit(job.kind).alias("source"), pl.lit(job.host).alias("host")]
    records_by_kind = {kind: frame.with_columns(origin) for kind, frame in united(frames).items()}
    for result in results:
        clean_rejects(result, job.mode)
    return redact_records(records_by_kind, family.TEXT_COLUMNS, job.mode), results


def _reader(job: Job, source: Any, task: Task) -> Any:
    """Return what gives the lines of a file; what reads databases is imported where there is one."""
    path = task.found.path
    if task.is_table and job.kind == "otlp":
        from learning_pipeline.lake.span_database import SpanReader

        return SpanReader(path, task.found.size)
    if task.is_table:
        from learning_pipeline.lake.tables import TableReader

        return TableReader(path, task.found.size, job.kind, job.options.tables)
    return Reader(path, task.offset, task.line, task.end, whole=getattr(source, "WHOLE_FILE", False))


def _parse_file(job: Job, source: Any, task: Task, table: Any) -> tuple[pl.DataFrame, FileResult]:
    found = task.found
    reader = _reader(job, source, task)
    rule = getattr(source, "IGNORED_FILES", {}).get(found.path.rpartition("/")[2])
    if rule is not None:
        count = sum(1 for _ in reader)
        parsed, records = Parsed(lines_read=count, ignored=Counter({rule: count})), pl.DataFrame()
    elif table is not None:
        table.file = found.path
        parsed = source.parse(reader, job.options, table)
        records = parsed.records
    else:
        parsed = source.parse(reader, job.options)
        records = parsed.records.with_columns(pl.lit(found.path).alias("source_file"))
    if hasattr(reader, "account"):
        reader.account(parsed)
    offset, number = reader.offset, reader.number
    unfinished = reader.unfinished
    if unfinished is not None and any(reject.line == unfinished.number for reject in parsed.rejects):
        # A last line that is broken and not ended may still be being written: it is read again when the file grows.
        offset, number = unfinished.offset, unfinished.number - 1
    cursor = None
    if task.end is None:
        cursor = Cursor(found.size, found.mtime_ns, fingerprint(found.path, offset), offset, number)
    result = FileResult(
        found=found,
        cursor=cursor,
        first_line=task.line + 1,
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


def clean_rejects(result: FileResult, mode: Mode) -> None:
    """Redact what is kept of rejected lines, one reject a line, and cut it; with `hash`, only a digest is kept."""
    unique: dict[int, Reject] = {}
    for reject in result.rejects:
        unique.setdefault(reject.line, reject)
    for reject in unique.values():
        if mode == "hash":
            reject.raw = f"sha256:{sha256(reject.raw).hexdigest()}".encode()
            reject.reason, reject.value = f"breaks the rule {reject.check}", None
            continue
        text = reject.raw[: 4 * _RAW_BYTES].decode("utf-8", "replace").replace("\x00", "\\0")
        reject.raw = redact(text).encode()[:_RAW_BYTES]
        reject.reason = redact(reject.reason)[:500]
        if reject.value is not None:
            reject.value = redact(str(reject.value))[:500]
    result.rejects = list(unique.values())

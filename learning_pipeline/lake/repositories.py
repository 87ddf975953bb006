"""Reads git repositories: the history in one `git log`, notes in one `git cat-file`, and then what is new."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import blobs, discover, git, notes
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.parse import FileResult, Job, Task, clean_rejects
from learning_pipeline.lake.redact import redact_records
from learning_pipeline.lake.state import State
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Line, Parsed

CHECKPOINT_BRANCH = "entire/checkpoints/v1"
_BEHIND_ALL = 2**62
# Commits or notes that are Python values at a time.
_LINES_AT_ONCE = 4000
# And those that are merged at a time: bounds memory, whatever the length of the history.
_LINES_A_PIECE = 60_000


def find(spec: SourceSpec) -> list[Found]:
    """Return a repository as one input, its size 0; of checkpoints, the files in their branch.

    Raises:
        PipelineError: git finds no repository there, or no branch of checkpoints.
    """
    path = str(spec.path.absolute())
    git.run(path, "rev-parse", "--git-dir")
    if spec.kind != "entire_checkpoints":
        return [Found(spec.kind, path, 0, 0, is_repository=True)]
    ref = blobs.branch(path, CHECKPOINT_BRANCH)
    if ref is None:
        raise PipelineError(f"{path} has no branch {CHECKPOINT_BRANCH}")
    return [
        Found(spec.kind, blob.name, blob.size, blob.version)
        for blob in blobs.listed(path, ref)
        if discover.is_wanted(spec, blob.path)
    ]


def is_changed(file: Found, cursor: Cursor | None) -> bool:
    """Say whether any ref of what the kind reads moved since it was read."""
    return cursor is None or _state(file) != cursor.fingerprint


def _state(file: Found) -> str:
    if file.kind == "git_notes":
        return notes.state(file.path)
    return _fingerprint(git.tips(file.path))


def _fingerprint(tips: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(tips).encode(), digest_size=16).hexdigest()


def parse(state: State, job: Job, task: Task) -> Iterator[tuple[dict[str, pl.DataFrame], FileResult]]:
    """Read what is new in a repository, piece by piece; only the last piece says how far that is."""
    path = task.found.path
    family = registry.family(registry.source(job.kind).FAMILY)
    ((kind, schema),) = family.SCHEMAS.items()
    repository, remote = git.names(path)
    origin = [
        pl.lit(path).alias("source_file"),
        pl.lit(job.kind).alias("source"),
        pl.lit(job.host).alias("host"),
        pl.lit(repository).alias("repository"),
        pl.lit(remote, dtype=pl.String).alias("remote"),
    ]
    reading = _notes(state, job, path) if job.kind == "git_notes" else _history(state, job, path)
    frames = [pl.DataFrame(schema=schema)]
    result = FileResult(found=task.found, cursor=None, first_line=reading.first_line)
    for parsed, size in reading.pieces:
        frame = parsed.records.with_columns(origin).select(*schema)
        frames.append(redact_records({kind: frame}, family.TEXT_COLUMNS, job.mode)[kind])
        result.bytes_read += size
        result.lines_read += parsed.lines_read
        result.ignored += parsed.ignored
        result.unknown += parsed.unknown
        result.rejects += parsed.rejects
        if result.lines_read >= _LINES_A_PIECE:
            clean_rejects(result, job.mode)
            yield {kind: pl.concat(frames)}, result
            frames = frames[:1]
            result = FileResult(found=task.found, cursor=None, first_line=reading.first_line)
    clean_rejects(result, job.mode)
    result.tips = reading.tips
    result.cursor = Cursor(0, 0, reading.now, 0, 0)
    yield {kind: pl.concat(frames)}, result


class _Reading(NamedTuple):
    """What is read of a repository."""

    now: str  # its state, as the cursor keeps it
    first_line: int  # of what is read; what was rejected before stands, where it is not read again
    pieces: Iterator[tuple[Parsed, int]]  # with the bytes behind each
    tips: list[str] | None = None


def _notes(state: State, job: Job, path: str) -> _Reading:
    known = state.query("select fingerprint from files where source = ? and path = ?", (job.kind, path))
    now = notes.state(path)
    lines, whole = notes.lines(path, str(known[0][0]) if known else None)
    return _Reading(now, 1 if whole else _BEHIND_ALL, _parsed(job, lines))


def _history(state: State, job: Job, path: str) -> _Reading:
    tips = git.tips(path)
    before = [tip for (tip,) in state.query("select commit_id from tips where repository = ?", (path,))]
    # A tip that a garbage collection took away can no longer be left out by name.
    before = git.present(path, before, "commit") if before else []
    wanted = [*tips, *(f"^{tip}" for tip in before)]
    pieces = _logged(job, path, wanted) if tips else iter(())
    return _Reading(_fingerprint(tips), _BEHIND_ALL if before else 1, pieces, tips)


def _logged(job: Job, path: str, wanted: list[str]) -> Iterator[tuple[Parsed, int]]:
    source = registry.source(job.kind)
    with git.output(path, *source.LOG_ARGUMENTS, "--stdin", given=wanted) as stream:
        yield from _parsed(job, source.cut(git.blocks(stream)))


def _parsed(job: Job, lines: Iterable[Line]) -> Iterator[tuple[Parsed, int]]:
    """Parse lines, so many at a time."""
    source = registry.source(job.kind)
    rest = iter(lines)
    while some := list(islice(rest, _LINES_AT_ONCE)):
        yield source.parse(some, job.options), sum(len(line.raw) for line in some)

"""Reads git repositories: the history in one `git log`, notes in one `git cat-file`, and then what is new."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import blobs, discover, git, notes
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.parse import FileResult, Job, Task, clean_rejects
from learning_pipeline.lake.redact import redact_records
from learning_pipeline.lake.state import State
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources import registry
from learning_pipeline.sources.base import Line

CHECKPOINT_BRANCH = "entire/checkpoints/v1"
_BEHIND_ALL = 2**62
# Commits or notes that are Python values at a time.
_LINES_AT_ONCE = 4000


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
        Found(discover.kind_of(spec, blob.name), blob.name, blob.size, blob.version)
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


def parse(state: State, job: Job, tasks: Sequence[Task]) -> tuple[dict[str, pl.DataFrame], list[FileResult]]:
    """Read what is new in some repositories."""
    family = registry.family(registry.source(job.kind).FAMILY)
    ((kind, schema),) = family.SCHEMAS.items()
    frames = [pl.DataFrame(schema=schema)]
    results = []
    for task in tasks:
        path = task.found.path
        repository, remote = git.names(path)
        result = FileResult(found=task.found, cursor=None, first_line=1)
        origin = [
            pl.lit(path).alias("source_file"),
            pl.lit(job.kind).alias("source"),
            pl.lit(job.host).alias("host"),
            pl.lit(repository).alias("repository"),
            pl.lit(remote, dtype=pl.String).alias("remote"),
        ]
        for records in _read(state, job, result):
            frame = records.with_columns(origin).select(*schema)
            frames.append(redact_records({kind: frame}, family.TEXT_COLUMNS, job.mode)[kind])
        clean_rejects(result, job.mode)
        results.append(result)
    return {kind: pl.concat(frames)}, results


def _read(state: State, job: Job, result: FileResult) -> Iterator[pl.DataFrame]:
    path = result.found.path
    if job.kind == "git_notes":
        known = state.query("select fingerprint from files where source = ? and path = ?", (job.kind, path))
        now = notes.state(path)
        lines, whole = notes.lines(path, str(known[0][0]) if known else None)
        yield from _parsed(job, lines, result)
    else:
        tips = git.tips(path)
        before = [tip for (tip,) in state.query("select commit_id from tips where repository = ?", (path,))]
        # A tip that a garbage collection took away can no longer be left out by name.
        before = git.present(path, before, "commit") if before else []
        now, whole = _fingerprint(tips), not before
        if tips:
            wanted = [*tips, *(f"^{tip}" for tip in before)]
            source = registry.source(job.kind)
            with git.output(path, *source.LOG_ARGUMENTS, "--stdin", given=wanted) as stream:
                yield from _parsed(job, source.cut(git.blocks(stream)), result)
        result.tips = tips
    result.cursor = Cursor(0, 0, now, 0, 0)
    # What was rejected before stands, where it is not read again.
    result.first_line = 1 if whole else _BEHIND_ALL


def _parsed(job: Job, lines: Iterable[Line], result: FileResult) -> Iterator[pl.DataFrame]:
    """Parse lines, so many at a time, and count them."""
    source = registry.source(job.kind)
    rest = iter(lines)
    while some := list(islice(rest, _LINES_AT_ONCE)):
        parsed = source.parse(some, job.options)
        result.lines_read += parsed.lines_read
        result.bytes_read += sum(len(line.raw) for line in some)
        result.ignored += parsed.ignored
        result.unknown += parsed.unknown
        result.rejects += parsed.rejects
        yield parsed.records

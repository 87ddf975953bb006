"""Runs git to read the history of repositories: the whole of it once, then what is not reachable from before."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.parse import FileResult, Job, Task, clean_rejects
from learning_pipeline.lake.redact import redact_records
from learning_pipeline.lake.state import State
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources import registry

_TIMEOUT_SECONDS = 600
_BEHIND_ALL = 2**62


def _git(repository: str, *arguments: str, given: str | None = None) -> bytes:
    """Run git in a repository and return what it prints.

    Raises:
        PipelineError: git is missing, fails or takes too long; the message has its first line.
    """
    command = ["git", "-C", repository, "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(
            command,
            input=given.encode() if given is not None else None,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise PipelineError("git is not installed; install it to read git_history") from error
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"git took more than {_TIMEOUT_SECONDS} s in {repository}") from error
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise PipelineError(f"git {arguments[0]} failed in {repository}: {words[0]}")
    return done.stdout


def _tips(repository: str) -> list[str]:
    """Return the commits that branches, tags, remotes and HEAD point at."""
    refs = _git(repository, "for-each-ref", "--format=%(objectname) %(objecttype) %(*objectname)").decode().splitlines()
    tips = set()
    for ref in refs:
        name, kind, *peeled = ref.split(" ")
        if kind == "commit":
            tips.add(name)
        elif kind == "tag" and peeled and peeled[0]:
            tips.add(peeled[0])
    return sorted(tips)


def find(spec: SourceSpec) -> list[Found]:
    """Return the repository as one input; its size is the number of its tips."""
    path = str(spec.path.absolute())
    _git(path, "rev-parse", "--git-dir")
    return [Found(spec.kind, path, 0, 0)]


def is_changed(file: Found, cursor: Cursor | None) -> bool:
    """Say whether any branch or tag moved since the history was read."""
    return cursor is None or _fingerprint(_tips(file.path)) != cursor.fingerprint


def _fingerprint(tips: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(tips).encode(), digest_size=16).hexdigest()


def _names(repository: str) -> tuple[str, str | None]:
    """Return the repository's name, after its remote or else its directory, and its remote without credentials."""
    try:
        remote = _git(repository, "remote", "get-url", "origin").decode("utf-8", "replace").strip()
    except PipelineError:
        remote = ""
    top = Path(_git(repository, "rev-parse", "--show-toplevel").decode("utf-8", "replace").strip())
    if not remote:
        return top.name, None
    scheme, at, rest = remote.rpartition("@")
    clean = f"{scheme.split('://')[0]}://{rest}" if at and "://" in scheme else remote
    name = clean.rstrip("/").removesuffix(".git").replace(":", "/").rsplit("/", 1)[-1]
    return name or top.name, clean


def parse(state: State, job: Job, tasks: Sequence[Task]) -> tuple[dict[str, pl.DataFrame], list[FileResult]]:
    """Read what is new in some repositories, in one `git log` each."""
    source = registry.source(job.kind)
    family = registry.family(source.FAMILY)
    frames, results = [], []
    for task in tasks:
        path = task.found.path
        tips = _tips(path)
        before = [tip for (tip,) in state.query("select commit_id from tips where repository = ?", (path,))]
        if before:
            # A tip that a garbage collection took away can no longer be left out by name.
            checked = _git(path, "cat-file", "--batch-check", given="\n".join(before) + "\n").decode().splitlines()
            before = [
                line.split(" ")[0] for line in checked if line.endswith(tuple("0123456789")) and " commit " in line
            ]
        stream = b""
        if tips:
            wanted = "\n".join([*tips, *(f"^{tip}" for tip in before)]) + "\n"
            stream = _git(path, *source.LOG_ARGUMENTS, "--stdin", given=wanted)
        repository, remote = _names(path)
        parsed = source.parse(source.cut(stream), job.options)
        frames.append(
            parsed.records.with_columns(
                pl.lit(path).alias("source_file"),
                pl.lit(repository).alias("repository"),
                pl.lit(remote, dtype=pl.String).alias("remote"),
            )
        )
        results.append(
            FileResult(
                found=task.found,
                cursor=Cursor(0, 0, _fingerprint(tips), 0, 0),
                # What was rejected in the history before stands: it is not read again.
                first_line=_BEHIND_ALL if before else 1,
                lines_read=parsed.lines_read,
                bytes_read=len(stream),
                ignored=parsed.ignored,
                unknown=parsed.unknown,
                rejects=parsed.rejects,
                tips=tips,
            )
        )
        clean_rejects(results[-1], job.mode)
    frame = pl.concat(frames).with_columns(pl.lit(job.kind).alias("source"), pl.lit(job.host).alias("host"))
    ((kind, schema),) = family.SCHEMAS.items()
    return redact_records({kind: frame.select(*schema)}, family.TEXT_COLUMNS, job.mode), results

"""Which files there are to read, and which of them changed since they were last read."""

import fnmatch
import os
from collections.abc import Iterator, Sequence

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.lake import git
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.state import State
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.registry import FILE_KINDS, FILE_PATTERNS, KINDS, REPOSITORY_KINDS, source

INPUT_KINDS = (*KINDS, "auto")
UNKNOWN = "unknown"
_NEVER = ("*.part", "*.tmp", "*.swp", "*~")


def check(specs: Sequence[SourceSpec]) -> None:
    """Make sure that every input is of a known kind and there.

    Raises:
        UsageError: a kind is unknown, or a path is not there.
    """
    for spec in specs:
        if spec.kind not in INPUT_KINDS:
            raise UsageError(f"unknown source kind {spec.kind!r}; the kinds are {', '.join(INPUT_KINDS)}")
        if not spec.path.exists():
            raise UsageError(f"source {spec.kind}: {spec.path} does not exist")


def find(spec: SourceSpec) -> list[Found]:
    """Return the files of an input, sorted by path. A file that no kind knows has the kind UNKNOWN.

    Raises:
        PipelineError: a directory or file cannot be looked at.
    """
    paths = [str(spec.path.absolute())] if spec.path.is_file() else sorted(_walk(spec))
    found = []
    for path in paths:
        kind = kind_of(spec, path)
        try:
            status = os.stat(path)
        except FileNotFoundError:  # deleted since the directory was listed
            continue
        except OSError as error:
            raise PipelineError(
                f"cannot read {path}: {error.strerror}; mend its permissions or leave it out"
            ) from error
        found.append(Found(kind, path, status.st_size, status.st_mtime_ns))
    return found


def reads_repository(spec: SourceSpec) -> bool:
    """Say whether an input is read by git: a repository's top, or for `git_history` any directory in one.

    A directory of exported commits may lie in a repository: where there are such files, they are what is read.
    """
    if spec.kind not in REPOSITORY_KINDS or not spec.path.is_dir():
        return False
    return git.is_repository(spec.path) or (spec.kind == "git_history" and next(_walk(spec), None) is None)


def kind_of(spec: SourceSpec, path: str) -> str:
    """Return the kind of a file: that of its input, except where files of several kinds lie together."""
    if spec.kind == "auto":
        return _kind_by_content(path)
    if spec.kind == "entire_checkpoints" and fnmatch.fnmatch(path, "*.json*"):
        kind = _kind_by_content(path)
        return spec.kind if kind == UNKNOWN else kind
    return spec.kind


def is_wanted(spec: SourceSpec, path: str) -> bool:
    """Say whether a file has a name that files of this input have."""
    name = path.rpartition("/")[2]
    patterns = FILE_PATTERNS[spec.kind] if spec.kind != "auto" else ("*",)
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns) and not any(
        fnmatch.fnmatch(name, pattern) for pattern in _NEVER
    )


def _walk(spec: SourceSpec) -> Iterator[str]:

    def failed(error: OSError) -> None:
        raise PipelineError(
            f"cannot look into {error.filename}: {error.strerror}; mend its permissions or leave it out"
        )

    for directory, folders, names in os.walk(spec.path.absolute(), onerror=failed):
        folders[:] = sorted(folder for folder in folders if folder != ".git")
        for name in names:
            if is_wanted(spec, name):
                path = f"{directory}/{name}"
                if os.path.isfile(path):
                    yield path


def _kind_by_content(path: str) -> str:
    from learning_pipeline.lake.read import head

    start = head(path)
    return next((kind for kind in FILE_KINDS if source(kind).sniff(start)), UNKNOWN)


def cursors(state: State) -> dict[tuple[str, str], Cursor]:
    """Return the cursor of every file that was read."""
    rows = state.query("select source, path, size, mtime_ns, fingerprint, offset, line from files")
    return {(source, path): Cursor(*rest) for source, path, *rest in rows}


def is_changed(file: Found, cursor: Cursor | None) -> bool:
    """Say whether a file has to be read: it is new, or its size or time changed."""
    return cursor is None or (file.size, file.mtime_ns) != (cursor.size, cursor.mtime_ns)

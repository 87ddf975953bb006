"""Which files there are to read, and which of them changed since they were last read."""

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence

from learning_pipeline.errors import UsageError
from learning_pipeline.lake import compressed, git
from learning_pipeline.lake.compressed import without_suffix
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.state import State
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.registry import FILE_KINDS, FILE_PATTERNS, KINDS, REPOSITORY_KINDS, source

AUTO = "auto"
INPUT_KINDS = (*KINDS, AUTO)
UNKNOWN = "unknown"
# A field's name; a name of more characters is not shown.
_NAME = re.compile(rb'"([A-Za-z_][\w.-]{0,39})"\s*:')
# Lines of a file that are looked at to tell its kind.
_FIRST_LINES = 3
_NEVER = ("*.part", "*.tmp", "*.swp", "*~")


def check(specs: Sequence[SourceSpec]) -> None:
    """Make sure that every input is of a known kind, and that any of them is there.

    Raises:
        UsageError: a kind is unknown, or nothing is at any path.
    """
    for spec in specs:
        if spec.kind not in INPUT_KINDS:
            raise UsageError(f"unknown source kind {spec.kind!r}; the kinds are {', '.join(INPUT_KINDS)}")
    if specs and not any(spec.path.exists() for spec in specs):
        raise UsageError(missing(specs[0]))


def missing(spec: SourceSpec) -> str:
    """Say that nothing is at the path of an input."""
    return f"source {spec.kind}: {spec.path} does not exist"


def find(spec: SourceSpec, unreadable: list[str]) -> list[Found]:
    """Return the files of an input, sorted by path; their kind is that of the input.

    Args:
        unreadable: takes what cannot be looked at, and why.
    """
    paths = [str(spec.path.absolute())] if spec.path.is_file() else sorted(_walk(spec, unreadable))
    found = []
    for path in paths:
        try:
            status = os.stat(path)
        except FileNotFoundError:  # deleted since the directory was listed
            continue
        except OSError as error:
            unreadable.append(f"cannot read {path}: {error.strerror}; mend its permissions or leave it out")
            continue
        found.append(Found(spec.kind, path, status.st_size, status.st_mtime_ns))
    return found


def reads_repository(spec: SourceSpec) -> bool:
    """Say whether an input is read by git: a repository's top, or for `git_history` any directory in one.

    A directory of exported commits may lie in a repository: where there are such files, they are what is read.
    """
    if spec.kind not in REPOSITORY_KINDS or not spec.path.is_dir():
        return False
    return git.is_repository(spec.path) or (spec.kind == "git_history" and next(_walk(spec, []), None) is None)


def kind_of(declared: str, path: str) -> str:
    """Return the kind of a file by what is in it: what an input is called may be wrong, and `auto` says nothing.

    A file that is of no other kind, too, is what its input says, and is read as that.

    Raises:
        PipelineError: it cannot be read.
    """
    from learning_pipeline.lake.read import head
    from learning_pipeline.lake.table_files import is_table
    from learning_pipeline.sources.table_map import IN_HOUSE

    if declared in IN_HOUSE and is_table(declared, path):
        return declared  # any in-house log may be exported as a table
    name, start = path.rpartition("/")[2], head(path)
    of_input = () if declared == AUTO else (declared,)
    for kind in of_input:
        if name in getattr(source(kind), "IGNORED_FILES", {}) or source(kind).sniff(start):
            return kind
    if declared in ("git_history", "git_notes"):
        return UNKNOWN  # whoever names a repository does not mean all that lies below a directory
    for _ in range(_FIRST_LINES):  # the first may be damaged
        for kind in FILE_KINDS:
            if kind not in of_input and source(kind).sniff(start):
                return kind
        start = start.partition(b"\n")[2]
        if not start:
            break
    return UNKNOWN if declared == AUTO else declared


def why_unknown(path: str) -> str:
    """Say what a file looks like that no kind knows."""
    from learning_pipeline.lake.read import head

    text = head(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return "compressed, and broken" if _is_broken(path) else "empty"
    if b"\0" in text:
        return "binary, and no table that is known"
    if text[:1] not in b"{[":
        return "text, not a log of a known form"
    names = dict.fromkeys(name.decode("utf-8", "replace") for name in _NAME.findall(text))
    return f"JSON with {', '.join(list(names)[:4]) or 'no fields'}: no log of a known form"


def _is_broken(path: str) -> bool:
    try:
        with compressed.open_file(path) as file:
            file.read(1)
    except compressed.broken():
        return True
    return False


def is_wanted(spec: SourceSpec, path: str) -> bool:
    """Say whether a file has a name that files of this input have, compressed or not."""
    name = path.rpartition("/")[2]
    patterns = FILE_PATTERNS[spec.kind] if spec.kind != AUTO else ("*",)
    names = {name, without_suffix(name)}
    return any(fnmatch.fnmatch(one, pattern) for pattern in patterns for one in names) and not any(
        fnmatch.fnmatch(name, pattern) for pattern in _NEVER
    )


def _walk(spec: SourceSpec, unreadable: list[str]) -> Iterator[str]:
    """Yield the files below a directory. Links are followed, but no directory is walked twice."""

    def failed(error: OSError) -> None:
        unreadable.append(f"cannot look into {error.filename}: {error.strerror}; mend its permissions or leave it out")

    seen: set[tuple[int, int]] = set()
    for directory, folders, names in os.walk(spec.path.absolute(), onerror=failed, followlinks=True):
        try:
            status = os.stat(directory)
        except OSError as error:  # deleted or renamed since it was listed
            failed(error)
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(folder for folder in folders if folder != ".git")
        for name in names:
            if is_wanted(spec, name):
                path = f"{directory}/{name}"
                if not _is_utf8(path):
                    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
                    unreadable.append(f"cannot read {shown}: its name is not UTF-8; rename it")
                elif os.path.isfile(path):
                    yield path


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class Cursors:
    """The cursors of all that was read: one a file, and one a kind of a repository."""

    def __init__(self, state: State) -> None:
        rows = state.query("select source, path, size, mtime_ns, fingerprint, offset, line from files")
        self._of_kind = {(kind, path): Cursor(*rest) for kind, path, *rest in rows}
        self._kind_of_file = {path: kind for kind, path in self._of_kind}

    def of_repository(self, found: Found) -> Cursor | None:
        """Return how far a repository was read, for its kind."""
        return self._of_kind.get((found.kind, found.path))

    def of_file(self, path: str) -> tuple[str, Cursor] | None:
        """Return as what a file was read, and how far."""
        kind = self._kind_of_file.get(path)
        return None if kind is None else (kind, self._of_kind[kind, path])


def unknown_cursor(found: Found, why: str) -> Cursor:
    """Return the cursor of a file that no kind knows: it is looked at again when there are other kinds."""
    return Cursor(found.size, found.mtime_ns, f"{why}; not {', '.join(FILE_KINDS)}", 0, 0)


def is_changed(file: Found, known: tuple[str, Cursor] | None) -> bool:
    """Say whether a file has to be read: it is new, or its size or time changed, or its kind may be known now."""
    if known is None:
        return True
    kind, cursor = known
    return (file.size, file.mtime_ns) != (cursor.size, cursor.mtime_ns) or (
        kind == UNKNOWN and cursor != unknown_cursor(file, remembered(cursor))
    )


def remembered(cursor: Cursor) -> str:
    """Return why the file of a cursor was of no known kind."""
    return cursor.fingerprint.partition("; ")[0]

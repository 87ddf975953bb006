"""Files in a branch of a repository that is not checked out: each is read like a file of its own.

Such a file is named `REPOSITORY#REF:PATH`. Git gives the contents of all of them through one process.
"""

import atexit
import io
import os
import re
import subprocess
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import git

_NAME = re.compile(r"(.+)#(refs/[^:]+):(.+)", re.DOTALL)


class Blob(NamedTuple):
    """One file of a branch."""

    name: str  # REPOSITORY#REF:PATH
    path: str
    size: int
    version: int  # a number made of its content's id


def is_blob(name: str) -> bool:
    """Say whether a name is that of a file in a branch."""
    return "#refs/" in name and _NAME.fullmatch(name) is not None


def branch(repository: str, name: str) -> str | None:
    """Return the ref of a branch: a local one, else that of the first remote that has it."""
    refs = git.run(repository, "for-each-ref", "--format=%(refname)", f"refs/heads/{name}", "refs/remotes").decode()
    found = [ref for ref in refs.splitlines() if ref == f"refs/heads/{name}" or _remote_name(ref) == name]
    return found[0] if found else None


def _remote_name(ref: str) -> str:
    return ref.removeprefix("refs/remotes/").partition("/")[2] if ref.startswith("refs/remotes/") else ""


def listed(repository: str, ref: str) -> Iterator[Blob]:
    """Yield the files of a branch, by path."""
    for entry in git.run(repository, "ls-tree", "-r", "-l", "-z", ref).decode("utf-8", "surrogateescape").split("\0"):
        head, _, path = entry.partition("\t")
        if head.startswith("100"):  # a file; not a link, nor a repository within
            _, _, blob, size = head.split()
            yield Blob(f"{repository}#{ref}:{path}", path, int(size), int(blob[:15], 16))


class _Reader:
    """A git process that answers what is in an object."""

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.process = subprocess.Popen(
            ["git", "-C", repository, "--no-replace-objects", "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def content(self, name: str) -> bytes:
        given, answer = self.process.stdin, self.process.stdout
        assert given is not None and answer is not None
        given.write(name.encode("utf-8", "surrogateescape") + b"\n")
        given.flush()
        size = answer.readline().rsplit(b" ", 1)[-1].strip()
        if not size.isdigit():
            raise PipelineError(f"cannot read {name} in {self.repository}: it is gone; run the same command again")
        content = answer.read(int(size))
        answer.read(1)
        return content

    def close(self) -> None:
        """End the process: without input it has nothing to do."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


_readers: dict[tuple[int, str], _Reader] = {}  # by process: a copy of this one must not read the same answers


def open_blob(name: str) -> BinaryIO:
    """Open a file of a branch.

    Raises:
        PipelineError: it is not there any more, or git is missing.
    """
    match = _NAME.fullmatch(name)
    assert match is not None
    repository, ref, path = match.groups()
    at = os.getpid(), repository
    reader = _readers.get(at)
    if reader is None or reader.process.poll() is not None:
        try:
            reader = _readers[at] = _Reader(repository)
        except OSError as error:
            raise PipelineError("git is not installed; install it to read repositories") from error
        atexit.register(reader.close)
    if "\n" in path:
        raise PipelineError(f"cannot read {path!r} of {repository}: its name has a line break")
    return io.BytesIO(reader.content(f"{ref}:{path}"))

"""Runs git, and reads what it prints as it comes."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from learning_pipeline.errors import PipelineError

_TIMEOUT_SECONDS = 600
_BLOCK = 4 * 1024 * 1024

# Refs that hold what programs write beside the history: their commits are nobody's work.
_NOT_HISTORY = ("refs/notes/", "refs/ai/", "refs/stash", "refs/entire/", "refs/replace/", "refs/prefetch/")
_CHECKPOINTS = "entire/"


def _command(repository: str, arguments: tuple[str, ...]) -> list[str]:
    return ["git", "-C", repository, "--no-replace-objects", "-c", "core.quotePath=false", *arguments]


def _missing() -> PipelineError:
    return PipelineError("git is not installed; install it to read repositories")


def _failed(repository: str, arguments: tuple[str, ...], message: bytes) -> PipelineError:
    words = message.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    return PipelineError(f"git {arguments[0]} failed in {repository}: {words[0]}")


def run(repository: str, *arguments: str, given: Iterable[str] | None = None) -> bytes:
    """Run git in a repository and return what it prints; `given` are the lines of its input.

    Raises:
        PipelineError: git is missing, fails or takes too long; the message has its first line.
    """
    try:
        done = subprocess.run(
            _command(repository, arguments),
            input="".join(f"{line}\n" for line in given).encode() if given is not None else None,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise _missing() from error
    except subprocess.TimeoutExpired as error:
        raise PipelineError(f"git took more than {_TIMEOUT_SECONDS} s in {repository}") from error
    if done.returncode:
        raise _failed(repository, arguments, done.stderr)
    return done.stdout


@contextmanager
def output(repository: str, *arguments: str, given: Iterable[str]) -> Iterator[IO[bytes]]:
    """Run git and give what it prints as a stream, which has to be read to its end.

    Raises:
        PipelineError: git is missing or fails; then nothing that was read of it counts.
    """
    # Files stand in for pipes: git never waits for input that is not sent, or for messages that are not read.
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as messages:
        names.writelines(f"{line}\n".encode() for line in given)
        names.seek(0)
        try:
            process = subprocess.Popen(
                _command(repository, arguments), stdin=names, stdout=subprocess.PIPE, stderr=messages, bufsize=_BLOCK
            )
        except FileNotFoundError as error:
            raise _missing() from error
        with process:
            try:
                yield cast(IO[bytes], process.stdout)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            messages.seek(0)
            raise _failed(repository, arguments, messages.read(4096))


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what a stream holds, some megabytes at a time."""
    while block := stream.read(_BLOCK):
        yield block


def objects(repository: str, names: Iterable[str]) -> Iterator[tuple[str, str, bytes] | None]:
    """Yield name, type and content of objects, None for one that is not there, in one stream."""
    with output(repository, "cat-file", "--batch", given=names) as stream:
        while head := stream.readline():
            name, _, rest = head.decode("utf-8", "replace").rstrip("\n").partition(" ")
            kind, _, size = rest.partition(" ")
            if not size.isdigit():
                yield None
                continue
            content = stream.read(int(size))
            stream.read(1)
            yield name, kind, content


def present(repository: str, names: Iterable[str], kind: str) -> list[str]:
    """Return which of these ids are there, and of this type of object."""
    checked = run(repository, "cat-file", "--batch-check", given=names).decode().splitlines()
    return [line.split(" ")[0] for line in checked if line.split(" ")[1:2] == [kind]]


def tips(repository: str) -> list[str]:
    """Return the commits that branches, tags, remotes and HEAD point at, those of notes and checkpoints left out."""
    form = "--format=%(objectname) %(objecttype) %(refname) %(*objectname) %(*objecttype)"
    found = set()
    for ref in run(repository, "for-each-ref", form).decode("utf-8", "replace").splitlines():
        name, kind, full, *peeled = ref.split(" ")
        if full.startswith(_NOT_HISTORY) or _branch(full).startswith(_CHECKPOINTS):
            continue
        if kind == "commit":
            found.add(name)
        elif kind == "tag" and peeled[1:] == ["commit"]:
            found.add(peeled[0])
    with suppress(PipelineError):  # nothing is committed yet
        found.add(run(repository, "rev-parse", "--verify", "-q", "HEAD^{commit}").decode().strip())
    return sorted(found)


def _branch(ref: str) -> str:
    for start in ("refs/heads/", "refs/remotes/"):
        if ref.startswith(start):
            name = ref.removeprefix(start)
            return name if start == "refs/heads/" else name.partition("/")[2]
    return ""


def is_repository(path: Path) -> bool:
    """Say whether a directory is a repository, or the top of a work tree, and not just inside of one."""
    bare = all((path / name).exists() for name in ("HEAD", "objects", "refs"))
    return path.is_dir() and ((path / ".git").exists() or bare)


def names(repository: str) -> tuple[str, str | None]:
    """Return the repository's name, after its remote or else its directory, and its remote without credentials."""
    try:
        remote = run(repository, "remote", "get-url", "origin").decode("utf-8", "replace").strip()
    except PipelineError:
        remote = ""
    common = run(repository, "rev-parse", "--git-common-dir").decode("utf-8", "replace").strip()
    directory = (Path(repository) / common).resolve()
    own = (directory.parent if directory.name == ".git" else directory).name.removesuffix(".git")
    if not remote:
        return own, None
    scheme, at, rest = remote.rpartition("@")
    clean = f"{scheme.split('://')[0]}://{rest}" if at and "://" in scheme else remote
    name = clean.rstrip("/").removesuffix(".git").replace(":", "/").rsplit("/", 1)[-1]
    return name or own, clean

"""The git histories behind the sample: commits whose ids are known without running git.

`git fast-import` of the stream makes a real repository with exactly these ids.
"""

import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from learning_pipeline.errors import PipelineError
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.world import AUTHORS, Repository


def _object_id(kind: str, body: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


def author_hash(mail: str) -> str:
    """Return the hash that stands for an author: the first 16 hex digits of SHA-256 of the mail in lower case."""
    return hashlib.sha256(mail.lower().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Commit:
    """One commit, as the logs tell of it."""

    commit: str
    parent: str | None
    subject: str
    at: int  # seconds since 1970
    author_hash: str
    files_changed: int
    lines_added: int
    lines_removed: int


@dataclass
class History:
    """A linear history of a repository that grows by `commit`."""

    repository: Repository
    commits: list[Commit] = field(default_factory=list)
    _files: dict[str, list[str]] = field(default_factory=dict)
    _stream: list[bytes] = field(default_factory=list)
    _blobs: dict[str, str] = field(default_factory=dict)

    def commit(self, dice: Dice, at: int, subject: str, trailer: str | None = None) -> Commit:
        """Add a commit that changes one to three files; its numbers are those that `git show --numstat` gives."""
        number = len(self.commits) + 1
        name, mail = dice.pick(AUTHORS)
        message = subject + "\n" + (f"\n{trailer}\n" if trailer else "")
        changes: list[bytes] = []
        added = removed = 0
        parts = list(self.repository.parts)
        count = dice.between(1, 3)
        for step in range(count):
            part = parts.pop(dice.below(len(parts)))
            path = f"{part}.{self.repository.suffix}"
            lines = self._files.setdefault(path, [])
            drop = min(len(lines), dice.below(12))
            grow = dice.between(1, 40)
            # Lines are unique, so any diff algorithm finds the same numbers.
            lines[:drop] = []
            lines += [f"# {part} {number}.{step}.{index}\n" for index in range(grow)]
            added += grow
            removed += drop
            content = "".join(lines).encode()
            self._blobs[path] = _object_id("blob", content)
            changes.append(f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n")
        tree = b"".join(f"100644 {path}\0".encode() + bytes.fromhex(self._blobs[path]) for path in sorted(self._blobs))
        parent = self.commits[-1].commit if self.commits else None
        who = f"{name} <{mail}> {at} +0200"
        body = f"tree {_object_id('tree', tree)}\n"
        body += f"parent {parent}\n" if parent else ""
        body += f"author {who}\ncommitter {who}\n\n{message}"
        commit = Commit(
            _object_id("commit", body.encode()), parent, subject, at, author_hash(mail), count, added, removed
        )
        head = f"commit refs/heads/{self.repository.main_branch}\nauthor {who}\ncommitter {who}\n"
        head += f"data {len(message.encode())}\n{message}\n"
        self._stream.append(head.encode() + b"".join(changes) + b"\n")
        self.commits.append(commit)
        return commit

    def fast_import(self) -> bytes:
        """Return the history as input of `git fast-import`."""
        return b"".join(self._stream)


def make_repository(stream: Path, target: Path) -> None:
    """Make a bare repository at `target` from a fast-import stream.

    Raises:
        PipelineError: git is missing or does not take the stream.
    """
    try:
        subprocess.run(["git", "init", "--quiet", "--bare", str(target)], check=True, capture_output=True)
        with stream.open("rb") as data:
            subprocess.run(
                ["git", "-C", str(target), "fast-import", "--quiet"], stdin=data, check=True, capture_output=True
            )
    except (OSError, subprocess.CalledProcessError) as error:
        raise PipelineError(f"cannot make a repository from {stream}: {error}; is git installed?") from error

"""The spool that the project's own git hooks write."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_day, iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.history import Commit, History
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.world import Repository

SOURCE = "git_hooks"


class Spool:
    """Collects hook events, and writes them as one file a day."""

    def __init__(self, dice: Dice, book: Book) -> None:
        self.dice = dice
        self.book = book
        self._lines: dict[str, list[tuple[int, bytes]]] = {}

    def _add(self, at: int, event: str, repository: Repository, branch: str, **fields: Any) -> None:
        line = {
            "v": 1,
            "event": event,
            "occurred_at": iso_ms(at),
            "repository": repository.name,
            "worktree": repository.path,
            "branch": branch,
            "commit": None,
            "parents": [],
            "author_hash": None,
            "files_changed": None,
            "lines_added": None,
            "lines_removed": None,
            "duration_ms": None,
            "session_id": None,
            **fields,
        }
        self._lines.setdefault(iso_day(at), []).append((at, msgspec.json.encode(line)))
        self.book.count(SOURCE, event)

    def commit(self, repository: Repository, branch: str, at: int, commit: Commit, session_id: str) -> None:
        """Add a commit, now and then with the session that made it, and a push some minutes later."""
        self._add(
            at,
            "commit",
            repository,
            branch,
            commit=commit.commit,
            parents=[commit.parent] if commit.parent else [],
            author_hash=commit.author_hash,
            files_changed=commit.files_changed,
            lines_added=commit.lines_added,
            lines_removed=commit.lines_removed,
            session_id=session_id if self.dice.chance(0.3) else None,
        )
        if self.dice.chance(0.25):
            push = {"commit": commit.commit, "author_hash": commit.author_hash, "remote": "origin"}
            self._add(at + self.dice.between(5_000, 240_000), "push", repository, branch, **push)

    def checkout(self, repository: Repository, branch: str, at: int, history: History) -> None:
        """Add a checkout of a branch."""
        head = history.commits[-1].commit if history.commits else None
        self._add(at, "checkout", repository, branch, commit=head)

    def write(self, out: Path) -> None:
        """Write the files, with a few damaged and repeated lines."""
        for number, day in enumerate(sorted(self._lines)):
            lines = [line for _, line in sorted(self._lines[day])]
            if number % 5 == 1:
                lines.insert(len(lines) // 2, lines[0])
                self.book.count(SOURCE, "duplicate_lines")
            if number % 6 == 2:
                lines.append(lines[-1][: len(lines[-1]) // 2])
                self.book.damage(SOURCE, "cut_line")
            if number % 7 == 3:
                lines.append(b'{"v":1,"event":"commit","occurred_at":"yesterday","repository":"orchard-api"}')
                self.book.damage(SOURCE, "bad_time")
            self.book.file(SOURCE, out / SOURCE / f"{day}.jsonl", b"\n".join(lines) + b"\n")

"""Git repositories for tests, made with git."""

import os
import subprocess
from pathlib import Path

from learning_pipeline.sources.git_history import LOG_ARGUMENTS

FIRST_SECOND = 1772366400  # 2026-03-01T12:00:00Z
_PERSON = {"NAME": "Ada", "EMAIL": "Ada@Example.org"}


class Repository:
    """A repository whose commits are a minute apart, in a time zone that is not UTC."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, given: bytes | None = None) -> bytes:
        time = f"{FIRST_SECOND + 60 * self._commits} +0530"
        people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _PERSON.items()}
        environment = {
            **os.environ,
            **people,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_DATE": time,
            "GIT_COMMITTER_DATE": time,
        }
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, input=given, env=environment, capture_output=True, check=True).stdout

    def commit(self, message: str | bytes, *options: str) -> str:
        """Commit all that is there, and return the commit's id."""
        self.git("add", "-A")
        message = message.encode() if isinstance(message, str) else message
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-F", "-", *options, given=message)
        self._commits += 1
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").decode().strip()

    def write(self, name: str | bytes, content: str | bytes) -> None:
        file = os.path.join(os.fsencode(self.path), name if isinstance(name, bytes) else name.encode())
        with open(file, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)

    def log(self) -> bytes:
        return self.git(*LOG_ARGUMENTS, "--all")

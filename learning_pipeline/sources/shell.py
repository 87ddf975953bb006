"""What a shell command that an agent ran tells: its program, and whether it makes a commit."""

import re

_SKIP_TO_PROGRAM = re.compile(r"^(?:\s*(?:cd\s+\S+\s*(?:&&|;)|\w+=\S*|sudo|env|time|exec)\s*)*", re.ASCII)
_PROGRAM = re.compile(r"[^\s;|&()<>\"']+")
_MAKES_COMMIT = re.compile(r"\bgit\b[^|;&\n]*\b(?:commit|merge|cherry-pick|revert|rebase|am)\b")
# `[branch abc1234] subject`, as `git commit` prints it, inside a JSON string.
_COMMITTED = re.compile(rb"\[[^\[\]\\\"]{1,200} ([0-9a-f]{7,40})\] ")


def program(command: str) -> str | None:
    """Return the program that a shell command starts with, without directory, assignments or `cd`."""
    start = _SKIP_TO_PROGRAM.match(command)
    word = _PROGRAM.search(command, start.end() if start else 0)
    return word.group().rsplit("/", 1)[-1][:100] or None if word else None


def makes_commit(command: str) -> bool:
    """Say whether a shell command runs a git command that makes commits."""
    return "git" in command and _MAKES_COMMIT.search(command) is not None


def printed_commit(output: bytes) -> str | None:
    """Return the abbreviated id of the last commit that a command's output says was made."""
    made = _COMMITTED.findall(output) if b"changed" in output else None
    return str(made[-1].decode()) if made else None

"""Checkpoints of Entire, as files of its branch: metadata of checkpoints and sessions, and commits that name some."""

import json
from pathlib import Path
from typing import Any

from learning_pipeline.sample.clock import iso_day, iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book

SOURCE = "entire_checkpoints"
_AGENTS = (("Claude Code", 0.7), ("Codex", 0.2), ("Gemini CLI", 0.1))
_FILES = ("src/server.py", "src/routes.py", "docs/guide.md", "tests/test_server.py")


def write_checkpoints(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write a session for each start, condensed into one to three checkpoints; most are named by a commit."""
    commits: list[dict[str, Any]] = []
    for start in sorted(starts):
        session = dice.uuid()
        if dice.chance(0.5):  # older versions put the day in front
            session = f"{iso_day(start)}-{session}"
        at = start
        for _ in range(dice.between(1, 3)):
            at += dice.between(300, 5400) * 1000
            checkpoint = dice.hex(12)
            _checkpoint(dice, book, out, checkpoint, session, at)
            # One of them in two commits: it was picked into another branch.
            for copy in range(0 if dice.chance(0.2) else 2 if dice.chance(0.1) else 1):
                commits.append(_commit(dice, commits, checkpoint, at + 1000 + copy * 90_000))
        book.count(SOURCE, "sessions")
    book.count(SOURCE, "commits", len(commits))
    lines = "".join(json.dumps(commit) + "\n" for commit in commits)
    book.file(SOURCE, out / SOURCE / "commits_with_checkpoint_trailer.jsonl", lines.encode())


def _checkpoint(dice: Dice, book: Book, out: Path, checkpoint: str, session: str, at: int) -> None:
    place = f"{checkpoint[:2]}/{checkpoint[2:]}"
    branch = f"feature/{dice.hex(4)}"
    files = list(_FILES[: dice.between(1, len(_FILES))])
    usage = {"input_tokens": dice.below(900), "output_tokens": dice.below(9000), "api_call_count": dice.between(1, 90)}
    shared = {"checkpoint_id": checkpoint, "strategy": "manual-commit", "branch": branch, "checkpoints_count": 1}
    whole = {**shared, "files_touched": files, "sessions": [{"metadata": f"/{place}/0/metadata.json"}]}
    agent_lines, human = dice.below(200), dice.below(30)
    told: dict[str, Any] = {
        **shared,
        "session_id": session,
        "created_at": _stamp(dice, at),
        "files_touched": files if dice.chance(0.9) else None,
        "agent": dice.weighted(_AGENTS),
        "token_usage": usage,
    }
    if dice.chance(0.8):
        told["initial_attribution"] = {
            "calculated_at": iso_ms(at),
            "agent_lines": agent_lines,
            "human_added": human,
            "human_modified": 0,
            "human_removed": 0,
            "total_committed": agent_lines + human,
            "agent_percentage": 100 * agent_lines / (agent_lines + human) if agent_lines + human else 0,
        }
        book.count(SOURCE, "agent_lines", agent_lines)
    for name, said in ((f"{place}/metadata.json", whole), (f"{place}/0/metadata.json", told)):
        book.file(SOURCE, out / SOURCE / name, json.dumps(said, indent=2).encode())
    book.file(SOURCE, out / SOURCE / place / "0" / "content_hash.txt", f"sha256:{dice.hex(64)}".encode())
    book.count(SOURCE, "checkpoints")


def _stamp(dice: Dice, at: int) -> str:
    """Return a time in one of the forms that are found: nine digits of a second, or an offset."""
    if dice.chance(0.5):
        return iso_ms(at)[:-1] + f"{dice.below(1_000_000):06}Z"
    return iso_ms(at + 3_600_000)[:-1] + "+01:00"


def _commit(dice: Dice, before: list[dict[str, Any]], checkpoint: str, at: int) -> dict[str, Any]:
    return {
        "commit": dice.hex(40),
        "parents": [before[-1]["commit"]] if before else [],
        "author_time": iso_ms(at),
        "commit_time": iso_ms(at),
        "author": "Robin Example",
        "subject": f"Checkpoint {checkpoint[:4]}",
        "checkpoint_ids": [checkpoint],
        "co_authors": ["Claude Opus 4.6"] if dice.chance(0.5) else [],
        "files": [{"path": name, "added": dice.below(60), "deleted": dice.below(9)} for name in _FILES[:2]],
        "numstat_complete": True,
    }

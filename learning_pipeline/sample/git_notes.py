"""Authorship notes as git-ai writes and exports them: prompts with totals, sessions without, notes of people alone."""

import json
from pathlib import Path
from typing import Any

from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.history import Commit
from learning_pipeline.sample.manifest import Book

SOURCE = "git_notes"
_TOOLS = (("claude", 0.6), ("cursor", 0.2), ("codex", 0.2))
_MODELS = {"claude": "claude-opus-4-6", "cursor": '"gpt-5"', "codex": "gpt-5.5"}
_FILES = ("src/main.rs", "src/a b.rs", "docs/guide.md", "tests/cases.rs")


def write_git_notes(dice: Dice, book: Book, out: Path, commits: list[Commit]) -> None:
    """Write a note for every third commit, some for commits that are gone, and one line that is broken."""
    lines = []
    prompts: list[tuple[str, dict[str, Any]]] = []
    for number, commit in enumerate(commits[::3]):
        lines.append(_line(dice, book, commit.commit, number, prompts))
        if number % 4 == 3:
            # Rebased: the note of the old commit stays, and repeats the newest prompt.
            lines.append(_line(dice, book, dice.hex(40), number, prompts))
            book.count(SOURCE, "dangling")
    broken = json.dumps({"commit": dice.hex(40), "bytes": 12, "note": '---\n{"schema_version": \\p'})
    book.damage(SOURCE, "broken_note")
    data = "".join(f"{line}\n" for line in (*lines, broken))
    book.file(SOURCE, out / SOURCE / "notes.jsonl", data.encode())


def _line(dice: Dice, book: Book, commit: str, number: int, prompts: list[tuple[str, dict[str, Any]]]) -> str:
    meta: dict[str, Any] = {"schema_version": "authorship/3.0.0", "git_ai_version": "1.6.13", "base_commit_sha": commit}
    meta["prompts"] = {}
    attested = []
    tool = dice.weighted(_TOOLS)
    who = {"tool": tool, "id": dice.uuid(), "model": _MODELS[tool]}
    if number % 5 == 4:  # nothing but people's lines
        attested.append(_attested(dice, "human"))
    elif number % 2:  # a newer note
        key = f"s_{dice.hex(14)}"
        meta["sessions"] = {key: {"agent_id": who, "human_author": None}}
        for _ in range(2):
            attested.append(_attested(dice, f"{key}::t_{dice.hex(14)}"))
        book.count(SOURCE, "sessions")
    else:
        key = dice.hex(16)
        added = dice.between(4, 90)
        totals = {"total_additions": added, "total_deletions": dice.below(20)}
        totals |= {"accepted_lines": dice.between(1, added + 3), "overriden_lines": dice.below(4)}
        prompts.append((key, {"agent_id": who, "human_author": None, "messages": [], **totals}))
        for name, prompt in prompts[-2:]:
            meta["prompts"][name] = prompt
            attested.append(_attested(dice, name))
            book.count(SOURCE, "prompts")
            book.count(SOURCE, "accepted_lines", prompt["accepted_lines"])
            book.count(SOURCE, "overridden_lines", prompt["overriden_lines"])
    book.count(SOURCE, "notes")
    note = "".join(attested) + "---\n" + json.dumps(meta, indent=2) + "\n"
    return json.dumps({"commit": commit, "bytes": len(note.encode()), "note": note})


def _attested(dice: Dice, key: str) -> str:
    """Return a file and some ranges of its lines, in no order."""
    places = [1 + 20 * place for place in range(dice.between(1, 4))]
    ranges = ",".join(f"{start}-{start + dice.below(15)}" for start in reversed(places))
    return f"{dice.pick(_FILES)}\n  {key} {ranges}\n"

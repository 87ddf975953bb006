"""Payloads of lifecycle hooks: arrays that are rewritten at each event, and lines; no time in most of them."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPES

SOURCE = "hook_log"
_AGENTS = ("builder", "researcher", "general-purpose")

Payload = dict[str, Any]


def write_hook_payloads(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write the payloads of a session for each start.

    One array holds all sessions. Each has a file of its own too: in turn an array with the same payloads, an array
    of reduced records, and lines that a hook put the time of their arrival to.
    """
    shared: list[Payload] = []
    for number, start in enumerate(starts):
        session = _Session(dice, book, start)
        form = number % 3
        name = f"{session.id}.{'jsonl' if form == 2 else 'json'}"
        if form == 2:
            lines = [{**row, "logged_at": iso_ms(at)} for at, row in session.payloads]
            book.file(SOURCE, out / SOURCE / "sessions" / name, b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
            book.count(SOURCE, "payloads", len(lines))
            continue
        rows = [row for _, row in session.payloads]
        shared += rows
        own = [_reduced(row) for row in rows if "tool_use_id" in row] if form == 1 else rows
        _array(book, out / SOURCE / "sessions" / name, own)
    _array(book, out / SOURCE / "all.json", shared)


def _array(book: Book, path: Path, rows: list[Payload]) -> None:
    book.file(SOURCE, path, msgspec.json.format(msgspec.json.encode(rows), indent=2))
    book.count(SOURCE, "payloads", len(rows))


def _reduced(row: Payload) -> Payload:
    kept = ("session_id", "hook_event_name", "tool_name", "tool_use_id")
    return {**{name: row[name] for name in kept}, "is_mcp_tool": False, "tool_summary": row["tool_name"]}


class _Session:
    """One session, as payloads and when each came."""

    def __init__(self, dice: Dice, book: Book, start: int) -> None:
        self.dice, self.book, self.now = dice, book, start
        self.id = dice.uuid()
        self.repository = dice.pick(REPOSITORIES)
        self.payloads: list[tuple[int, Payload]] = []
        self._say("SessionStart", source="startup", model="")
        for _ in range(dice.between(1, 3)):
            self._say("UserPromptSubmit", prompt=task_text(dice, dice.weighted(TASK_TYPES), self.repository))
            book.count(SOURCE, "prompts")
            for _ in range(dice.between(1, 4)):
                self._tool()
            if dice.chance(0.4):
                self._subagent()
            self._say("Stop", stop_hook_active=False)
        self._say("SessionEnd", reason="prompt_input_exit")
        book.count(SOURCE, "sessions")

    def _say(self, event: str, **more: Any) -> None:
        self.now += 300 + int(self.dice.spread(3000))
        path = f"{self.repository.path}/.claude/{self.id}.jsonl"
        where = {"session_id": self.id, "transcript_path": path, "cwd": self.repository.path}
        self.payloads.append((self.now, {**where, "hook_event_name": event, **more}))
        self.book.kind(SOURCE, event)

    def _tool(self) -> None:
        path = f"{self.repository.path}/src/{self.dice.pick(self.repository.parts)}.{self.repository.suffix}"
        name = self.dice.pick(("Bash", "Read", "Edit"))
        given = {"command": "make test"} if name == "Bash" else {"file_path": path}
        tool = {"tool_name": name, "tool_input": given, "tool_use_id": f"toolu_{self.dice.hex(24)}"}
        self._say("PreToolUse", **tool)
        self.book.count(SOURCE, "tool_calls")
        if self.dice.chance(0.1):
            return  # the session went on without the hook being told of an end
        if self.dice.chance(0.15):
            self._say("PostToolUseFailure", **tool, error="Exit code 2\nno such target", is_interrupt=False)
            self.book.count(SOURCE, "tool_errors")
        else:
            self._say("PostToolUse", **tool, tool_response={"stdout": "ok", "interrupted": False})

    def _subagent(self) -> None:
        agent = {"agent_id": self.dice.hex(7), "agent_type": self.dice.pick(_AGENTS)}
        self._say("SubagentStart", **agent)
        self._say("SubagentStop", **agent, stop_hook_active=False)
        self.book.count(SOURCE, "subagents")

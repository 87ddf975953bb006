"""Sessions of Gemini CLI: documents that are written anew as they grow, and the newer files of lines."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPES

SOURCE = "gemini_cli"
MODEL = "gemini-2.5-pro"
_TOOLS = (("read_file", 0.4), ("replace", 0.25), ("run_shell_command", 0.35))
# What Gemini CLI says in the user's place: no prompt.
_CONTINUE = "System: Please continue."

Message = dict[str, Any]


def write_gemini_sessions(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write a session for each start: in turn a document, a document with an older copy of it, and a file of lines."""
    for number, start in enumerate(starts):
        session = _Session(dice, book, start)
        folder = out / SOURCE / dice.hex(64) / "chats"
        name = f"session-{iso_ms(start)[:16].replace(':', '-')}-{session.id[:8]}"
        if number % 3 == 2:
            book.file(SOURCE, folder / f"{name}.jsonl", session.lines())
            continue
        book.file(SOURCE, folder / f"{name}.json", session.document(len(session.messages)))
        if number % 3 == 1:
            book.file(SOURCE, out / SOURCE / "copies" / f"{session.id}.json", session.document(2))
            book.count(SOURCE, "copies")


class _Session:
    """One session, as messages."""

    def __init__(self, dice: Dice, book: Book, start: int) -> None:
        self.dice, self.book, self.now = dice, book, start
        self.id, self.project = dice.uuid(), dice.hex(64)
        self.start = start
        self.repository = dice.pick(REPOSITORIES)
        self.messages: list[Message] = []
        for _ in range(dice.between(1, 3)):
            self._turn()
        book.count(SOURCE, "sessions")

    def _message(self, kind: str, content: str, **more: Any) -> Message:
        self.now += 500 + int(self.dice.spread(4000))
        message = {"id": self.dice.uuid(), "timestamp": iso_ms(self.now), "type": kind, "content": content, **more}
        self.messages.append(message)
        return message

    def _turn(self) -> None:
        self._message("user", task_text(self.dice, self.dice.weighted(TASK_TYPES), self.repository))
        self.book.count(SOURCE, "prompts")
        for _ in range(self.dice.between(0, 2)):
            self._call("I look at it.", tool=True)
        if self.dice.chance(0.2):
            self._message("user", _CONTINUE)
        if self.dice.chance(0.1):
            self._message("info", "Request cancelled.")
            self.book.count(SOURCE, "interrupts")
            return
        if self.dice.chance(0.2):
            self._message("info", "An update of Gemini CLI is available.")
        self._call("It is done.", tool=False)

    def _call(self, content: str, *, tool: bool) -> None:
        given, cached = int(self.dice.spread(9000)) + 100, int(self.dice.spread(3000))
        counts = {
            "input": given + cached,
            "output": int(self.dice.spread(150)) + 1,
            "cached": cached,
            "thoughts": int(self.dice.spread(80)),
            "tool": 0,
        }
        total = counts["input"] + counts["output"] + counts["thoughts"]
        message = self._message("gemini", content, model=MODEL, thoughts=[], tokens={**counts, "total": total})
        self.book.count(SOURCE, "calls")
        self.book.count(SOURCE, "input_tokens", given)
        self.book.count(SOURCE, "cache_read_tokens", cached)
        self.book.count(SOURCE, "reasoning_tokens", counts["thoughts"])
        self.book.count(SOURCE, "output_tokens", counts["output"] + counts["thoughts"])
        if tool:
            message["toolCalls"] = [self._tool()]

    def _tool(self) -> dict[str, Any]:
        name = self.dice.weighted(_TOOLS)
        path = f"src/{self.dice.pick(self.repository.parts)}.{self.repository.suffix}"
        args = {"command": "make test"} if name == "run_shell_command" else {"file_path": path}
        failed = self.dice.chance(0.15)
        call_id = f"{name}-{self.now}-{self.dice.hex(12)}"
        self.now += 100 + int(self.dice.spread(2000))
        said = {"error": "File not found."} if failed else {"output": "Exit Code: 0"}
        self.book.count(SOURCE, "tool_calls")
        self.book.count(SOURCE, "tool_errors", int(failed))
        return {
            "id": call_id,
            "name": name,
            "args": args,
            "result": [{"functionResponse": {"id": call_id, "name": name, "response": said}}],
            "status": "error" if failed else "success",
            "timestamp": iso_ms(self.now),
            "displayName": name,
            "description": "",
            "renderOutputAsMarkdown": True,
        }

    def _head(self) -> dict[str, Any]:
        return {
            "sessionId": self.id,
            "projectHash": self.project,
            "startTime": iso_ms(self.start),
            "lastUpdated": iso_ms(self.now),
        }

    def document(self, messages: int) -> bytes:
        """Return the session as a document, with its first messages."""
        held = self.messages[:messages]
        self.book.count(SOURCE, "messages", len(held))
        return msgspec.json.format(msgspec.json.encode({**self._head(), "messages": held}), indent=2)

    def lines(self) -> bytes:
        """Return the session as lines: a message that calls tools is written again when they are done."""
        lines = [{**self._head(), "kind": "main"}]
        for message in self.messages:
            if "toolCalls" in message:
                lines.append({name: value for name, value in message.items() if name != "toolCalls"})
            lines += [message, {"$set": {"lastUpdated": message["timestamp"]}}]
        self.book.count(SOURCE, "messages", len(lines))
        return b"\n".join(map(msgspec.json.encode, lines)) + b"\n"

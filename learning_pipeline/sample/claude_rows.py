"""Rows of a Claude Code transcript, in the shapes of generations B (CLI 2.0 to 2.1.42) and D (2.1.205 on)."""

from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_day, iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book

SOURCE = "claude_code"
_encode = msgspec.json.Encoder().encode

# What a plain string cannot hold is put in after encoding.
SURROGATE_MARK = "@lone-surrogate@"

Row = dict[str, Any]


class Transcript:
    """Writes one transcript file: the chain of uuids, the clock, and the counts of what was written."""

    def __init__(self, dice: Dice, book: Book, generation: str, session_id: str, at: int, **envelope: Any) -> None:
        self.dice = dice
        self.book = book
        self.generation = generation
        self.session_id = session_id
        self.at = at
        self.lines: list[bytes] = []
        self.kinds: list[str] = []
        self.parent: str | None = None
        self.messages: list[tuple[int, Row]] = []  # when and what a sub-agent said, for the parent's progress rows
        self.is_subagent = bool(envelope.get("isSidechain"))
        self.envelope: Row = {
            "isSidechain": False,
            "userType": "external",
            "cwd": "",
            "sessionId": session_id,
            "version": "",
            "gitBranch": "",
            **envelope,
        }

    def wait(self, ms: float) -> None:
        self.at += int(ms)

    def line(self, kind: str, row: Row) -> None:
        """Write a row as it is."""
        self.lines.append(_encode(row))
        self.kinds.append(kind)

    def row(self, kind: str, body: Row, *, label: str | None = None, chained: bool = True) -> str:
        """Write a row with the envelope; it becomes the parent of the next one unless `chained` is false."""
        uuid = self.dice.uuid()
        row = {
            "parentUuid": self.parent,
            **self.envelope,
            "type": kind,
            **body,
            "uuid": uuid,
            "timestamp": iso_ms(self.at),
        }
        self.lines.append(_encode(row))
        self.kinds.append(label or kind)
        if chained:
            self.parent = uuid
        return uuid

    def prompt(self, text: str, *, listed: bool = False) -> str:
        """Write what a human typed; `listed` writes it as a list of blocks, as an IDE does."""
        content: Any = [{"type": "text", "text": text}] if listed else text
        body: Row = {"message": {"role": "user", "content": content}}
        if self.is_subagent:
            pass
        elif self.generation == "B":
            body |= {"thinkingMetadata": {"maxThinkingTokens": 31999}, "todos": [], "permissionMode": "default"}
        else:
            body |= {
                "promptId": self.dice.uuid(),
                "origin": {"kind": "human"},
                "promptSource": "sdk",
                "permissionMode": "acceptEdits",
            }
        if not self.is_subagent:
            self.book.count(SOURCE, "prompts")
        uuid = self.row("user", body)
        self._said("user", uuid, body["message"])
        return uuid

    def block(self, message: Row, block: Row, request_id: str | None, **extra: Any) -> str:
        """Write one row of a model's message, with one content block."""
        message = {**message, "content": [block]}
        body: Row = {"message": message}
        if request_id is not None:
            body["requestId"] = request_id
        uuid = self.row("assistant", {**body, **extra})
        self._said("assistant", uuid, message, request_id)
        return uuid

    def call(self, model: str, numbers: tuple[int, int, int, int, int]) -> None:
        """Count a model call in the truth: its tokens as `Book.usage` has them."""
        self.book.usage(iso_day(self.at), model, numbers)
        self.book.count(SOURCE, "subagent_calls" if self.is_subagent else "main_calls")

    def result(self, tool_use_id: str, content: Any, result: Any, caller: str, *, is_error: bool | None = None) -> str:
        """Write the result of a tool. `is_error` None leaves the flag out, which means no error."""
        block: Row = {"tool_use_id": tool_use_id, "type": "tool_result", "content": content}
        if is_error is not None:
            block["is_error"] = is_error
        if is_error:
            self.book.count(SOURCE, "subagent_tool_errors" if self.is_subagent else "tool_errors")
        message = {"role": "user", "content": [block]}
        body: Row = {"message": message, "toolUseResult": result, "sourceToolAssistantUUID": caller}
        uuid = self.row("user", body, label="tool_result")
        self._said("user", uuid, message, None, result)
        return uuid

    def _said(self, kind: str, uuid: str, message: Row, request_id: str | None = None, result: Any = None) -> None:
        if not self.is_subagent:
            return
        said: Row = {"type": kind, "message": message, "uuid": uuid, "timestamp": iso_ms(self.at)}
        if request_id is not None:
            said["requestId"] = request_id
        if result is not None:
            said["toolUseResult"] = result
        self.messages.append((self.at, said))

    def progress(self, data: Row, tool_use_id: str, parent_tool_use_id: str) -> None:
        self.row(
            "progress",
            {"data": data, "toolUseID": tool_use_id, "parentToolUseID": parent_tool_use_id},
            label=f"progress/{data['type']}",
        )

    def system(self, subtype: str, body: Row) -> None:
        self.row("system", {"subtype": subtype, **body}, label=f"system/{subtype}")

    def snapshot(self, message_id: str, files: list[str], *, update: bool) -> None:
        """Write a file-history-snapshot: no uuid and no time on the row itself."""
        backups = {
            name: {
                "backupFileName": f"{self.dice.hex(16)}@v1",
                "version": 1,
                "backupTime": iso_ms(self.at),
            }
            for name in files
        }
        self.line(
            "file-history-snapshot",
            {
                "type": "file-history-snapshot",
                "messageId": message_id,
                "snapshot": {"messageId": message_id, "trackedFileBackups": backups, "timestamp": iso_ms(self.at)},
                "isSnapshotUpdate": update,
            },
        )

    def data(self) -> bytes:
        """Return the file's bytes."""
        return b"\n".join(self.lines) + b"\n"

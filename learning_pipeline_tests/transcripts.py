"""Transcript lines for tests, as Claude Code writes them."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Session:
    """Writes the lines of one session; each step is a second later than the one before."""

    def __init__(self, name: str = "s1", start: datetime = START, model: str = "claude-sonnet-4-5-20250929") -> None:
        self.name, self.model = name, model
        self.now = start
        self.lines: list[bytes] = []
        self._number = count(1)

    def row(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Append a row of this kind and return it."""
        self.now += timedelta(seconds=1)
        row = {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/ada/work/shop",
            "sessionId": self.name,
            "version": "2.1.0",
            "gitBranch": "main",
            "type": kind,
            "uuid": f"{self.name}-{next(self._number)}",
            "timestamp": self.now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            **fields,
        }
        self.lines.append(json.dumps(row, separators=(",", ":")).encode())
        return row

    def prompt(self, text: str = "fix the bug in the cart", **fields: Any) -> dict[str, Any]:
        return self.row("user", message={"role": "user", "content": text}, **fields)

    def say(
        self,
        call: str,
        *blocks: dict[str, Any],
        output: int = 10,
        stop: str | None = None,
        usage: dict[str, Any] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Append a line of an assistant's message."""
        counts = {
            "input_tokens": 3,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "output_tokens": output,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        }
        message = {
            "id": f"msg_{call}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": list(blocks) or [{"type": "text", "text": "done"}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {**counts, **(usage or {})},
        }
        return self.row("assistant", message=message, requestId=f"req_{call}", **fields)

    def tool(self, call: str, tool: str, name: str = "Bash", **given: Any) -> dict[str, Any]:
        block = {"type": "tool_use", "id": f"toolu_{tool}", "name": name, "input": given or {"command": "ls"}}
        return self.say(call, block, stop="tool_use")

    def result(self, tool: str, content: str = "ok", error: bool | None = None, **fields: Any) -> dict[str, Any]:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": f"toolu_{tool}", "content": content}
        if error is not None:
            block["is_error"] = error
        fields.setdefault("toolUseResult", {"stdout": content, "stderr": ""})
        return self.row("user", message={"role": "user", "content": [block]}, **fields)

    def turn(self, name: str, text: str = "fix the bug in the cart", error: bool | None = None) -> None:
        """Append a whole turn: a prompt, a tool call with its result, and a last word."""
        self.prompt(text)
        self.tool(f"{name}a", name)
        self.result(name, error=error)
        self.say(f"{name}b", stop="end_turn")

    def text(self) -> bytes:
        return b"\n".join(self.lines) + b"\n"

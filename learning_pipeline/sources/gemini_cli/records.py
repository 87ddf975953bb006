"""From the messages of a session to records of the transcript family."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec

from learning_pipeline.sources import normal, shell
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.typed import utc_text

TYPES = ("user", "gemini", "info", "warning", "error")
MESSAGE = frozenset(
    ("id", "timestamp", "type", "content", "displayContent", "model", "thoughts", "tokens", "toolCalls")
)
_TOKENS = ("input", "output", "cached", "thoughts", "tool", "total")
_TOOL = frozenset(
    (
        *("id", "name", "args", "result", "status", "timestamp", "agentId"),
        *("displayName", "description", "resultDisplay", "renderOutputAsMarkdown"),
    )
)
_DIFF = ("model_added_lines", "user_added_lines"), ("model_removed_lines", "user_removed_lines")
# What Gemini CLI itself says in the user's place, after a stream that broke off.
_CONTINUE = "System: Please continue."
# What follows in a prompt after the words of the person: the files that they named.
_FILES = "--- Content from referenced files ---"
_CANCELLED = ("Request cancelled.", "User cancelled the request.")
_API_ERROR = "[API Error"
# How a response ended, where that is not well.
_ENDS = {"Response truncated": "partial", "Response stopped": "failure"}
_DENIED = b"User did not allow tool call"
_PATHS = ("file_path", "absolute_path", "path", "dir_path")
_EXIT_CODE = re.compile(r"^Exit Code: (-?\d{1,6})\b", re.MULTILINE)
# A tool call's id holds the moment in which the model asked for it.
_ASKED_AT = re.compile(r"-(\d{13})-[0-9a-f]+$")

_encode = msgspec.json.Encoder(order="sorted").encode


class Recorder:
    """Makes records of the messages of one file."""

    def __init__(self, table: RecordTable, unknown: Counter[str]) -> None:
        self.table = table
        self.unknown = unknown
        self.session: str | None = None
        self.agent_id: str | None = None

    def begin(self, session: str | None, is_subagent: bool, *, whole: bool = False) -> None:
        """Take the session's id; in a file of lines the first that is named holds."""
        if session is not None and (whole or self.session is None):
            self.session = session
            self.agent_id = session if is_subagent else None

    def message(self, message: Any, number: int) -> str | None:
        """Turn a message into records; return the name of the rule where it makes none.

        Raises:
            LineError: it is no message of Gemini CLI, or breaks a rule.
        """
        if not isinstance(message, dict) or not isinstance(message.get("id"), str) or "timestamp" not in message:
            names = ", ".join(sorted(message)[:6]) if isinstance(message, dict) else type(message).__name__
            raise LineError("foreign_document", f"no message of Gemini CLI: {names or 'nothing'}")
        kind = message.get("type")
        if kind not in TYPES:
            self.unknown[f"kind:{str(kind)[:100]}"] += 1
            raise LineError("unknown_kind", f"messages of type {str(kind)[:100]!r} are not known", "type", kind)
        self.unknown.update(f"field:messages.{name[:100]}" for name in message.keys() - MESSAGE)
        at = utc_text(message["timestamp"])
        if self.session is None:
            # Lines without the one that names the session: it goes by its first message.
            self.session = f"message:{message['id']}"
        if kind == "gemini":
            return self._gemini(message, at, number)
        if kind == "user":
            return self._user(message, at, number)
        return self._notice(message, kind, at, number)

    def _add(self, kind: str, message: dict[str, Any], at: str, number: int, own: str = "", **columns: Any) -> None:
        assert self.session is not None
        identity = f"gemini_cli\x1f{self.session}\x1f{message['id']}\x1f{own}"
        self.table.add(
            kind, line=number, session=self.session, at=at, identity=identity, agent_id=self.agent_id, **columns
        )

    def _user(self, message: dict[str, Any], at: str, number: int) -> str | None:
        text = _words(message.get("displayContent")) or _words(message.get("content"))
        if not text:
            return "user:no_text"
        if text.strip() == _CONTINUE:
            return "user:continue"
        kind = "prompt" if self.agent_id is None else "task"
        self._add(kind, message, at, number, record_id=message["id"], text=text)
        return None

    def _notice(self, message: dict[str, Any], kind: str, at: str, number: int) -> str | None:
        text = (_words(message.get("content")) or "").strip()
        if kind == "info" and text in _CANCELLED:
            self._add("interrupt", message, at, number)
            return None
        if kind == "error" and text.startswith(_API_ERROR):
            self._add("api_error", message, at, number, text=text)
            return None
        said = text.lstrip("\u26a0\ufe0f ")
        outcome = next((outcome for start, outcome in _ENDS.items() if said.startswith(start)), None)
        if kind == "info" and outcome is not None:
            self._add("turn_end", message, at, number, outcome=outcome)
            return None
        return kind

    def _gemini(self, message: dict[str, Any], at: str, number: int) -> str | None:
        tools = message.get("toolCalls") or []
        if not isinstance(tools, list):
            raise LineError("type", "toolCalls is not a list", "toolCalls", tools)
        counts = self._tokens(message.get("tokens"))
        if counts or _words(message.get("content")):
            # Without either, the message only carries tool calls of the response before it.
            own = "\x1f".join(str(counts.get(name)) for name in sorted(counts))
            self._add(
                "call",
                message,
                at,
                number,
                own,
                call_id=message["id"],
                model=normal.model(message.get("model")),
                **counts,
            )
        for tool in tools:
            self._tool(message, tool, at, number)
        return "gemini:empty"

    def _tokens(self, tokens: Any) -> dict[str, int]:
        """Return the counts in their normal form; nothing where all are 0, which no response costs.

        Gemini counts cached tokens in its input, and thoughts beside its output.
        """
        if not isinstance(tokens, dict):
            return {}
        self.unknown.update(f"field:messages.tokens.{name[:100]}" for name in tokens.keys() - {*_TOKENS})
        counts: dict[str, int] = {}
        for name in _TOKENS:
            try:
                counts[name] = normal.integer(tokens.get(name) or 0)
            except ValueError as error:
                raise LineError("range", f"tokens.{name}: {error}", f"tokens.{name}", tokens.get(name)) from error
        if not any(counts.values()):
            return {}
        if counts["cached"] > counts["input"]:
            raise LineError("range", "more input was cached than there was", "tokens.cached", counts["cached"])
        return {
            "input_tokens": counts["input"] + counts["tool"] - counts["cached"],
            "cache_read_tokens": counts["cached"],
            "output_tokens": counts["output"] + counts["thoughts"],
            "reasoning_tokens": counts["thoughts"],
        }

    def _tool(self, message: dict[str, Any], tool: Any, at: str, number: int) -> None:
        if not isinstance(tool, dict) or not isinstance(tool.get("id"), str):
            raise LineError("missing_field", "a tool call without id", "toolCalls.id")
        self.unknown.update(f"field:messages.toolCalls.{name[:100]}" for name in tool.keys() - _TOOL)
        name = tool["name"] if isinstance(tool.get("name"), str) else None
        given: Any = tool.get("args")
        args: dict[str, Any] = given if isinstance(given, dict) else {}
        command = args.get("command") if name == "run_shell_command" else None
        command = command if isinstance(command, str) else None
        path = next((args[key] for key in _PATHS if isinstance(args.get(key), str)), None)
        self._add(
            "tool_use",
            message,
            _asked_at(tool["id"], at),
            number,
            tool["id"],
            tool_call_id=tool["id"],
            tool_name=name,
            tool_kind=_tool_kind(name, tool),
            input_bytes=len(_encode(given)) if given is not None else None,
            file_path=path,
            command_name=shell.program(command) if command else None,
            commits=shell.makes_commit(command) if command else None,
        )
        status = tool.get("status")
        if status in ("success", "error", "cancelled"):
            self._tool_result(message, tool, status, at, number)
            if status == "success":
                self._change(message, tool, path, at, number)

    def _tool_result(self, message: dict[str, Any], tool: dict[str, Any], status: str, at: str, number: int) -> None:
        output = _encode(tool.get("result"))
        response = _response(tool.get("result"))
        code = _EXIT_CODE.search(response)
        error_type = normal.error_type(response) if status == "error" else "unknown"
        self._add(
            "tool_result",
            message,
            utc_text(tool["timestamp"], "toolCalls.timestamp") if tool.get("timestamp") is not None else at,
            number,
            f"{tool['id']}\x1f{status}",
            tool_call_id=tool["id"],
            is_error=None if status == "cancelled" else status == "error",
            output_bytes=len(output) if tool.get("result") is not None else None,
            exit_code=int(code.group(1)) if code else None,
            decision="reject" if status == "cancelled" and _DENIED in output else None,
            commit_prefix=shell.printed_commit(output),
            error_type=None if error_type == "unknown" else error_type,
        )

    def _change(self, message: dict[str, Any], tool: dict[str, Any], path: str | None, at: str, number: int) -> None:
        """Add what an edit changed, where the result shows it."""
        shown = tool.get("resultDisplay")
        stat = shown.get("diffStat") if isinstance(shown, dict) else None
        if not isinstance(stat, dict):
            return
        added, removed = (sum(n for name in names if isinstance(n := stat.get(name), int) and n > 0) for names in _DIFF)
        self._add("change", message, at, number, tool["id"], file_path=path, lines_added=added, lines_removed=removed)


def _words(content: Any) -> str | None:
    """Return the words of a content: a text, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content or None
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    words: list[str] = []
    for part in content:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            if text.lstrip().startswith(_FILES):
                break
            words.append(text)
    return "\n".join(words) or None


def _response(result: Any) -> str:
    """Return what a tool gave back, in words."""
    parts = result if isinstance(result, list) else [result]
    found = []
    for part in parts:
        answer = part.get("functionResponse") if isinstance(part, dict) else None
        response = answer.get("response") if isinstance(answer, dict) else None
        if isinstance(response, dict):
            found += [value for key in ("output", "error") if isinstance(value := response.get(key), str)]
    return "\n".join(found)


def _tool_kind(name: str | None, tool: dict[str, Any]) -> str | None:
    if name == "run_shell_command":
        return "shell"
    shown = tool.get("displayName")
    if isinstance(shown, str) and shown.endswith("MCP Server)"):
        return "mcp"
    return "subagent" if tool.get("agentId") is not None else None


def _asked_at(tool_id: str, at: str) -> str:
    """Return the moment that a tool call's id holds, where it is not after its message nor a day before it."""
    found = _ASKED_AT.search(tool_id)
    if found is None:
        return at
    asked = datetime.fromtimestamp(int(found.group(1)) / 1000, UTC)
    said = datetime.fromisoformat(at)
    return utc_text(asked.isoformat()) if 0 <= (said - asked).total_seconds() < 86_400 else at

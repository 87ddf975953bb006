"""What Claude Code tells its lifecycle hooks, as hooks write it down: arrays of payloads, or one a line.

A payload has no time. Where the hook that wrote it down added none, its records have none either (`UNDATED`); the
session's transcript lends it where that is landed too (see `families.transcripts.hooks`).
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from typing import Any, Literal

import msgspec

from learning_pipeline.sources.arrays import is_array, records
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.shell import makes_commit, printed_commit, program
from learning_pipeline.sources.times import timestamp

KIND = "hook_log"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "document"

# Events that are kept elsewhere, or say nothing that is kept: each is ignored under its name.
_IGNORED = frozenset(
    (
        *("SessionStart", "SessionEnd", "Setup", "InstructionsLoaded", "Stop", "StopFailure", "Notification"),
        *("PermissionRequest", "PreCompact", "PostCompact", "TaskCreated", "TaskCompleted", "TeammateIdle"),
        *("ConfigChange", "CwdChanged", "FileChanged", "WorktreeCreate", "WorktreeRemove"),
        *("Elicitation", "ElicitationResult", "PostToolBatch", "UserPromptExpansion"),
    )
)
_TOOL_EVENTS = frozenset(("PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionDenied"))
_AGENT_EVENTS = frozenset(("SubagentStart", "SubagentStop"))
# Fields of payloads, and of the reduced records that hooks made of them.
_KNOWN = frozenset(
    (
        *("session_id", "transcript_path", "cwd", "hook_event_name", "permission_mode", "effort"),
        *("tool_name", "tool_input", "tool_use_id", "tool_response", "error", "error_details", "is_interrupt"),
        *("permission_suggestions", "prompt", "message", "notification_type", "title", "stop_hook_active"),
        *("agent_id", "agent_type", "agent_transcript_path", "last_assistant_message", "source", "model", "reason"),
        *("trigger", "custom_instructions", "duration_ms", "session_title"),
        *("is_mcp_tool", "mcp_server", "mcp_tool_name", "tool_summary", "raw_input", "model_tier"),
        *("logged_at", "timestamp"),
    )
)
_SUBAGENT_TOOLS = ("Task", "Agent")
_SHELLS = ("Bash",)
_EXIT_CODE = re.compile(r"Exit code (-?\d{1,6})\b")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,40}")
_encode = msgspec.json.Encoder(order="sorted").encode


def sniff(head: bytes) -> bool:
    """Say whether a file begins with a payload: an object with a session and the name of a hook's event."""
    first = next(iter(records([Line(1, 0, head)])), None) if is_array(head) else Line(1, 0, head.split(b"\n", 1)[0])
    if first is None or not first.raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    try:
        found = decode(first.raw)
    except LineError:  # longer than the head
        return b'"hook_event_name"' in first.raw and b'"session_id"' in first.raw
    return "hook_event_name" in found[0] and "session_id" in found[0]


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read one file. A record of an array counts as a line."""
    reader = _Reader(table, options)
    for line in records(lines):
        reader.line(line)
    return reader.parsed


class _Reader:
    """Reads one file, and keeps account of its payloads."""

    def __init__(self, table: RecordTable, options: Options) -> None:
        self.table = table
        self.options = options
        self.parsed = Parsed()
        self.seen: Counter[int] = Counter()  # of payloads without an id of their own: how often each came

    def line(self, line: Line) -> None:
        """Read a line: it makes records, or is rejected, or ignored under a rule."""
        self.parsed.lines_read += 1
        before = self.table.added
        rule = bad = None
        try:
            for value in decode(line.raw):
                try:
                    rule = self._payload(value, line.number) or rule
                except LineError as error:  # what is glued behind it may still be good
                    bad = bad or error
        except LineError as error:
            bad = error
        if bad is not None:
            reject = Reject(line.number, line.offset, bad.check, bad.reason, line.raw, bad.column, bad.value)
            self.parsed.rejects.append(reject)
        elif self.table.added == before:
            self.parsed.ignored[rule or "empty"] += 1

    def _payload(self, given: dict[str, Any], number: int) -> str | None:
        inner = given.get("raw_input")
        payload = {**inner, **given} if isinstance(inner, dict) and "hook_event_name" in inner else given
        event, session = payload.get("hook_event_name"), payload.get("session_id")
        if not isinstance(event, str) or not event:
            raise LineError("missing_field", "no hook_event_name: not a payload of a hook", "hook_event_name")
        if not isinstance(session, str) or not session:
            raise LineError("missing_field", f"a {event[:100]} payload without session_id", "session_id")
        for name in payload.keys() - _KNOWN:
            self.parsed.unknown[f"field:{name[:100]}"] += 1
        if event in _IGNORED:
            return f"event:{event}"
        said = _Said(self, payload, event, session, number)
        if event in _TOOL_EVENTS:
            said.tool()
        elif event in _AGENT_EVENTS:
            said.agent()
        elif event == "UserPromptSubmit":
            return said.prompt()
        else:
            self.parsed.unknown[f"kind:hook/{event[:100]}"] += 1
            raise LineError("unknown_kind", f"events named {event[:100]!r} are not known", "hook_event_name")
        return None


class _Said:
    """What one payload says."""

    def __init__(self, reader: _Reader, payload: dict[str, Any], event: str, session: str, number: int) -> None:
        self.reader, self.payload, self.event, self.session, self.number = reader, payload, event, session, number
        self.at = self._time()
        # Two forms of one event are two records: the fuller one is preferred when they are put together.
        self.form = f"{event}\x1f{'native' if 'transcript_path' in payload else 'reduced'}\x1f{self.at}"

    def _time(self) -> str | None:
        """Return when the hook ran, where it wrote that down and the zone is known."""
        for name in ("logged_at", "timestamp"):
            try:
                time = timestamp(self.payload.get(name), self.reader.options.naive_zone)
            except (ValueError, OverflowError):
                continue
            return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return None

    def _text(self, name: str) -> str | None:
        value = self.payload.get(name)
        return value if isinstance(value, str) and value else None

    def _add(self, kind: str, identity: str, at: str | None, **own: Any) -> None:
        self.reader.table.add(
            kind,
            line=self.number,
            session=self.session,
            at=at,
            identity=f"{KIND}\x1f{self.session}\x1f{identity}\x1f{self.form}",
            cwd=self._text("cwd"),
            **own,
        )

    def _id(self, *content: Any) -> str:
        """Return an id for what has none: of its content, and of how often the file said the same before."""
        key = key_of(self.session, _encode(content))
        counted = key_of(key, self.event, "transcript_path" in self.payload)
        self.reader.seen[counted] += 1
        return f"hook:{key:016x}:{self.reader.seen[counted]}"

    def tool(self) -> None:
        """A tool is about to be used, was used, failed, or was denied."""
        name = self._text("tool_name")
        if name is None:
            raise LineError("missing_field", f"a {self.event} payload without tool_name", "tool_name")
        given = self.payload.get("tool_input")
        call = self._text("tool_use_id") or self._id(name, given)
        agent = self._text("agent_id")
        is_before = self.event == "PreToolUse"
        began = self.at if is_before else None
        self._add("tool_use", call, began, agent_id=agent, tool_call_id=call, tool_name=name, **_use(name, given))
        if not is_before:
            result = _result(self.event, self.payload)
            self._add("tool_result", call, self.at, agent_id=agent, tool_call_id=call, **result)

    def agent(self) -> None:
        """A sub-agent started or ended. A start is what asks it, though the payload does not tell for what."""
        agent = self._text("agent_id")
        if agent is None:
            raise LineError("missing_field", f"a {self.event} payload without agent_id", "agent_id")
        kind = "task" if self.event == "SubagentStart" else "turn_end"
        self._add(kind, agent, self.at, agent_id=agent, agent_name=self._text("agent_type"))

    def prompt(self) -> str | None:
        """A person asked for something."""
        text = self._text("prompt")
        if text is None:
            raise LineError("missing_field", "a UserPromptSubmit payload without prompt", "prompt")
        if text.startswith("/"):
            return "event:UserPromptSubmit/command"
        record = self._id(text)
        self._add("prompt", record, self.at, record_id=record, text=text)
        return None


def _use(name: str, given: Any) -> dict[str, Any]:
    """Return what a tool's input tells."""
    if not isinstance(given, dict):
        return {}
    texts = {key: value for key, value in given.items() if isinstance(value, str)}
    own: dict[str, Any] = {"input_bytes": len(_encode(given))}
    if name in _SHELLS and "command" in texts:
        own |= {"command_name": program(texts["command"]), "commits": makes_commit(texts["command"])}
    elif name in _SUBAGENT_TOOLS:
        own |= {"subagent_type": texts.get("subagent_type"), "requested_model": texts.get("model")}
        own["text"] = texts.get("prompt")
    elif name == "Skill":
        own["command_name"] = texts.get("skill")
    else:
        own["file_path"] = texts.get("file_path") or texts.get("notebook_path") or texts.get("path")
    return own


def _result(event: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what a tool gave back. A hook of its own tells of failures, so what the other tells of worked."""
    if event == "PermissionDenied":
        return {"decision": "reject"}
    if event == "PostToolUseFailure":
        error = payload.get("error")
        text = error if isinstance(error, str) else ""
        code = _EXIT_CODE.match(text)
        return {
            "is_error": True,
            "output_bytes": len(text.encode("utf-8", "replace")) if text else None,
            "exit_code": int(code.group(1)) if code else None,
            "error_type": "interrupted" if payload.get("is_interrupt") is True else None,
        }
    response = payload.get("tool_response")
    if response is None:
        return {"is_error": False}
    raw = _encode(response)
    own: dict[str, Any] = {"is_error": False, "output_bytes": len(raw), "duration_ms": _duration(payload, response)}
    if isinstance(response, str):
        own["is_error"] = response.startswith("Error")
    if isinstance(response, dict):
        interrupted = response.get("interrupted") is True
        own["is_error"] = interrupted or response.get("is_error") is True or response.get("isError") is True
        own["error_type"] = "interrupted" if interrupted else None
        own["in_background"] = response.get("isAsync") is True
        agent = response.get("agentId")
        own["result_agent_id"] = agent if isinstance(agent, str) else None
        own["commit_prefix"] = _commit(response)
    return own


def _commit(response: dict[str, Any]) -> str | None:
    operation = response.get("gitOperation")
    commit = operation.get("commit") if isinstance(operation, dict) else None
    sha = commit.get("sha") if isinstance(commit, dict) else None
    if isinstance(sha, str) and _ABBREVIATED.fullmatch(sha):
        return sha
    output = response.get("stdout")
    return printed_commit(output.encode("utf-8", "replace")) if isinstance(output, str) else None


def _duration(payload: dict[str, Any], response: Any) -> int | None:
    told = response if isinstance(response, dict) else {}
    for value, scale in (
        (payload.get("duration_ms"), 1),
        (told.get("totalDurationMs"), 1),
        (told.get("durationMs"), 1),
        (told.get("durationSeconds"), 1000),
    ):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
            return round(value * scale)
    return None

"""From the events of one session to records of the transcript family."""

from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid5

from learning_pipeline.sources.base import Line, Parsed
from learning_pipeline.sources.copilot_cli import facts
from learning_pipeline.sources.copilot_cli.kinds import is_ignored
from learning_pipeline.sources.copilot_cli.rows import Data, Row
from learning_pipeline.sources.copilot_cli.usage import NO_MODEL, Usages
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.normal import error_type, known_error_type
from learning_pipeline.sources.normal import model as normal_model
from learning_pipeline.sources.shell import printed_commit
from learning_pipeline.sources.typed import text_of, utc_text, value_of

_NAMESPACE = UUID("5b6f5f1e-3f0e-5c39-9a0b-6a2f5d7c1e44")
_MOST_TOKENS = 2**53


class Recorder:
    """Makes records of the events of one session, and puts them into a table.

    Some events say what holds for those below: the session, the model, what was allowed. A file is always read whole;
    no record depends on an event below it, so a file that has grown tells the same of its beginning.
    """

    def __init__(self, table: RecordTable, parsed: Parsed) -> None:
        self.table = table
        self.parsed = parsed
        self.session: str | None = None
        self.agent: str | None = None  # its name, where it is not the one of the command line
        self.cwd: str | None = None
        self.branch: str | None = None
        self.version: str | None = None
        self.model: str | None = None
        self.usages = Usages()
        self.asked: dict[str, str] = {}  # requests of permission: the tool call that each is for
        self.decided: dict[str, str | None] = {}  # tool calls that somebody decided on
        self.paths: dict[str, str | None] = {}  # tool calls: the file that each was given
        self.shells: set[str] = set()

    def add(self, row: Row, line: Line, alone: bool) -> str | None:
        """Turn the event on a line into records; return the name of the rule where it makes none.

        Raises:
            LineError: the event lacks what it must have, or is of an unknown type.
        """
        kind, data = row.type, row.data
        if data is None:
            raise LineError("missing_field", f"a {kind[:100]} event without data", "data")
        if kind in ("session.start", "session.resume", "session.context_changed"):
            return self._place(row, data)
        if kind == "session.model_change":
            self.model = normal_model(data.newModel) or self.model
            return "model_change"
        if kind.startswith("permission."):
            self._permission(kind, data)
        act = {
            "user.message": self._prompt,
            "assistant.message": self._message,
            "tool.execution_start": self._tool_use,
            "tool.execution_complete": self._tool_result,
            "session.shutdown": self._shutdown,
            "session.error": self._error,
            "abort": self._abort,
        }.get(kind)
        if act is not None:
            return act(row, data, line.number)
        if is_ignored(kind):
            return kind.partition(".")[0] if kind.startswith("hook.") else kind
        self.parsed.unknown[f"kind:{kind[:100]}"] += 1
        raise LineError("unknown_kind", f"events of type {kind[:100]!r} are not known", "type")

    def _place(self, row: Row, data: Data) -> str:
        session = text_of(data.sessionId)
        if row.type == "session.start":
            if session is None:
                raise LineError("missing_field", "a session.start event without sessionId", "data.sessionId")
            self.session = session
        else:
            self.session = self.session or session
            if row.type == "session.resume":
                self.usages.begin()
        place = data.context if isinstance(data.context, dict) else {"cwd": data.cwd, "branch": data.branch}
        self.cwd = text_of(place.get("cwd")) or self.cwd
        self.branch = text_of(place.get("branch")) or self.branch
        self.version = text_of(data.copilotVersion) or self.version
        self.model = normal_model(data.selectedModel) or self.model
        if data.vscodeVersion is not None:
            self.agent = "copilot-vscode"
        return row.type

    def _permission(self, kind: str, data: Data) -> None:
        request, asked, answer = text_of(data.requestId), value_of(data.permissionRequest), value_of(data.result)
        if kind == "permission.requested" and request is not None and isinstance(asked, dict):
            self.asked[request] = text_of(asked.get("toolCallId")) or ""
        elif kind == "permission.completed" and isinstance(answer, dict):
            call = text_of(data.toolCallId) or self.asked.get(request or "")
            if call:
                self.decided[call] = facts.decision(text_of(answer.get("kind")))

    def _prompt(self, row: Row, data: Data, line: int) -> str | None:
        text = text_of(data.content)
        if text is None:
            raise LineError("missing_field", "a user.message event without content", "data.content")
        if data.source not in (None, "user"):
            return "injected_text"
        is_main = row.agentId is None and data.parentToolCallId is None
        if is_main:
            self.usages.run.prompts += 1
        self._put(row, data, "prompt" if is_main else "task", line, "", record_id=self._own_id(row), text=text)
        return None

    def _message(self, row: Row, data: Data, line: int) -> None:
        output = data.outputTokens
        if output is not None and not 0 <= output < _MOST_TOKENS:
            raise LineError("range", f"a token count is {output}", "data.outputTokens")
        call_id = text_of(data.messageId) or self._own_id(row)
        model = normal_model(data.model) or self.model
        self._put(
            row,
            data,
            "call",
            line,
            call_id,
            call_id=call_id,
            request_id=text_of(data.requestId),
            model=model,
            stop_reason="tool_use" if value_of(data.toolRequests) else "end_turn",
            output_tokens=output,
        )
        self.usages.message(model or NO_MODEL, call_id, output)

    def _shutdown(self, row: Row, data: Data, line: int) -> str | None:
        """Record what the program says at its end that it used, beside what the messages told."""
        # With several prompts, nothing tells which of them used what.
        is_whole = self.usages.run.prompts != 1
        rests = self.usages.end(
            {normal_model(name) or name: found for name, found in (data.modelMetrics or {}).items()}
        )
        for rest in rests:
            call_id = rest.call_id or str(uuid5(_NAMESPACE, f"{self._own_id(row)}\x1f{rest.model}"))
            self._put(
                row,
                data,
                "call",
                line,
                rest.model,
                call_id=call_id,
                model=rest.model,
                stop_reason="end_turn" if rest.call_id else None,
                input_tokens=rest.input,
                output_tokens=rest.output,
                cache_read_tokens=rest.cache_read,
                cache_write_5m_tokens=rest.cache_write,
                reasoning_tokens=rest.reasoning,
                of_session=True if is_whole and rest.call_id is None else None,
            )
        return None if rests else "session.shutdown"

    def _tool_use(self, row: Row, data: Data, line: int) -> None:
        call_id, name = text_of(data.toolCallId), text_of(data.toolName)
        if call_id is None:
            raise LineError("missing_field", "a tool.execution_start event without toolCallId", "data.toolCallId")
        given = facts.given(name, data)
        self.paths[call_id] = given.file_path
        kind = None
        if name in facts.SHELL_TOOLS:
            kind = "shell"
            self.shells.add(call_id)
        elif name in facts.SUBAGENT_TOOLS:
            kind = "subagent"
        elif name == "skill":
            kind = "skill"
        server, tool = text_of(data.mcpServerName), text_of(data.mcpToolName)
        self._put(
            row,
            data,
            "tool_use",
            line,
            call_id,
            tool_call_id=call_id,
            tool_name=f"mcp__{server}__{tool or name}" if server else name,
            tool_kind=kind,
            input_bytes=len(bytes(data.arguments)) or None,
            **given._asdict(),
        )

    def _tool_result(self, row: Row, data: Data, line: int) -> None:
        call_id = text_of(data.toolCallId)
        if call_id is None:
            raise LineError("missing_field", "a tool.execution_complete event without toolCallId", "data.toolCallId")
        found = facts.result(data)
        self._put(
            row,
            data,
            "tool_result",
            line,
            call_id,
            tool_call_id=call_id,
            is_error=found.is_error,
            output_bytes=len(bytes(data.result or data.error)) or None,
            exit_code=found.exit_code,
            decision=self.decided.get(call_id),
            commit_prefix=printed_commit(bytes(data.result)) if call_id in self.shells else None,
            error_type=found.error_type,
        )
        path = self.paths.get(call_id)
        if path is not None and found.is_error is False and found.lines_added is not None:
            lines = {"lines_added": found.lines_added, "lines_removed": found.lines_removed}
            self._put(row, data, "change", line, call_id, file_path=path, **lines)

    def _error(self, row: Row, data: Data, line: int) -> None:
        text = text_of(data.message)
        kind = known_error_type(text_of(data.errorType)) or error_type(text)
        self._put(row, data, "api_error", line, "", text=text, error_type=kind)

    def _abort(self, row: Row, data: Data, line: int) -> None:
        self._put(row, data, "interrupt", line, "")

    def _own_id(self, row: Row) -> str:
        """Return the event's id, or one made of its session and time."""
        if row.id:
            return row.id
        return str(uuid5(_NAMESPACE, f"{self._session()}\x1f{row.type}\x1f{utc_text(row.timestamp)}"))

    def _session(self) -> str:
        if self.session is None:
            name = PurePath(self.table.file).parent.name if self.table.file else ""
            try:
                self.session = str(UUID(name))
            except ValueError as error:
                reason = "no session.start above that could be read, and no id in the directory's name"
                raise LineError("no_session", reason) from error
        return self.session

    def _put(self, row: Row, data: Data, kind: str, line: int, identity: str, **own: Any) -> None:
        parent = text_of(data.parentToolCallId)
        self.table.add(
            kind,
            line=line,
            session=self._session(),
            at=utc_text(row.timestamp),
            identity=f"{self._own_id(row)}\x1f{identity}",
            agent_id=parent or text_of(row.agentId),
            parent_tool_call_id=parent,
            agent_name=self.agent,
            cwd=self.cwd,
            branch=self.branch,
            version=self.version,
            **own,
        )

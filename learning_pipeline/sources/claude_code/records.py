"""From typed rows to records of the transcript family."""

import json
from collections import Counter
from functools import lru_cache
from hashlib import sha256
from typing import Any

from learning_pipeline.sources.base import key_of, key_of_text
from learning_pipeline.sources.claude_code import facts, notes
from learning_pipeline.sources.claude_code.decode import BadLineError, decode_agent_message
from learning_pipeline.sources.claude_code.rows import NOTHING, Block, Message, Row, ToolUseResult, Usage
from learning_pipeline.sources.claude_code.time import utc_text
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.normal import model as normal_model
from learning_pipeline.sources.shell import makes_commit, program

# Kinds of row that hold nothing that is kept, and the name of the rule that says so.
IGNORED_TYPES = {
    "summary": "title",
    "custom-title": "title",
    "ai-title": "title",
    "agent-name": "title",
    "file-history-snapshot": "file_history_snapshot",
    "mode": "mode",
    "permission-mode": "mode",
    "last-prompt": "last_prompt",
    "frame-link": "frame_link",
}
_IGNORED_PROGRESS = frozenset(
    ("bash_progress", "hook_progress", "mcp_progress", "query_update", "search_results_received", "waiting_for_task")
)
_IGNORED_SYSTEM = frozenset(("stop_hook_summary", "microcompact_boundary", "local_command"))
_SUBAGENT_TOOLS = frozenset(("Task", "Agent"))
_MOST_TOKENS = 2**53

# A name is asked once, not for every call.
_model = lru_cache(maxsize=4096)(normal_model)


class Recorder:
    """Makes records of the rows of one file, and puts them into a table."""

    def __init__(self, table: RecordTable, unknown: Counter[str]) -> None:
        self.table = table
        self.unknown = unknown
        # The row that was looked at last, and what its records have in common; `said` is what its place stands for.
        self._row: Row | None = None
        self._time = self._identity = ""
        self._said: tuple[str | None, ...] = ()
        self._place = 0

    def add(self, row: Row, number: int) -> str | None:
        """Turn the row on a line into records; return the name of the rule where it makes none.

        Raises:
            BadLineError: the row lacks what it must have, or is of an unknown kind.
        """
        kind = row.type
        if kind == "assistant":
            return self._assistant(row, row.message, number, self._agent_of(row, number), None)
        if kind == "user":
            return self._user(row, row.message, number, self._agent_of(row, number), None)
        if kind == "progress":
            return self._progress(row, number)
        if kind == "system":
            return self._system(row, number)
        if kind in IGNORED_TYPES:
            return IGNORED_TYPES[kind]
        if kind == "attachment":
            return self._attachment(row, number)
        if kind == "queue-operation":
            text = notes.value_of(row.content)
            return self._end_of_task(row, number, None, text) or "queue_operation"
        if kind == "pr-link":
            return self._note(row, number, None, "pull_request", notes.pull_request(row)) or "pr_link"
        self.unknown[f"kind:{kind[:100]}"] += 1
        raise BadLineError("unknown_kind", f"rows of type {kind[:100]!r} are not known", "type")

    def _agent_of(self, row: Row, number: int) -> str | None:
        """Return the sub-agent whose row this is; of a side-chain without a name, the row itself (see `asides`)."""
        if row.isSidechain and row.agentId is None and row.uuid is not None:
            self._add("chain", row, number, row.uuid, None, "", row.uuid, row.parentUuid)
            return row.uuid
        return row.agentId

    def _attachment(self, row: Row, number: int) -> str | None:
        command = notes.queued(row)
        if command is None:
            return "attachment"
        agent = self._agent_of(row, number)
        text = notes.typed_text(command)
        if text is None or agent is not None:
            text = notes.words_of(command)
            return self._end_of_task(row, number, agent, text) or "attachment:queued_command"
        # It has the id that the prompt's own row would have, and has where it was delivered as one after all.
        asked = command.source_uuid or row.uuid
        if asked is None:
            raise BadLineError("missing_field", "a queued prompt without uuid", "uuid")
        self._add("prompt", row, number, None, None, "", asked, text, _hash(text))
        return None

    def _end_of_task(self, row: Row, number: int, agent: str | None, text: object) -> str | None:
        if not isinstance(text, str) or not text.startswith(notes.NOTIFICATION):
            return None
        told = notes.end_of_task(text)
        if told[0] is None and told[1] is None:
            return None
        self._add("task_end", row, number, agent, None, f"{told}", *told)
        return "task_notification"

    def _note(
        self, row: Row, number: int, agent: str | None, name: str, value: str | None, call: str | None = None
    ) -> str | None:
        if value is not None:
            self._add("note", row, number, agent, None, f"{name}\x1f{value}", name, value, call)
        return None

    def _progress(self, row: Row, number: int) -> str | None:
        kind = row.data.type if row.data else None
        if row.data is None or kind is None:
            raise BadLineError("missing_field", "a progress row without data.type", "data")
        if kind in _IGNORED_PROGRESS:
            return f"progress:{kind}"
        if kind != "agent_progress":
            self.unknown[f"kind:progress/{kind[:100]}"] += 1
            raise BadLineError("unknown_kind", f"progress rows of type {kind[:100]!r} are not known", "data.type")
        if row.data.message is NOTHING or row.data.agentId is None:
            raise BadLineError("missing_field", "agent_progress without agentId or message", "data")
        inner = decode_agent_message(bytes(row.data.message), self.unknown)
        own = Row(
            type=inner.type or "",
            uuid=inner.uuid,
            sessionId=row.sessionId,
            timestamp=inner.timestamp or row.timestamp,
            cwd=row.cwd,
            gitBranch=row.gitBranch,
            version=row.version,
            isSidechain=True,
            requestId=inner.requestId,
            toolUseResult=inner.toolUseResult,
        )
        if inner.type == "assistant":
            return self._assistant(own, inner.message, number, row.data.agentId, row.parentToolUseID)
        if inner.type == "user":
            return self._user(own, inner.message, number, row.data.agentId, row.parentToolUseID)
        raise BadLineError("missing_field", "agent_progress with a message of no known type", "data.message.type")

    def _system(self, row: Row, number: int) -> str | None:
        if row.subtype == "turn_duration":
            value = row.durationMs
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
                raise BadLineError("range", "turn_duration without a duration", "durationMs")
            self._add("turn_end", row, number, self._agent_of(row, number), None, "", round(value))
            return None
        if row.subtype == "api_error":
            attempt = row.retryAttempt if isinstance(row.retryAttempt, int) else None
            self._add("retry", row, number, self._agent_of(row, number), None, "", attempt)
            return None
        if row.subtype == "compact_boundary":
            return self._note(row, number, row.agentId, "compaction", notes.compaction(row))
        if row.subtype == "model_refusal_fallback":
            return self._note(row, number, row.agentId, "refusal", notes.refusal(row)) or "system:fallback"
        if row.subtype is None or row.subtype in _IGNORED_SYSTEM:
            return f"system:{row.subtype or 'note'}"
        self.unknown[f"kind:system/{row.subtype[:100]}"] += 1
        raise BadLineError("unknown_kind", f"system rows of subtype {row.subtype[:100]!r} are not known", "subtype")

    def _assistant(
        self, row: Row, message: Message | None, number: int, agent: str | None, parent: str | None
    ) -> str | None:
        if message is None:
            raise BadLineError("missing_field", "an assistant row without message", "message")
        blocks = message.content if isinstance(message.content, list) else []
        if message.model == "<synthetic>":
            if not row.isApiErrorMessage:
                return "synthetic_message"
            text = next((_json_text(block) for block in blocks if block.type == "text"), None)
            self._add("api_error", row, number, agent, parent, "", text)
            return None
        call_id = message.id if message.id and "REDACTED" not in message.id else None
        counts = _usage(message.usage)
        self._add(
            "call",
            row,
            number,
            agent,
            parent,
            f"{call_id}\x1f{counts[1]}\x1f{message.stop_reason}",
            call_id or f"row:{row.uuid or key_of(row.sessionId, row.timestamp, row.parentUuid)}",
            row.requestId,
            _model(message.model),
            message.stop_reason,
            *counts,
            message.usage.service_tier if message.usage else None,
        )
        for block in blocks:
            if block.type == "tool_use":
                self._tool_use(row, number, agent, parent, block)
            elif block.type == "fallback":
                before, after = notes.fallback(block)
                self._note(row, number, agent, "fallback", notes.json_of({"from": before, "to": after}), call_id)
        return None

    def _tool_use(self, row: Row, number: int, agent: str | None, parent: str | None, block: Block) -> None:
        name = block.name
        path = command = commits = subagent = model = text = text_hash = None
        given = facts.tool_input(block)
        if name == "Bash" and isinstance(given.command, str):
            command, commits = program(given.command), makes_commit(given.command)
        elif name in _SUBAGENT_TOOLS:
            subagent, model = facts.text_of(given.subagent_type), facts.text_of(given.model)
            text = facts.text_of(given.prompt)
            text_hash = _hash(text) if text is not None else None
        elif name == "Skill":
            command = facts.text_of(given.skill)
        else:
            path = facts.text_of(given.file_path or given.notebook_path or given.path)
        call_id = block.id or f"row:{row.uuid}"
        size = len(bytes(block.input))
        own = (call_id, name, size, path, command, commits, subagent, model, text, text_hash)
        self._add("tool_use", row, number, agent, parent, call_id, *own)

    def _user(
        self, row: Row, message: Message | None, number: int, agent: str | None, parent: str | None
    ) -> str | None:
        if message is None:
            raise BadLineError("missing_field", "a user row without message", "message")
        content = message.content
        if isinstance(content, list):
            results = [block for block in content if block.type == "tool_result"]
            for block in results:
                self._tool_result(row, number, agent, parent, block)
            if results:
                return None
        if row.isMeta:
            return "user:meta"
        if row.isCompactSummary:
            return "user:compact_summary"
        if isinstance(content, list):
            text = "\n".join(_json_text(block) or "" for block in content if block.type == "text") or None
            if text is None:
                return "user:no_text"
        else:
            text = facts.text_of(content)
        if text is None:
            raise BadLineError("missing_field", "a user row without content", "message.content")
        if text.startswith(facts.INTERRUPTED):
            self._add("interrupt", row, number, agent, parent, "")
            return None
        if text.startswith(facts.TAGGED):
            return self._end_of_task(row, number, agent, text) or "user:tagged"
        if row.toolUseResult is not None:
            return "user:tool_note"
        if row.uuid is None:
            raise BadLineError("missing_field", "a prompt without uuid", "uuid")
        self._add("prompt" if agent is None else "task", row, number, agent, parent, "", row.uuid, text, _hash(text))
        return None

    def _tool_result(self, row: Row, number: int, agent: str | None, parent: str | None, block: Block) -> None:
        if block.tool_use_id is None:
            raise BadLineError("missing_field", "a tool_result without tool_use_id", "message.content.tool_use_id")
        result = row.toolUseResult
        agent_id = background = None
        if isinstance(result, ToolUseResult):
            agent_id = result.agentId if isinstance(result.agentId, str) else None
            background = bool(result.isAsync)
            if isinstance(result.gitOperation, dict):
                self._note(row, number, agent, "git", notes.json_of(result.gitOperation))
        self._add(
            "tool_result",
            row,
            number,
            agent,
            parent,
            block.tool_use_id,
            block.tool_use_id,
            bool(block.is_error),
            len(bytes(block.content)),
            facts.exit_code(block) if block.is_error else None,
            facts.decision(block, result, row.toolDenialKind),
            facts.commit_prefix(block, result),
            agent_id,
            background,
            facts.duration_ms(result),
            "permission" if row.toolDenialKind else None,
        )

    def _add(
        self, kind: str, row: Row, number: int, agent: str | None, parent: str | None, identity: str, *own: Any
    ) -> None:
        """Add a record. `identity` tells apart the records of one row; `own` are the kind's columns."""
        if row is not self._row:
            self._look_at(row)
        key = key_of_text(f"{kind}\x1f{self._identity}\x1f{agent}\x1f{identity}")
        rows = self.table.rows[kind]
        rows.append((self._place, number, self._time, key, agent, parent, *own))
        self.table.added += 1
        if len(rows) >= self.table.pack_rows:
            self.table.pack(kind)

    def _look_at(self, row: Row) -> None:
        """Take from a row what all its records have in common."""
        session = row.sessionId
        if not session:
            raise BadLineError("missing_field", f"a {row.type} row without sessionId", "sessionId")
        self._time = utc_text(row.timestamp)
        self._identity = row.uuid or f"{session}{self._time}"
        said = (session, None, row.cwd, row.gitBranch or None, row.version)
        if said != self._said:
            self._said, self._place = said, self.table.place(*said)
        self._row = row


def _usage(usage: Usage | None) -> tuple[int | None, ...]:
    """Return uncached input, output, cache read, cache writes of five minutes and one hour, and web searches.

    Raises:
        BadLineError: a count is below zero, or larger than any.
    """
    if usage is None:
        return (None,) * 6
    written, cache = usage.cache_creation_input_tokens, usage.cache_creation
    five = hour = None
    if cache is not None:
        five, hour = cache.ephemeral_5m_input_tokens, cache.ephemeral_1h_input_tokens
    if written is not None and (five or 0) + (hour or 0) != written:
        # The total is what is billed; a breakdown that does not add up to it is not believed.
        five, hour = written, 0
    searches = usage.server_tool_use.web_search_requests if usage.server_tool_use else None
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens, five, hour, searches)
    for count in counts:
        if count is not None and not 0 <= count < _MOST_TOKENS:
            raise BadLineError("range", f"a token count is {count}", "message.usage")
    return counts


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _json_text(block: Block) -> str | None:
    """Return the words of a text block."""
    try:
        return facts.text_of(json.loads(bytes(block.text).decode("utf-8", "replace")))
    except ValueError:
        return None

"""From the rows of one rollout to records of the transcript family."""

from typing import Any

from learning_pipeline.sources.base import Line, Parsed
from learning_pipeline.sources.codex.copied import Copied
from learning_pipeline.sources.codex.kinds import ENDS, EVENTS, ITEMS, MODEL_ITEMS
from learning_pipeline.sources.codex.rows import Info, Payload, Row
from learning_pipeline.sources.codex.session import Session, of_file, of_meta
from learning_pipeline.sources.codex.tools import TOOLS, Tools, identifier
from learning_pipeline.sources.codex.usage import Usages
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.normal import error_type
from learning_pipeline.sources.normal import model as normal_model
from learning_pipeline.sources.typed import text_of, utc_text, value_of

_LONGEST_MS = 10**12
# How a message begins that Codex, not a person, put into the user's mouth.
_INJECTED = ("<", "# AGENTS.md instructions")


class Recorder:
    """Makes records of the rows of one file, and puts them into a table.

    A rollout says much once that holds for what follows: the session, the model, the turn. A file is always read
    whole, so its rows may depend on those above; no record depends on a row below it, so a file that has grown tells
    the same of its beginning.
    """

    def __init__(self, table: RecordTable, parsed: Parsed) -> None:
        self.table = table
        self.parsed = parsed
        self.session: Session | None = None
        self.copied: Copied | None = None
        self.usages = Usages()
        self.model: str | None = None
        self.turn: str | None = None
        self.prompted = False  # the turn has its prompt
        self.has_events = False
        self.in_head = True  # no row but session_meta so far
        self.tools = Tools(self._put)
        self.unsent: tuple[str, int, str] | None = None  # text, line and time of a prompt that no event told yet

    def add(self, row: Row, line: Line, alone: bool) -> str | None:
        """Turn the row on a line into records; return the name of the rule where it makes none.

        Raises:
            LineError: the row lacks what it must have, or is of an unknown kind.
        """
        payload = row.payload
        if payload is None:
            raise LineError("missing_field", f"a {row.type[:100]} row without payload", "payload")
        time = utc_text(row.timestamp)
        if row.type == "session_meta":
            return self._meta(payload, time)
        self.in_head = False
        session = self._session()
        if self.copied is not None and self.copied.covers(payload, time):
            return self._copy(payload)
        if row.type == "turn_context":
            return self._context(payload, session)
        if row.type == "response_item":
            return self._item(payload, line, time, alone)
        if row.type == "event_msg":
            return self._event(payload, line, time)
        if row.type in ("compacted", "inter_agent_communication"):
            return row.type  # a compacted history repeats what was said before
        raise self._unknown(row.type, "rows of type", row.type)

    def end(self) -> None:
        """Take note that the file is at its end."""
        self._drop("unanswered")

    def _unknown(self, name: str, what: str, word: str | None) -> LineError:
        self.parsed.unknown[f"kind:{name[:100]}"] += 1
        return LineError("unknown_kind", f"{what} {(word or '')[:100]!r} are not known", "type")

    def _session(self) -> Session:
        if self.session is None:
            self.session = of_file(self.table.file)
            if self.session is None:
                raise LineError("no_session", "no session_meta above that could be read, and no id in the file's name")
        return self.session

    def _meta(self, payload: Payload, time: str) -> str:
        found = of_meta(payload)
        if found is None:
            raise LineError("missing_field", "a session_meta row without id", "payload.id")
        if self.session is not None and found.thread == self.session.thread:  # resumed
            self.session.cwd = found.cwd or self.session.cwd
            self.session.version = found.version or self.session.version
            return "session_meta"
        if self.session is not None and self.in_head and self.copied is not None:
            self.copied.foreign_meta(time)
            return "copied_history"
        self.session = found
        created = utc_text(payload.timestamp) if payload.timestamp is not None else time
        self.copied = Copied(found.thread, created, time, is_fork=found.may_have_history, has_history=found.has_history)
        self.usages, self.turn, self.prompted, self.tools.called = Usages(), None, False, False
        return "session_meta"

    def _copy(self, payload: Payload) -> str:
        if payload.type == "token_count" and payload.info is not None:
            self.usages.seen(payload.info)
        return "copied_history"

    def _context(self, payload: Payload, session: Session) -> str:
        self.model = normal_model(payload.model) or self.model
        session.cwd = text_of(payload.cwd) or session.cwd
        if payload.turn_id is not None and payload.turn_id != self.turn:
            self.turn, self.prompted = payload.turn_id, False
        return "turn_context"

    def _item(self, payload: Payload, line: Line, time: str, alone: bool) -> str | None:
        kind = payload.type
        if kind == "message":
            return self._message(payload, line, time, alone)
        if kind in MODEL_ITEMS:
            self._send()
        if kind in TOOLS:
            TOOLS[kind](self.tools, payload, line.number, time)
            return None
        if kind in ITEMS:
            return f"item:{kind}"
        raise self._unknown(f"response_item/{kind}", "response items of type", kind)

    def _message(self, payload: Payload, line: Line, time: str, alone: bool) -> str | None:
        if payload.role != "user":
            if payload.role == "assistant":
                self._send()
            return "item:message"
        parts = value_of(payload.content)
        parts = parts if isinstance(parts, list) else []
        text = "\n".join(text_of(part.get("text")) or "" for part in parts if isinstance(part, dict)).strip("\n")
        if not text or text.lstrip().startswith(_INJECTED):
            return "injected_text"
        if self.has_events or not alone:
            return "told_by_event"
        # Whether an event tells the same is only known when the model answers.
        self._drop("unanswered")
        self.unsent = (text, line.number, time)
        return None

    def _send(self) -> None:
        """Make a prompt of the message that no event tells: logs of the desktop application have no events."""
        if self.unsent is not None:
            text, line, time = self.unsent
            self.unsent = None
            if self.prompted:
                self.parsed.ignored["steering"] += 1
            else:
                self._prompt(text, line, time)

    def _drop(self, rule: str = "told_by_event") -> None:
        if self.unsent is not None:
            self.unsent = None
            self.parsed.ignored[rule] += 1

    def _prompt(self, text: str, line: int, time: str) -> None:
        session = self._session()
        kind = "prompt" if session.agent_id is None else "task"
        turn = self.turn or f"at {time}"
        self._put(kind, line, time, turn, record_id=identifier(session.thread, turn), text=text)
        self.prompted = self.turn is not None

    def _event(self, payload: Payload, line: Line, time: str) -> str | None:
        kind = payload.type
        self.has_events = True
        if kind == "token_count":
            return self._usage(payload.info, line, time)
        if kind == "user_message":
            self._drop()
            text = text_of(payload.message)
            if text is None:
                raise LineError("missing_field", "a user_message without message", "payload.message")
            if self.prompted:
                return "steering"
            self._prompt(text, line.number, time)
            return None
        if kind in ("task_started", "turn_started"):
            self.turn, self.prompted, self.tools.called = payload.turn_id, False, False
            return "task_started"
        if kind in ("task_complete", "turn_complete", "turn_aborted"):
            self._end(payload, line, time)
            return None
        if kind == "patch_apply_end":
            return None if self.tools.patch(payload, line.number, time) else f"event:{kind}"
        if kind == "error":
            text = text_of(payload.message)
            self._put("api_error", line.number, time, time, text=text, error_type=error_type(text))
            return None
        if kind == "stream_error":
            self._put("retry", line.number, time, time)
            return None
        if kind in EVENTS:
            self.tools.event(payload)
            return f"event:{kind}"
        raise self._unknown(f"event_msg/{kind}", "events of type", kind)

    def _usage(self, info: Info | None, line: Line, time: str) -> str | None:
        if info is None:
            return "rate_limits"
        found = self.usages.add(info, time)
        if isinstance(found, str):
            return found
        calls_tool, self.tools.called = self.tools.called, False
        call_id = identifier(self._session().thread, found.identity)
        self._put(
            "call", line.number, time, call_id,
            call_id=call_id,
            model=normal_model(info.model) or self.model,
            stop_reason="tool_use" if calls_tool else "end_turn",
            input_tokens=found.input,
            output_tokens=found.output,
            cache_read_tokens=found.cached,
            reasoning_tokens=found.reasoning,
        )  # fmt: skip
        return None

    def _end(self, payload: Payload, line: Line, time: str) -> None:
        turn = payload.turn_id or self.turn or f"at {time}"
        value = payload.duration_ms
        is_time = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LONGEST_MS
        outcome = None
        if payload.type == "turn_aborted":
            outcome = ENDS.get(text_of(payload.reason) or "", "interrupted")
            if outcome == "interrupted":
                self._put("interrupt", line.number, time, turn)
        self._put("turn_end", line.number, time, turn, duration_ms=value if is_time else None, outcome=outcome)
        self.turn, self.prompted, self.tools.called = None, False, False

    def _put(self, kind: str, line: int, time: str, identity: str, **own: Any) -> None:
        session = self._session()
        self.table.add(
            kind,
            line=line,
            session=session.session,
            at=time,
            identity=f"{session.thread}\x1f{identity}",
            agent_id=session.agent_id,
            agent_name=session.agent_name,
            cwd=session.cwd,
            branch=session.branch,
            version=session.version,
            **own,
        )

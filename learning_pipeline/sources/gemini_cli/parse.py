"""From a session's document, or its lines, to records of the transcript family."""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.documents import MAX_DOCUMENT_BYTES, joined
from learning_pipeline.sources.families.transcripts.table import RecordTable
from learning_pipeline.sources.gemini_cli.records import MESSAGE, TYPES, Recorder
from learning_pipeline.sources.json_lines import LineError, decode

KIND = "gemini_cli"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "document"

# Fields of a session: of a document, of the first line of a newer file, and of what `$set` changes.
_SESSION = frozenset(
    (
        *("sessionId", "projectHash", "startTime", "lastUpdated", "messages", "summary", "directories", "kind"),
        *("memoryScratchpad", "activeExtensionName"),
    )
)
_HASH = re.compile(rb'"projectHash"\s*:\s*"[^"]*"')
_ID = re.compile(rb'"sessionId"\s*:\s*"[^"]*"')
_encode = msgspec.json.Encoder().encode


def sniff(head: bytes) -> bool:
    """Say whether a file begins like a session: with its id and its project's hash, or with a message."""
    head = head.lstrip()
    if not head.startswith(b"{"):
        return False
    start = head.split(b'"messages"', 1)[0][:2000]
    if _HASH.search(start) and _ID.search(start):
        return True
    try:
        first = decode(head.split(b"\n", 1)[0])[0]
    except LineError:
        return False
    return first.keys() <= MESSAGE and {"id", "timestamp", "content"} <= first.keys() and first.get("type") in TYPES


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read one session into a table. A document counts a line for each message, else one."""
    reader = _Reader(table)
    for line in joined(lines):
        reader.line(line)
    return reader.parsed


class _Reader:
    """Reads one file, and keeps account of its lines."""

    def __init__(self, table: RecordTable) -> None:
        self.table = table
        self.parsed = Parsed()
        self.recorder = Recorder(table, self.parsed.unknown)

    def line(self, line: Line) -> None:
        """Read a line: a document, or a part of a newer file."""
        try:
            found = decode(line.raw, most=MAX_DOCUMENT_BYTES)
        except LineError as error:
            self.parsed.lines_read += 1
            self._reject(line, error)
            return
        if len(found) == 1 and _is_document(found[0]):
            self._document(found[0], line)
            return
        self.parsed.lines_read += 1
        before = self.table.added
        rule = bad = None
        for value in found:
            try:
                rule = self._row(value, line.number) or rule
            except LineError as error:  # what is glued behind it may still be good
                bad = bad or error
        if bad is not None:
            self._reject(line, bad)
        elif self.table.added == before:
            self.parsed.ignored[rule or "empty"] += 1

    def _document(self, document: dict[str, Any], line: Line) -> None:
        """Read a whole session: each message is a line, numbered from the document's first one."""
        self._session(document, whole=True)
        messages = document["messages"]
        if not messages:
            self.parsed.lines_read += 1
            self.parsed.ignored["empty_session"] += 1
        for number, message in enumerate(messages, line.number):
            self.parsed.lines_read += 1
            before = self.table.added
            try:
                rule = self.recorder.message(message, number)
            except LineError as error:
                raw = _encode(message)
                self._reject(Line(number, line.offset, raw), error)
                continue
            if self.table.added == before:
                self.parsed.ignored[rule or "empty"] += 1

    def _row(self, value: dict[str, Any], number: int) -> str | None:
        """Read a line of a newer file; return the name of the rule where it makes no record.

        Raises:
            LineError: it is no line of a session, or breaks a rule.
        """
        if "$rewindTo" in value:
            return "rewind"
        changed = value.get("$set")
        if isinstance(changed, dict):
            self._session(changed)
            messages = changed.get("messages")
            for message in messages if isinstance(messages, list) else ():
                self.recorder.message(message, number)
            return "session_update"
        if "projectHash" in value and isinstance(value.get("sessionId"), str):
            self._session(value)
            return "session_header"
        return self.recorder.message(value, number)

    def _session(self, told: dict[str, Any], *, whole: bool = False) -> None:
        self.parsed.unknown.update(f"field:{name[:100]}" for name in told.keys() - _SESSION)
        session, kind = told.get("sessionId"), told.get("kind")
        self.recorder.begin(session if isinstance(session, str) and session else None, kind == "subagent", whole=whole)

    def _reject(self, line: Line, bad: LineError) -> None:
        self.parsed.rejects.append(
            Reject(line.number, line.offset, bad.check, bad.reason, line.raw, bad.column, bad.value)
        )


def _is_document(value: dict[str, Any]) -> bool:
    return isinstance(value.get("messages"), list) and isinstance(value.get("sessionId"), str)

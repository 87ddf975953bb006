"""From the lines of one transcript file to records of the transcript family."""

import collections
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from learning_pipeline.sources.arrays import is_array, records
from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.claude_code.decode import UNUSUAL, BadLineError, decode, decode_usual
from learning_pipeline.sources.claude_code.records import IGNORED_TYPES, Recorder
from learning_pipeline.sources.claude_code.rows import NOTHING
from learning_pipeline.sources.families.transcripts.table import RecordTable

KIND = "claude_code"
FAMILY = "transcripts"
MODE: Literal["document", "append"] = "document"
LINES_APART = True

_TYPES = frozenset(
    ("user", "assistant", "system", "progress", "attachment", "queue-operation", "pr-link", *IGNORED_TYPES)
)

# How a row begins that has no session.
_SIDE_ROWS = tuple(f'{{"type":"{kind}"'.encode() for kind in IGNORED_TYPES)


class _First(msgspec.Struct):
    """What tells a transcript's row."""

    type: str
    sessionId: str | None = None  # noqa: N815
    message: msgspec.Raw = NOTHING
    systemPayload: msgspec.Raw = NOTHING  # noqa: N815


_FIRST = msgspec.json.Decoder(_First)
_MAX_DOCUMENT_BYTES = 64 * 1024 * 1024


def sniff(head: bytes) -> bool:
    """Say whether a file begins like a transcript: a row with a session, or one of the session's side rows.

    Other agents' rows have these fields too, but other types, or a message of another shape.
    """
    if is_array(head):
        first = next(records([Line(1, 0, head)]), None)
        return first is not None and _is_row(first.raw)
    return _is_row(head.lstrip().split(b"\n", 1)[0])


def _is_row(first: bytes) -> bool:
    if not first.startswith(b"{"):
        return False
    try:
        row = _FIRST.decode(first)
    except UNUSUAL:
        # Cut off, damaged, or glued to the next: what stands first tells.
        if first.startswith(_SIDE_ROWS):
            return True
        return b'"sessionId"' in first[:2000] and any(f'"type":"{kind}"'.encode() in first for kind in _TYPES)
    if row.type not in _TYPES or b'"parts"' in bytes(row.message)[:200] or row.systemPayload != NOTHING:
        return False
    return row.type in IGNORED_TYPES or row.sessionId is not None


def parse(lines: Iterable[Line], options: Options, table: RecordTable) -> Parsed:
    """Read one transcript into a table. Side rows are ignored by a named rule; a foreign document is one reject.

    A transcript that somebody made one array of is read row by row.
    """
    reader = _Reader(table)
    lines = iter(lines)
    first = next(lines, None)
    if first is not None:
        lines = itertools.chain((first,), lines)
        if is_array(first.raw):
            lines = reader.array(lines)
        elif first.raw.strip() == b"{":
            lines = reader.document(lines)
        for line in lines:
            reader.line(line)
    return reader.parsed


class _Reader:
    """Reads one file, and keeps account of its lines."""

    def __init__(self, table: RecordTable) -> None:
        self.table = table
        self.parsed = Parsed()
        self.recorder = Recorder(table, self.parsed.unknown)

    def line(self, line: Line) -> None:
        """Read a line: it makes records, or is rejected, or ignored under a rule."""
        self.parsed.lines_read += 1
        before = self.table.added
        try:
            rule = self.recorder.add(decode_usual(line.raw), line.number)
        except UNUSUAL:
            self._mended(line)
        except BadLineError as error:
            self._reject(line, error)
        else:
            if self.table.added == before:
                self.parsed.ignored[rule or "empty"] += 1

    def _mended(self, line: Line) -> None:
        """Read a line that is not one usual row: it is rejected for the first thing that is wrong."""
        before = self.table.added
        rule = bad = None
        try:
            for row in decode(line.raw, self.parsed.unknown):
                try:
                    rule = self.recorder.add(row, line.number) or rule
                except BadLineError as error:  # what is glued behind it may still be good
                    bad = bad or error
        except BadLineError as error:
            bad = bad or error
        if bad is not None:
            self._reject(line, bad)
        elif self.table.added == before:
            self.parsed.ignored[rule or "empty"] += 1

    def _reject(self, line: Line, bad: BadLineError) -> None:
        self.parsed.rejects.append(Reject(line.number, line.offset, bad.check, bad.reason, line.raw, bad.column))

    def array(self, lines: Iterator[Line]) -> Iterator[Line]:
        """Give back the rows of an array; reject a file that is another array as one line."""
        rows = records(lines)
        first = next(rows, None)
        if first is None:
            return rows
        if _is_row(first.raw):
            return itertools.chain((first,), rows)
        collections.deque(rows, maxlen=0)
        reason = "one JSON document (an array), not a transcript of one row a line"
        self.parsed.lines_read += 1
        self._reject(first, BadLineError("foreign_document", reason))
        return iter(())

    def document(self, lines: Iterator[Line]) -> Iterator[Line]:
        """Reject a file that is one JSON document as one line; give back its lines where it is not one."""
        held: list[Line] = []
        for line in lines:
            held.append(line)
            if line.offset > _MAX_DOCUMENT_BYTES:
                return itertools.chain(held, lines)
        whole = b"\n".join(line.raw for line in held)
        try:
            document = json.loads(whole)
        except (ValueError, RecursionError):
            return iter(held)
        names = ", ".join(sorted(document)[:6])
        reason = f"one JSON document ({names}), not a transcript of one row a line"
        self.parsed.lines_read += 1
        self._reject(Line(held[0].number, held[0].offset, whole), BadLineError("foreign_document", reason))
        return iter(())

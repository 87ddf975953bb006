"""From authorship notes to records of the family `git`.

A line is a JSON object of a commit and its note, as notes are exported; out of a repository the lake makes such
lines itself (`line_of`), and adds what git knows of the commit. A note gives one record per prompt or session in it,
and one without a session where it names none, so that no note is lost.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

import msgspec
import polars as pl

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.families.git import FROM_NOTE, NAMESPACE, SCHEMA, UNDATED
from learning_pipeline.sources.git_notes.note import Entry, Note, is_note, read_note
from learning_pipeline.sources.git_values import line_number, mail_hash
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.trailers import agent, session

KIND = "git_notes"
FAMILY = "git"
MODE = "document"
LINES_APART = True

_HEAD = re.compile(
    rb'\s*\{\s*"commit"\s*:\s*"[0-9a-f]{40}(?:[0-9a-f]{24})?"\s*,\s*(?:"bytes"\s*:\s*\d+\s*,\s*)?'
    rb'"(?:note|blob)"\s*:\s*"(?:[^"\\]|\\.)*'
)
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_KNOWN = frozenset(("commit", "note", "blob", "bytes", "ref", "committed_at", "noted_at", "in_history"))
_MAIL = re.compile(r"<([^<>]+)>")
_TOTALS = {
    "total_additions": "total_additions",
    "total_deletions": "total_deletions",
    "accepted_lines": "accepted_lines",
    "overriden_lines": "overridden_lines",
}
_encode = msgspec.json.Encoder(order="sorted").encode


class _Commit(msgspec.Struct, frozen=True):
    """What is known of a noted commit beside its note."""

    sha: str
    committed_at: datetime | None
    noted_at: datetime | None
    in_history: bool | None


def sniff(head: bytes) -> bool:
    """Say whether the first line is a commit with its authorship note; the line may be longer than the head."""
    match = _HEAD.match(head)
    if match is None:
        return False
    start = match[0]
    return b"authorship/" in start or b'{\\"files\\":' in start or len(start) == len(head)


def line_of(
    commit: str, note: bytes, *, ref: str, committed_at: int | None, noted_at: int | None, in_history: bool
) -> Line:
    """Return the line that stands for a note in a repository; times are seconds since 1970."""
    said = {
        "commit": commit,
        "note": note.decode("utf-8", "replace"),
        "ref": ref,
        "committed_at": committed_at,
        "noted_at": noted_at,
        "in_history": in_history,
    }
    number = line_number(commit) if ref == "refs/notes/ai" else key_of(ref, commit) >> 4
    return Line(number, 0, msgspec.json.encode(said))


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read notes into records of the family `git`."""
    rows: dict[str, list[object]] = {name: [] for name in SCHEMA}
    parsed = Parsed()
    for line in lines:
        parsed.lines_read += 1
        try:
            found = [row for said in decode(line.raw) for row in _records(said, parsed)]
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
            continue
        if not found:
            parsed.ignored["other_note"] += 1
        for row in found:
            row["source_line"] = line.number
            for name, values in rows.items():
                values.append(row.get(name))
    parsed.records = pl.DataFrame([pl.Series(name, rows[name], dtype=dtype) for name, dtype in SCHEMA.items()])
    return parsed


def _records(said: dict[str, Any], parsed: Parsed) -> list[dict[str, object]]:
    """Return the records of a line; none for a note of another program in a repository."""
    for name in said:
        if name not in _KNOWN:
            parsed.unknown[f"field:{name[:100]}"] += 1
    sha = said.get("commit")
    if not isinstance(sha, str) or not _SHA.fullmatch(sha):
        raise LineError("missing_field", "the line names no commit", "commit", sha)
    text = said.get("note", said.get("blob"))
    if not isinstance(text, str):
        raise LineError("missing_field", "the line has no note", "note", text)
    if said.get("ref") is not None and not is_note(text):
        return []
    note = read_note(text)
    for name in note.unknown:
        parsed.unknown[name[:100]] += 1
    in_history = said.get("in_history")
    commit = _Commit(
        sha,
        _second(said.get("committed_at")),
        _second(said.get("noted_at")),
        in_history if isinstance(in_history, bool) else None,
    )
    entries: list[Entry | None] = [*note.entries]
    return [_row(commit, note, entry) for entry in entries or [None]]


def _second(value: Any) -> datetime | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 4_102_444_800
    return datetime.fromtimestamp(value, UTC) if whole else None


def _row(commit: _Commit, note: Note, entry: Entry | None) -> dict[str, object]:
    at, source = _time(commit, entry)
    facts: dict[str, object] = {
        "note": "git-ai",
        "schema_version": note.schema_version,
        "git_ai_version": note.git_ai_version,
        "base_commit": note.base_commit,
        "logical_commit_id": note.logical_commit_id,
        "human_lines": note.human_lines or None,
        "unlisted_lines": note.unlisted_lines or None,
        "time_of": source,
        "commit": commit.sha if len(commit.sha) != 40 else None,
    }
    key = "none"
    if entry is not None:
        key = f"{entry.kind}\x1f{entry.key}"
        facts |= {
            "entry": entry.kind,
            "entry_id": entry.key,
            "tool": entry.tool,
            "model": normal.model(entry.model),
            "attributed_lines": entry.lines.distinct,
            "range_lines": entry.lines.written if entry.lines.written != entry.lines.distinct else None,
            "files": entry.lines.files,
            "messages": entry.messages,
            **{ours: entry.totals.get(theirs) for theirs, ours in _TOTALS.items()},
        }
        if entry.kind != "prompt" and facts["accepted_lines"] is None:
            # Newer notes and the oldest have no totals: what is attributed in the commit is what was accepted.
            facts |= {"accepted_lines": entry.lines.distinct, "lines_of": "ranges"}
    told = _encode({name: value for name, value in facts.items() if value is not None}).decode()
    event = str(uuid5(NAMESPACE, f"note\x1f{commit.sha}\x1f{key}"))
    mail = _MAIL.search(entry.human_author) if entry is not None and entry.human_author else None
    return {
        "record_key": key_of(KIND, event, told, at, commit.in_history),
        "group_key": commit.sha,
        "day": at.date() if at else UNDATED,
        "rank": FROM_NOTE,
        "event_id": event,
        "event_type": "note",
        "commit": commit.sha if len(commit.sha) == 40 else None,
        "author_hash": mail_hash(mail[1].encode()) if mail else None,
        "occurred_at": at,
        "co_authored_agent": _agent(entry),
        "session_id": session(entry.session_id) if entry is not None and entry.session_id else None,
        "in_history": commit.in_history,
        "facts": told,
        "attributes": _words(entry),
    }


def _time(commit: _Commit, entry: Entry | None) -> tuple[datetime | None, str | None]:
    """Return the best time that is known, and what it is the time of."""
    if commit.committed_at is not None:
        return commit.committed_at, None
    if commit.noted_at is not None:
        return commit.noted_at, "note"
    if entry is not None and entry.last_message_at is not None:
        try:
            return normal.timestamp(entry.last_message_at, None), "message"
        except ValueError:
            return None, None
    return None, None


def _agent(entry: Entry | None) -> str | None:
    if entry is None or entry.tool is None:
        return None
    return agent(entry.tool) or entry.tool.lower()


def _words(entry: Entry | None) -> str | None:
    """Return what could hold something personal: it is redacted as text."""
    if entry is None or entry.messages_url is None:
        return None
    return _encode({"messages_url": entry.messages_url}).decode()

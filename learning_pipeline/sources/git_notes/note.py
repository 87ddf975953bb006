"""Reads the text of one git-ai authorship note.

A note is an attestation, a line `---`, and a JSON object. The attestation names files, and below each, indented by
two blanks, a key and the ranges of lines that belong to it. The JSON says what stands behind a key: a prompt with
totals of its own, or (in newer notes) a session without any. The oldest notes are one JSON object of files.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.models import model_family, provider
from learning_pipeline.sources.numbers import integer
from learning_pipeline.sources.trailers import agent

_SPLIT = re.compile(r"(?:\A|\n)---[ \t]*\r?(?:\n|\Z)")
_RANGES = re.compile(r"\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*")
_HUMAN = re.compile(r"human|h_[0-9a-f]+")

_NOTE_FIELDS = frozenset(
    ("schema_version", "git_ai_version", "base_commit_sha", "prompts", "sessions", "humans", "logical_commit_id")
)
_TOTALS = ("total_additions", "total_deletions", "accepted_lines", "overriden_lines")
_ENTRY_FIELDS = frozenset(("agent_id", "human_author", "messages", "messages_url", "custom_attributes", *_TOTALS))


@dataclass(slots=True)
class Lines:
    """The lines of a key: in how many files, how many different ones, and how many as the ranges are written."""

    files: int = 0
    distinct: int = 0
    written: int = 0

    def add(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Add the ranges of one file; they need not be sorted, and may overlap."""
        self.files += 1
        end = 0
        for first, last in sorted(ranges):
            self.written += last - first + 1
            self.distinct += max(0, last - max(first - 1, end))
            end = max(end, last)


@dataclass(slots=True)
class Entry:
    """What a note says of one key."""

    kind: str  # prompt, session, or author (of the oldest notes)
    key: str
    tool: str | None = None
    session_id: str | None = None
    model: str | None = None
    human_author: str | None = None
    totals: dict[str, int | None] = field(default_factory=dict)
    lines: Lines = field(default_factory=Lines)
    messages: int | None = None
    messages_url: str | None = None
    last_message_at: str | None = None


@dataclass(slots=True)
class Note:
    """What a note says."""

    schema_version: str | None
    git_ai_version: str | None = None
    base_commit: str | None = None
    logical_commit_id: str | None = None
    entries: list[Entry] = field(default_factory=list)
    human_lines: int = 0
    unlisted_lines: int = 0  # of keys that the JSON does not explain
    unknown: list[str] = field(default_factory=list)  # `field:NAME` or `kind:NAME`


def is_note(text: str) -> bool:
    """Say whether a text looks like an authorship note."""
    return ('"schema_version"' in text and '"authorship/' in text) or text.startswith('{"files":')


def read_note(text: str) -> Note:
    """Read a note.

    Raises:
        LineError: it has none of the forms of an authorship note, or holds broken JSON, ranges or numbers.
    """
    parts = _SPLIT.split(text, maxsplit=1)
    if len(parts) == 2:
        return _attested(parts[0], _object(parts[1]))
    found = _object(text)
    if not isinstance(found.get("files"), dict):
        raise LineError("form", "the note has no line --- and no files: it is no authorship note")
    return _of_files(found)


def _object(text: str) -> dict[str, Any]:
    found = decode(text.encode("utf-8", "replace").strip())
    if len(found) != 1:
        raise LineError("json", "the note holds several JSON objects")
    return found[0]


def _attested(attestation: str, meta: dict[str, Any]) -> Note:
    version = _text(meta, "schema_version")
    note = Note(
        version,
        _text(meta, "git_ai_version"),
        _text(meta, "base_commit_sha"),
        _text(meta, "logical_commit_id"),
        unknown=[f"field:{name}" for name in meta if name not in _NOTE_FIELDS],
    )
    if version is None or not version.startswith("authorship/3."):
        raise LineError("version", f"the note's version {version!r} is not known", "schema_version", version)
    for kind, name in (("prompt", "prompts"), ("session", "sessions")):
        for key, value in _objects(meta, name):
            note.entries.append(_entry(kind, key, value, note.unknown))
    entries = {entry.key: entry for entry in note.entries}
    humans = {key for key, _ in _objects(meta, "humans")}
    # Several edits of a session (`session::trace`) may name the same line of a file: it counts once.
    of_entries: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for path, key, ranges in _attestation(attestation):
        known = key if key in entries else key.partition("::")[0]
        if known in entries:
            of_entries.setdefault((known, path), []).extend(ranges)
        else:
            others = Lines()
            others.add(ranges)
            if key in humans or _HUMAN.fullmatch(key):
                note.human_lines += others.distinct
            else:
                note.unlisted_lines += others.distinct
    for (key, _), ranges in of_entries.items():
        entries[key].lines.add(ranges)
    return note


def _attestation(text: str) -> Iterator[tuple[str, str, list[tuple[int, int]]]]:
    """Yield path, key and ranges."""
    path = None
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        if not line.startswith("  "):
            path = line
            continue
        key, _, ranges = line.strip().partition(" ")
        if path is None or not _RANGES.fullmatch(ranges):
            raise LineError("attestation", "a line of the attestation is not a key and ranges of lines", None, line)
        yield path, key, [_range(part) for part in ranges.split(",")]


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    pair = int(first), int(last or first)
    if pair[0] < 1 or pair[1] < pair[0]:
        raise LineError("attestation", f"{text} is not a range of lines", None, text)
    return pair


def _entry(kind: str, key: str, value: dict[str, Any], unknown: list[str]) -> Entry:
    unknown.extend(f"field:{kind}.{name}" for name in value if name not in _ENTRY_FIELDS)
    who = value.get("agent_id")
    if not isinstance(who, dict):
        raise LineError("missing_field", f"the {kind} {key} names no agent", "agent_id", who)
    unknown.extend(f"field:agent_id.{name}" for name in who if name not in ("tool", "id", "model"))
    messages = value.get("messages")
    if messages is not None and not isinstance(messages, list):
        raise LineError("type", "messages is not a list", "messages", messages)
    times = [
        message["timestamp"]
        for message in messages or ()
        if isinstance(message, dict) and isinstance(message.get("timestamp"), str)
    ]
    return Entry(
        kind,
        key,
        tool=_text(who, "tool"),
        session_id=_text(who, "id"),
        model=_text(who, "model"),
        human_author=_text(value, "human_author"),
        totals={name: _count(value, name) for name in _TOTALS},
        messages=len(messages) if messages is not None else None,
        messages_url=_text(value, "messages_url"),
        last_message_at=times[-1] if times else None,
    )


def _of_files(found: dict[str, Any]) -> Note:
    """Read a note of the oldest form: who wrote which lines of a file, people and agents by their names."""
    note = Note(
        _text(found, "schema_version"),
        unknown=[f"field:{name}" for name in found if name not in ("files", "schema_version")],
    )
    if note.schema_version not in (None, "authorship/0.0.1"):
        raise LineError("version", f"the note's version {note.schema_version!r} is not known", "schema_version")
    entries: dict[str, Entry] = {}
    for _, file in _objects(found, "files"):
        for author in file.get("authors") or ():
            if not isinstance(author, dict) or not isinstance(name := author.get("author"), str):
                raise LineError("type", "an author of a file has no name", "author", author)
            counted = Lines()
            counted.add(map(_old_range, author.get("lines") or ()))
            tool, model = _who(name)
            if tool is None and model is None:
                note.human_lines += counted.distinct
                continue
            entry = entries.setdefault(name, Entry("author", name, tool=name if tool else None, model=model))
            entry.lines.files += counted.files
            entry.lines.distinct += counted.distinct
            entry.lines.written += counted.written
    note.entries = list(entries.values())
    return note


def _who(name: str) -> tuple[str | None, str | None]:
    """Return agent and model that an author's name stands for; neither for a person's."""
    family = model_family(name)
    return agent(name), family if any(char.isdigit() for char in name) and provider(family) is not None else None


def _old_range(value: Any) -> tuple[int, int]:
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2 or not all(isinstance(number, int) and 0 < number < 10**9 for number in pair):
        raise LineError("attestation", "lines of a file are not numbers or pairs of them", "lines", value)
    return min(pair), max(pair)


def _objects(holder: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise LineError("type", f"{name} is not an object of objects", name, value)
    return list(value.items())


def _text(holder: dict[str, Any], name: str) -> str | None:
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise LineError("type", f"{name} is not a text", name, value)
    return value.strip() or None


def _count(holder: dict[str, Any], name: str) -> int | None:
    value = holder.get(name)
    if value is None:
        return None
    try:
        return integer(value, least=0)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", name, value) from error

"""What git hooks wrote down: this project's own lines of JSON, and two older forms.

`[YYYY-MM-DD HH:MM:SS] [LEVEL] [repo] message` has a local time, and an event only where the message names one;
`repo,hook,epoch.nanoseconds` has no more than that.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid5

import msgspec
import polars as pl

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.families.git import FROM_HOOK, NAMESPACE, SCHEMA
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.trailers import session

KIND = "git_hooks"
FAMILY = "git"
MODE = "append"
LINES_APART = True

# Words for what happened -> the event. Hooks that run before anything has happened tell no event.
_EVENTS = {
    "commit": "commit",
    "post-commit": "commit",
    "amend": "amend",
    "post-rewrite": "amend",
    "rebase": "rebase",
    "merge": "merge",
    "post-merge": "merge",
    "checkout": "checkout",
    "post-checkout": "checkout",
    "switch": "checkout",
    "push": "push",
    "pre-push": "push",
    "post-push": "push",
    "post-receive": "push",
    "revert": "revert",
    "note": "note",
}
_BEFORE = frozenset(
    ("pre-commit", "commit-msg", "prepare-commit-msg", "pre-merge-commit", "pre-rebase", "pre-receive", "update")
)
_KEPT = ("worktree", "squash", "from_commit", "rewritten", "replaces", "hook")
_COUNTS = ("files_changed", "lines_added", "lines_removed", "duration_ms")
_TEXTS = ("repository", "remote", "branch", "author_hash", "committer_hash", "subject")
_KNOWN = frozenset(
    ("v", "event", "occurred_at", "commit", "parents", "session_id", "exit_code", *_COUNTS, *_TEXTS, *_KEPT)
)

_LOG_LINE = re.compile(r"\[(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?)\] \[(\w+)\] \[([^\]]*)\] ?(.*)", re.DOTALL)
_CSV_LINE = re.compile(r"([^,]*),([a-z-]+),(\d{9,10}(?:\.\d{1,9})?)")
_SHA = re.compile(r"[0-9a-f]{40}")
_PREFIX = re.compile(r"[0-9a-f]{7,64}")
_SHA_IN_TEXT = re.compile(r"\b[0-9a-f]{40}\b")
_EVENT_IN_TEXT = re.compile(
    r"\b(post-commit|post-rewrite|post-merge|post-checkout|post-receive|pre-push|post-push|pre-commit|commit-msg"
    r"|prepare-commit-msg|pre-merge-commit|pre-rebase|amend|rebase|merge|checkout|switch|push|revert|commit)"
    r"(?:ed|ted|d|ing|ging|ping)?\b",
    re.IGNORECASE,
)
_LINE_START = b'{"v":1,"event":"'
_encode = msgspec.json.Encoder(order="sorted").encode


def sniff(head: bytes) -> bool:
    """Say whether the first whole line has one of the three forms."""
    first = head.lstrip().split(b"\n", 1)[0].rstrip(b"\r")
    text = first.decode("utf-8", "replace")
    if _LOG_LINE.fullmatch(text) or _is_csv(text):
        return True
    try:
        line = decode(first)[0]
    except LineError:
        return False
    return "v" in line and "event" in line and "occurred_at" in line and "repository" in line


def _is_csv(text: str) -> bool:
    match = _CSV_LINE.fullmatch(text)
    return match is not None and (match[2] in _EVENTS or match[2] in _BEFORE)


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `git`."""
    rows: dict[str, list[object]] = {name: [] for name in SCHEMA}
    parsed = Parsed()
    for line in lines:
        parsed.lines_read += 1
        try:
            found = _records(line.raw, options, parsed)
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
            found = _behind_a_break(line.raw, options, parsed) if error.check == "json" else []
        for row in found:
            row["source_line"] = line.number
            for name, values in rows.items():
                values.append(row.get(name))
    parsed.records = pl.DataFrame([pl.Series(name, rows[name], dtype=dtype) for name, dtype in SCHEMA.items()])
    return parsed


def _records(raw: bytes, options: Options, parsed: Parsed) -> list[dict[str, object]]:
    if raw.lstrip()[:1] not in (b"[", b"{", b"\xef"):
        return _csv_record(_text(raw), parsed)
    if raw.lstrip()[:1] == b"[" and (match := _LOG_LINE.fullmatch(_text(raw))) is not None:
        return _log_record(match, options, parsed)
    found = []
    for line in decode(raw):
        row = _json_record(line, options, parsed)
        if row is not None:
            found.append(row)
    if not found:
        parsed.ignored["unknown_event"] += 1
    return found


def _behind_a_break(raw: bytes, options: Options, parsed: Parsed) -> list[dict[str, object]]:
    """Return what whole lines of hooks tell that follow a broken one without a line break.

    Where the disk was full, a line breaks off, and the next one is written right behind it. The start of a line
    stands in no text of one: quotation marks have a backslash before them there.
    """
    found = []
    for part in raw.split(_LINE_START)[1:]:
        try:
            found += [row for line in decode(_LINE_START + part) if (row := _json_record(line, options, parsed))]
        except LineError:
            continue
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip().replace("\x00", "")
    except UnicodeDecodeError as error:
        raise LineError("utf8", f"the line is not UTF-8: {error.reason} at byte {error.start}") from error


def _json_record(line: dict[str, Any], options: Options, parsed: Parsed) -> dict[str, object] | None:
    """Return the record of a JSON line; None for an event of an unknown name."""
    if line.get("v", 1) != 1:
        raise LineError("version", f"version {line['v']!r} of the hook's line is not known", "v", line["v"])
    word = line.get("event")
    if not isinstance(word, str):
        raise LineError("missing_field", "the line names no event", "event_type", word)
    event = _EVENTS.get(word.strip().lower())
    if event is None:
        parsed.unknown[f"kind:{word[:100]}"] += 1
        return None
    attributes = {name: line[name] for name in _KEPT if line.get(name) not in (None, [], "")}
    for name, value in line.items():
        if name not in _KNOWN:
            parsed.unknown[name] += 1
            if value is not None:
                attributes[name] = value
    row: dict[str, object] = {name: _words(name, line.get(name)) for name in _TEXTS}
    row |= {name: _number(name, line.get(name), least=0) for name in _COUNTS}
    row["exit_code"] = _number("exit_code", line.get("exit_code"), least=-(2**31))
    named = _words("session_id", line.get("session_id"))
    row["session_id"] = None if named is None else session(named)
    parents = line.get("parents") or []
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise LineError("type", "parents is not a list of commits", "parents", parents)
    commit = _commit(line.get("commit"), attributes)
    content = _encode(line).decode("utf-8", "replace")
    occurred_at = _time(line.get("occurred_at"), options)
    return _record(row, event, occurred_at, commit, parents, attributes, content)


def _log_record(match: re.Match[str], options: Options, parsed: Parsed) -> list[dict[str, object]]:
    """Return the record of a line of the hook logger, if its message names an event."""
    time, level, repository, message = match.groups()
    word = _EVENT_IN_TEXT.search(message)
    event = _EVENTS.get(word[1].lower()) if word else None
    if event is None:
        parsed.ignored["no_event"] += 1
        return []
    commit = _SHA_IN_TEXT.search(message)
    attributes: dict[str, object] = {"level": level, "message": message.strip()}
    row: dict[str, object] = {"repository": repository.strip() or None}
    occurred_at = _time(time, options)
    return [_record(row, event, occurred_at, commit[0] if commit else None, [], attributes, match[0])]


def _csv_record(text: str, parsed: Parsed) -> list[dict[str, object]]:
    match = _CSV_LINE.fullmatch(text)
    if match is None:
        raise LineError("form", "the line has none of the forms of a hook's line")
    repository, hook, time = match.groups()
    event = _EVENTS.get(hook)
    if event is None:
        parsed.ignored["no_event" if hook in _BEFORE else "unknown_event"] += 1
        if hook not in _BEFORE:
            parsed.unknown[f"kind:{hook[:100]}"] += 1
        return []
    row: dict[str, object] = {"repository": repository.strip() or None}
    return [_record(row, event, _time(time, Options()), None, [], {"hook": hook}, text)]


def _record(
    row: dict[str, object],
    event: str,
    occurred_at: datetime,
    commit: str | None,
    parents: list[str],
    attributes: dict[str, object],
    content: str,
) -> dict[str, object]:
    """Put a record together. A new commit is known by its id, all else by what happened when and where."""
    made = event in ("commit", "revert") or (event == "merge" and len(parents) > 1)
    if made and commit is not None:
        group = commit
        event_id = str(uuid5(NAMESPACE, f"commit\x1f{commit}"))
    else:
        parts = (event, row.get("repository"), occurred_at.isoformat(), row.get("branch"), commit, row.get("remote"))
        group = event_id = str(uuid5(NAMESPACE, "\x1f".join("" if part is None else str(part) for part in parts)))
    is_merge = len(parents) > 1
    return row | {
        "record_key": key_of(KIND, content),
        "group_key": group,
        "day": occurred_at.date(),
        "rank": FROM_HOOK,
        "event_id": event_id,
        "event_type": "merge" if made and is_merge and event == "commit" else event,
        "commit": commit,
        "parents": parents or None,
        "occurred_at": occurred_at,
        "is_merge": is_merge if made and (parents or row.get("files_changed") is not None) else None,
        "attributes": _encode(attributes).decode() if attributes else None,
    }


def _time(value: Any, options: Options) -> datetime:
    if value is None:
        raise LineError("missing_field", "the line has no time", "occurred_at")
    if isinstance(value, str):
        value = value.replace(",", ".")
    try:
        return normal.timestamp(value, options.naive_zone)
    except ValueError as error:
        check = "naive_time" if "no time zone" in str(error) else "range" if "outside" in str(error) else "type"
        raise LineError(check, f"occurred_at: {error}", "occurred_at", value) from error


def _words(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise LineError("type", f"{name} is not a text", name, value)
    return value.strip() or None


def _number(name: str, value: Any, *, least: int) -> int | None:
    if value is None:
        return None
    try:
        return normal.integer(value, least=least)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", name, value) from error


def _commit(value: Any, attributes: dict[str, Any]) -> str | None:
    """Return a whole id of a commit; one that is abbreviated, or of another hash, is kept as an attribute."""
    text = (_words("commit", value) or "").lower()
    if not text.strip("0"):
        return None
    if _SHA.fullmatch(text):
        return text
    if not _PREFIX.fullmatch(text):
        raise LineError("type", "commit is not the id of a commit", "commit", value)
    attributes["commit"] = text
    return None

"""The history of a git repository, from the output of one `git log`, or from a file of exported commits.

The lake runs `git log` with LOG_ARGUMENTS and hands `cut` of its output to `parse`; it fills in the columns
`repository` and `remote`. A commit's id identifies what it says, so a commit that is read again is a duplicate.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import uuid5

import msgspec
import polars as pl

from learning_pipeline.sources import exported_commits
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.families.git import FROM_HISTORY, NAMESPACE, SCHEMA
from learning_pipeline.sources.git_values import line_number, mail_hash
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.trailers import trailers

KIND = "git_history"
FAMILY = "git"
MODE = "document"
LINES_APART = True

# A record is: RS, the header's fields with US between, NUL, the message, NUL, and for each file of its change
# `added TAB removed TAB path`, NUL. A message cannot hold NUL. Configuration of the user must not change a byte.
LOG_ARGUMENTS = (
    "log",
    "-z",
    "--numstat",
    "--no-renames",
    "--root",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--diff-algorithm=myers",
    "--no-color",
    "--no-decorate",
    "--no-notes",
    "--no-mailmap",
    "--no-show-signature",
    "--encoding=UTF-8",
    "--format=tformat:%x1e%H%x1f%P%x1f%at%x1f%ct%x1f%ae%x1f%ce%x00%B",
)

_STAT = rb"\n?(?:\d+|-)\t(?:\d+|-)\t[^\0]*(?:\0|\Z)"
_RECORD = re.compile(rb"\x1e([0-9a-f]{40}(?:[0-9a-f]{24})?)\x1f[^\0]*\0[^\0]*(?:\0|\Z)(?:" + _STAT + rb")*")
_FIRST = b"\x1e"  # of a record
_NUMBERS = re.compile(rb"\n?(\d+|-)\t(\d+|-)\t[^\0]*\0?")
_LAST_SECOND = 4_102_444_800  # 2100-01-01
_encode = msgspec.json.Encoder(order="sorted").encode


def sniff(head: bytes) -> bool:
    """Say whether a file holds exported commits; a repository is not a file."""
    return exported_commits.sniff(head) is not None


def cut(blocks: Iterable[bytes]) -> Iterator[Line]:
    """Yield one line per commit of the output of `git log` with LOG_ARGUMENTS, which comes in blocks of any size.

    A repository has no lines. The number of a commit is made of the first 15 digits of its id: it tells the
    commits of a repository apart, and is the same whenever and however often the history is read.
    What belongs to no commit is a line too, numbered by where it stands; `parse` rejects it.
    """
    held, base = b"", 0
    for block in blocks:
        held += block
        # The last record may go on in the next block.
        found = list(_RECORD.finditer(held))[:-1]
        if found:
            yield from _lines(held, found, base)
            held, base = held[found[-1].end() :], base + found[-1].end()
    found = list(_RECORD.finditer(held))
    yield from _lines(held, found, base)
    yield from _left_over(held, found[-1].end() if found else 0, len(held), base)


def _lines(stream: bytes, found: list[re.Match[bytes]], base: int) -> Iterator[Line]:
    at = 0
    for match in found:
        yield from _left_over(stream, at, match.start(), base)
        yield Line(line_number(match[1].decode()), base + match.start(), match[0])
        at = match.end()


def _left_over(stream: bytes, start: int, end: int, base: int) -> Iterator[Line]:
    raw = stream[start:end]
    if raw.strip(b"\0\n"):
        yield Line(base + start + 1, base + start, raw)


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read commits into records of the family `git`."""
    rows: dict[str, list[object]] = {name: [] for name in SCHEMA}
    parsed = Parsed()
    for line in lines:
        parsed.lines_read += 1
        try:
            found = _exported(line.raw, parsed) if line.raw[:1] != _FIRST else [_row(line.raw)]
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
            continue
        except ValueError as error:
            parsed.rejects.append(Reject(line.number, line.offset, "git_record", str(error), line.raw))
            continue
        for row in found:
            row["source_line"] = line.number
            for name, values in rows.items():
                values.append(row.get(name))
    parsed.records = pl.DataFrame([pl.Series(name, rows[name], dtype=dtype) for name, dtype in SCHEMA.items()])
    return parsed


def _exported(raw: bytes, parsed: Parsed) -> list[dict[str, object]]:
    """Return the records of a line of exported commits; what is no JSON is a broken record of git."""
    if raw.lstrip()[:1] not in (b"{", b"\xef"):
        raise ValueError("this is neither a record of git log nor an exported commit")
    unknown: list[str] = []
    found = [exported_commits.commit_row(said, unknown) for said in decode(raw)]
    parsed.unknown.update(unknown)
    return found


def _row(raw: bytes) -> dict[str, object]:
    """Return a commit's record.

    Raises:
        ValueError: it is not a record of `git log`, or its time is none.
    """
    match = _RECORD.fullmatch(raw)
    if match is None:
        raise ValueError("this is not a record of git log")
    header, message, *_ = raw[1:].split(b"\0", 2)
    fields = header.split(b"\x1f")
    if len(fields) != 6:
        raise ValueError("the record's header does not have six fields")
    commit = fields[0].decode()
    parents = fields[1].decode("ascii", "replace").split()
    authored, committed = _time(fields[2]), _time(fields[3])
    if committed is None:
        raise ValueError(f"the committer's time {fields[3].decode('utf-8', 'replace')[:40]} is not from 1970 to 2099")
    text = message.decode("utf-8", "replace").replace("\r\n", "\n")
    told = trailers(text)
    subject = text.strip("\n").split("\n", 1)[0].strip() or None
    full_revert = told.reverts if told.reverts is not None and len(told.reverts) == 40 else None
    is_revert = told.reverts is not None or (subject or "").startswith('Revert "')
    is_merge = len(parents) > 1
    facts = {
        "authored_at": authored.isoformat() if authored not in (None, committed) and authored else None,
        "checkpoint": told.checkpoints[0] if told.checkpoints else None,
        "checkpoints": told.checkpoints if len(told.checkpoints) > 1 else None,
        "co_authored_model": told.model,
        "commit": commit if len(commit) != 40 else None,
        "reverts_prefix": told.reverts if full_revert is None else None,
    }
    given = {name: value for name, value in facts.items() if value is not None}
    return {
        "record_key": key_of(KIND, commit),
        "group_key": commit,
        "day": committed.date(),
        "rank": FROM_HISTORY,
        "in_history": True,
        "event_id": str(uuid5(NAMESPACE, f"commit\x1f{commit}")),
        "event_type": "revert" if is_revert else "merge" if is_merge else "commit",
        "commit": commit if len(commit) == 40 else None,
        "parents": parents,
        "author_hash": mail_hash(fields[4]),
        "committer_hash": mail_hash(fields[5]),
        "occurred_at": committed,
        "subject": subject,
        **_changes(raw, len(header) + len(message) + 2, is_merge),
        "is_merge": is_merge,
        "reverts_commit": full_revert,
        "co_authored_agent": told.agent,
        "session_id": told.session_id,
        "facts": _encode(given).decode() if given else None,
    }


def _time(seconds: bytes) -> datetime | None:
    if not seconds.isdigit() or int(seconds) >= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def _changes(raw: bytes, start: int, is_merge: bool) -> dict[str, int | None]:
    """Count files and lines. A merge tells none: its changes are those of the commits that it brings in."""
    if is_merge:
        return {"files_changed": None, "lines_added": None, "lines_removed": None}
    added = removed = files = 0
    for match in _NUMBERS.finditer(raw, start):
        files += 1
        if match[1] != b"-":  # a binary file has no lines
            added += int(match[1])
            removed += int(match[2])
    return {"files_changed": files, "lines_added": added, "lines_removed": removed}

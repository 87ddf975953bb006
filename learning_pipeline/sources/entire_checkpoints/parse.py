"""From the files of a checkpoint branch to records of the family `git`.

`metadata.json` tells of a checkpoint, or of a session in one; exported commits tell which commits name a checkpoint.
Transcripts that lie beside them are of other kinds, by what they hold. Copies that say nothing of their own (compact
transcripts, prompts as text, hashes) are ignored under a rule's name.
"""

import re
from collections.abc import Iterable
from typing import Any

import polars as pl

from learning_pipeline.sources import exported_commits
from learning_pipeline.sources.base import Line, Options, Parsed, Reject
from learning_pipeline.sources.documents import joined
from learning_pipeline.sources.entire_checkpoints.metadata import checkpoint_row, session_row
from learning_pipeline.sources.families.git import SCHEMA
from learning_pipeline.sources.json_lines import LineError, decode

KIND = "entire_checkpoints"
FAMILY = "git"
MODE = "document"
# Files that repeat what transcripts say, and cannot be told by what they hold.
IGNORED_FILES = {"prompt.txt": "prompt_copy"}

# Within text that is quoted, a quotation mark has a backslash before it.
_METADATA = re.compile(rb'\s*\{[^\0]*?(?<!\\)"checkpoint_id"\s*:\s*"[0-9a-f]{6,40}"')
_HASH = re.compile(rb"\s*sha256:[0-9a-f]{64}\s*")
_CONTEXT = b"# Session Context"
_METADATA_HEAD = 4096


def sniff(head: bytes) -> bool:
    """Say whether a file is metadata of a checkpoint, commits that name some, or a copy that Entire makes."""
    if _rule_of_file(head) is not None:
        return True
    start = head[:_METADATA_HEAD]
    if _METADATA.match(start) and b'"strategy"' in start and b'"sessionId"' not in start:
        return True
    commit = exported_commits.sniff(head)
    if commit is not None:
        return "checkpoint_ids" in commit
    first = head.lstrip().split(b"\n", 1)[0]
    return first.startswith(b'{"v":') and _is_compact(first)


def _rule_of_file(head: bytes) -> str | None:
    """Return the rule that a file of no use is ignored by."""
    if _HASH.fullmatch(head[:200]):
        return "content_hash"
    if head.lstrip().startswith(_CONTEXT):
        return "context"
    return None


def _is_compact(raw: bytes) -> bool:
    try:
        said = decode(raw)[0]
    except LineError:
        return False
    return _is_compact_row(said)


def _is_compact_row(said: dict[str, Any]) -> bool:
    return {"v", "agent", "cli_version", "type", "ts"} <= said.keys()


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read one file of a checkpoint branch."""
    rows: dict[str, list[object]] = {name: [] for name in SCHEMA}
    parsed = Parsed()
    rule = None
    for count, line in enumerate(joined(lines)):
        parsed.lines_read += 1
        if count == 0:
            rule = _rule_of_file(line.raw)
        if rule is not None:
            parsed.ignored[rule] += 1
            continue
        try:
            found = [row for said in decode(line.raw) if (row := _row(said, parsed)) is not None]
        except LineError as error:
            parsed.rejects.append(
                Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column, error.value)
            )
            continue
        if not found:
            parsed.ignored["compact_transcript"] += 1
        for row in found:
            row["source_line"] = line.number
            for name, values in rows.items():
                values.append(row.get(name))
    parsed.records = pl.DataFrame([pl.Series(name, rows[name], dtype=dtype) for name, dtype in SCHEMA.items()])
    return parsed


def _row(said: dict[str, Any], parsed: Parsed) -> dict[str, object] | None:
    """Return the record of an object; None for a row of a compact transcript."""
    unknown: list[str] = []
    row = None
    if "session_id" in said and "checkpoint_id" in said:
        row = session_row(said, unknown)
    elif "checkpoint_id" in said:
        row = checkpoint_row(said, unknown)
    elif "commit" in said:
        row = exported_commits.commit_row(said, unknown)
    elif not _is_compact_row(said):
        raise LineError("form", "this is neither metadata of a checkpoint nor a commit that names one")
    parsed.unknown.update(unknown)
    return row

"""Commits that were exported as lines of JSON: id, parents, times with offsets, subject, numbers of each file.

Such a line tells of a commit what `git log` tells, without its committer and most of its message. It is a record of
the same commit as one out of the history, so that both are one event.
"""

import re
from typing import Any
from uuid import uuid5

import msgspec

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import key_of
from learning_pipeline.sources.families.git import FROM_EXPORT, NAMESPACE
from learning_pipeline.sources.git_values import mail_hash
from learning_pipeline.sources.json_lines import LineError, decode
from learning_pipeline.sources.trailers import Trailers, agent, checkpoint_of, model_of, trailers

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAIL = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_KNOWN = frozenset(
    (
        "commit",
        "parents",
        "author_time",
        "commit_time",
        "author",
        "subject",
        "files",
        "numstat_complete",
        "trailers",
        "checkpoint_ids",
        "co_authors",
        "repository",
        "branch",
    )
)
_encode = msgspec.json.Encoder(order="sorted").encode


def sniff(head: bytes) -> dict[str, Any] | None:
    """Return the first line of a file where it is such a commit."""
    first = head.lstrip().split(b"\n", 1)[0]
    if not first.startswith(b"{") or b'"commit_time"' not in first:
        return None
    try:
        said = decode(first)[0]
    except LineError:
        return None
    return said if {"commit", "parents", "commit_time", "files"} <= said.keys() else None


def commit_row(said: dict[str, Any], unknown: list[str]) -> dict[str, object]:
    """Return the record of an exported commit; add the names of unknown fields.

    Raises:
        LineError: a field is missing or is not what it should be.
    """
    unknown += [f"field:{name[:100]}" for name in said if name not in _KNOWN]
    commit = said.get("commit")
    if not isinstance(commit, str) or not _SHA.fullmatch(commit):
        raise LineError("missing_field", "the line names no commit", "commit", commit)
    try:
        committed = normal.timestamp(said.get("commit_time"), None)
        authored = normal.timestamp(said["author_time"], None) if said.get("author_time") else None
    except ValueError as error:
        raise LineError("type", f"commit_time: {error}", "occurred_at", said.get("commit_time")) from error
    parents = _texts(said, "parents")
    subject = said.get("subject")
    if subject is not None and not isinstance(subject, str):
        raise LineError("type", "subject is not a text", "subject", subject)
    told = _told(said)
    checkpoints = [found for value in _texts(said, "checkpoint_ids") if (found := checkpoint_of(value))]
    checkpoints = sorted({*checkpoints, *told.checkpoints})
    facts = {
        "authored_at": authored.isoformat() if authored is not None and authored != committed else None,
        "checkpoint": checkpoints[0] if checkpoints else None,
        "checkpoints": checkpoints if len(checkpoints) > 1 else None,
        "co_authored_model": told.model,
        "commit": commit if len(commit) != 40 else None,
        "exported": True,
    }
    is_merge = len(parents) > 1
    is_revert = told.reverts is not None or (subject or "").startswith('Revert "')
    mail = _MAIL.search(said["author"]) if isinstance(said.get("author"), str) else None
    return {
        "record_key": key_of("exported_commit", _encode(said).decode()),
        "group_key": commit,
        "day": committed.date(),
        "rank": FROM_EXPORT,
        "event_id": str(uuid5(NAMESPACE, f"commit\x1f{commit}")),
        "event_type": "revert" if is_revert else "merge" if is_merge else "commit",
        "repository": _optional(said, "repository"),
        "branch": _optional(said, "branch"),
        "commit": commit if len(commit) == 40 else None,
        "parents": parents,
        "author_hash": mail_hash(mail[0].encode()) if mail else None,
        "occurred_at": committed,
        "subject": (subject or "").strip() or None,
        **_changes(said, is_merge),
        "is_merge": is_merge,
        "reverts_commit": told.reverts if told.reverts is not None and len(told.reverts) == 40 else None,
        "co_authored_agent": told.agent,
        "session_id": told.session_id,
        "facts": _encode({name: value for name, value in facts.items() if value is not None}).decode(),
    }


def _told(said: dict[str, Any]) -> Trailers:
    told = trailers("\n".join(_texts(said, "trailers")))
    if told.agent is None:
        for name in _texts(said, "co_authors"):
            if (found := agent(name)) is not None:
                return told._replace(agent=found, model=model_of(name))
    return told


def _optional(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _texts(said: dict[str, Any], name: str) -> list[str]:
    value = said.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LineError("type", f"{name} is not a list of texts", name, value)
    return value


def _changes(said: dict[str, Any], is_merge: bool) -> dict[str, int | None]:
    """Count files and lines; null where the export left some out, and of a merge as in the history."""
    files = said.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise LineError("type", "files is not a list of objects", "files", files)
    if is_merge or said.get("numstat_complete") is False:
        return {"files_changed": None, "lines_added": None, "lines_removed": None}
    try:
        # A binary file has no lines.
        added = sum(normal.integer(file["added"]) for file in files if file.get("added") is not None)
        removed = sum(normal.integer(file["deleted"]) for file in files if file.get("deleted") is not None)
    except ValueError as error:
        raise LineError("range", f"the lines of a file: {error}", "files") from error
    return {"files_changed": len(files), "lines_added": added, "lines_removed": removed}

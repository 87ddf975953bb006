"""The metadata of a checkpoint, and of a session in it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid5

import msgspec

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import key_of
from learning_pipeline.sources.families.git import FROM_NOTE, NAMESPACE, UNDATED
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.trailers import checkpoint_of, session

_ATTRIBUTION = (
    "agent_lines",
    "agent_removed",
    "human_added",
    "human_modified",
    "human_removed",
    "total_committed",
    "total_lines_changed",
    "metric_version",
)
_TOKENS = ("input_tokens", "cache_creation_tokens", "cache_read_tokens", "output_tokens", "api_call_count")
_TEXTS = ("strategy", "model", "cli_version", "turn_id", "migration_source_commit")
_COUNTS = (
    "checkpoints_count",
    "save_step_count",
    "steps_count",
    "transcript_lines_at_start",
    "checkpoint_transcript_start",
    "compact_transcript_start",
)
# Known, and not kept: paths, words of a model about the session, and what the transcript itself tells better.
_PASSED_OVER = (
    "transcript_path",
    "transcript_identifier_at_start",
    "transcript_uuid_at_start",
    "summary",
    "skill_events",
    "prompt_attributions",
    "agents",
)
_KNOWN = frozenset(
    (
        "checkpoint_id",
        "session_id",
        "created_at",
        "agent",
        "branch",
        "files_touched",
        "sessions",
        "session_metrics",
        "token_usage",
        "initial_attribution",
        "combined_attribution",
    )
).union(_PASSED_OVER, _TEXTS, _COUNTS)
_encode = msgspec.json.Encoder(order="sorted").encode


def session_row(said: dict[str, Any], unknown: list[str]) -> dict[str, object]:
    """Return the record of a session in a checkpoint; add the names of unknown fields.

    Raises:
        LineError: an id or the time is missing, or a field is not what it should be.
    """
    name = _text(said, "session_id")
    told = session(name) if name is not None else None
    if told is None:
        raise LineError("missing_field", "the session has no id", "session_id", name)
    at = _time(said, "created_at")
    if at is None:
        raise LineError("missing_field", "the session has no time", "occurred_at")
    metrics = said.get("session_metrics")
    facts: dict[str, object] = {
        "entry": "session",
        "reported_agent": _text(said, "agent"),
        "turns": _count(metrics, "turn_count") if isinstance(metrics, dict) else None,
    }
    return _row(said, unknown, facts, "initial_attribution", ("session", told, at.isoformat()), at, told)


def checkpoint_row(said: dict[str, Any], unknown: list[str]) -> dict[str, object]:
    """Return the record of a checkpoint as a whole; it has no time of its own, that of its sessions stands for it.

    Raises:
        LineError: its id is missing, or a field is not what it should be.
    """
    sessions = said.get("sessions")
    facts: dict[str, object] = {
        "entry": "checkpoint",
        "sessions": len(sessions) if isinstance(sessions, list) else None,
    }
    return _row(said, unknown, facts, "combined_attribution", ("checkpoint",), None, None)


def _row(
    said: dict[str, Any],
    unknown: list[str],
    facts: dict[str, object],
    attribution: str,
    identity: Iterable[str],
    at: datetime | None,
    session_id: str | None,
) -> dict[str, object]:
    unknown += [f"field:{name[:100]}" for name in said if name not in _KNOWN]
    named = _text(said, "checkpoint_id")
    checkpoint = checkpoint_of(named) if named is not None else None
    if checkpoint is None:
        raise LineError("missing_field", "the metadata names no checkpoint", "checkpoint_id", named)
    files = said.get("files_touched")
    if files is not None and not (isinstance(files, list) and all(isinstance(name, str) for name in files)):
        raise LineError("type", "files_touched is not a list of paths", "files_touched")
    facts = {
        "note": "entire",
        "checkpoint": checkpoint,
        **facts,
        **{name: _text(said, name) for name in _TEXTS},
        **{name: _count(said, name) for name in _COUNTS},
        **_attribution(said.get(attribution)),
        "files": len(files) if files is not None else None,
        "token_usage": _tokens(said.get("token_usage")),
    }
    facts["model"] = normal.model(facts["model"])
    told = _encode({name: value for name, value in facts.items() if value is not None}).decode()
    words = _encode({"files_touched": sorted(files)}).decode() if files else None
    event = str(uuid5(NAMESPACE, "\x1f".join(("checkpoint", checkpoint, *identity))))
    branch = _text(said, "branch")
    return {
        "record_key": key_of("entire_checkpoints", event, told, words, branch),
        "group_key": f"checkpoint:{checkpoint}",
        "day": at.date() if at is not None else UNDATED,
        "rank": FROM_NOTE,
        "event_id": event,
        "event_type": "note",
        "branch": branch,
        "occurred_at": at,
        "session_id": session_id,
        "facts": told,
        "attributes": words,
    }


def _attribution(value: Any) -> dict[str, object]:
    """Return how many lines agent and people changed, as numbers."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LineError("type", "the attribution is not an object", "attribution", value)
    found: dict[str, object] = {name: _count(value, name) for name in _ATTRIBUTION}
    share = value.get("agent_percentage")
    if share is not None:
        try:
            found["agent_percentage"] = normal.number(share, least=0, most=100)
        except ValueError as error:
            raise LineError("range", f"agent_percentage: {error}", "agent_percentage", share) from error
    return found


def _tokens(value: Any) -> dict[str, int] | None:
    """Return the tokens as the metadata tells them; calls and costs are made from transcripts alone."""
    if not isinstance(value, dict):
        return None
    return {name: count for name in _TOKENS if (count := _count(value, name)) is not None} or None


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise LineError("type", f"{name} is not a text", name, value)
    return (value or "").strip() or None


def _count(said: dict[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    try:
        return normal.integer(value, least=0)
    except ValueError as error:
        raise LineError("range", f"{name}: {error}", name, value) from error


def _time(said: dict[str, Any], name: str) -> datetime | None:
    value = said.get(name)
    if value is None:
        return None
    try:
        return normal.timestamp(value, None)
    except ValueError as error:
        raise LineError("type", f"{name}: {error}", "occurred_at", value) from error

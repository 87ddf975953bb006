"""Feedback logs: what somebody thought of a piece of work, one JSON object a judgement."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from learning_pipeline.contracts.vocabulary import FEEDBACK_TYPES, ISSUE_TYPES
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.events import Row, derived_id, first_objects, parse_events, required
from learning_pipeline.sources.in_house.names import Names
from learning_pipeline.sources.in_house.read import Said
from learning_pipeline.sources.json_lines import LineError
from learning_pipeline.sources.normal import number

KIND = "feedback"
FAMILY = "feedback"
MODE = "append"
LINES_APART = True

_ABOUT = ("execution_id", "correlation_id", "session_id")
_SAYS = ("feedback_type", "rating", "expected_agent", "issue_type", "comment")

_NAMES = Names(
    (
        ("feedback_id", values.label, ("feedback_id",), ("id",)),
        ("execution_id", values.label, ("execution_id", "task_id"), ("run_id",)),
        ("correlation_id", values.label, ("correlation_id",), ("trace_id",)),
        ("session_id", values.label, ("session_id",), ()),
        ("given_at", values.time, ("given_at", "timestamp"), ("created_at", "submitted_at")),
        ("expected_agent", values.label, ("expected_agent",), ("correct_agent",)),
        ("comment", values.text, ("comment",), ("comments", "feedback_text", "text")),
        ("author_hash", values.user_hash, ("author_hash", "user_hash"), ("user_id", "user", "author")),
        ("visibility", values.label, ("visibility",), ()),
    ),
    together=("feedback_type", "rating", "rating_scale", "satisfaction", "issue_type"),
)

# Other words for a mark on the scale from 1 to 5.
_MARKS = {"excellent": 5.0, "good": 4.0, "fair": 2.0, "poor": 1.0}
# Other words for a kind of feedback.
_TYPES = {name: name for name in FEEDBACK_TYPES} | {
    "thumbs_up": "positive",
    "like": "positive",
    "praise": "positive",
    "accepted": "positive",
    "helpful": "positive",
    "thumbs_down": "negative",
    "dislike": "negative",
    "complaint": "negative",
    "rejected": "negative",
    "not_helpful": "negative",
    "explicit_rating": "rating",
    "score": "rating",
    "satisfaction": "rating",
    "routing_correction": "correction",
    "corrected": "correction",
    "improvement": "suggestion",
    "feature_request": "suggestion",
}
_SCALE = re.compile(r"\s*(?:(-?\d+(?:\.\d+)?)\s*(?:-|to|\.\.|/)\s*)?(\d+(?:\.\d+)?)\s*")
# A scale of which only the most is told begins at 1 up to here, and at 0 above.
_COUNTED_FROM_ONE = 10


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is a judgement."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: Row) -> bool:
    """Say whether a line says of what kind, or how good, on what, and is no run of an agent."""
    names = {_NAMES.plain_name(name) for name in line}
    about = bool(names & {*_ABOUT, "task_id"})
    judges = bool(names & {"feedback_type", "feedback_id", "satisfaction"}) or {"rating", "given_at"} <= names
    return about and judges and not names & {"agent_name", "event_type", "started_at", "target_agent"}


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `feedback`."""
    return parse_events(KIND, FLAT[FAMILY], _NAMES, lambda said: _row(said, options), lines, options)


def _row(said: Said, options: Options) -> Row:
    row, together, attributes = said.columns, said.together, said.attributes
    required(row, "given_at")
    if all(row.get(name) is None for name in _ABOUT):
        raise LineError("missing_field", "the line names no execution, request or session", "execution_id")
    row["rating"] = _rating(together, options)
    row["issue_type"] = _issue(together.get("issue_type"), attributes)
    row["feedback_type"] = _type(together.get("feedback_type"), row)
    if all(row.get(name) is None for name in _SAYS):
        raise LineError("missing_field", "the line says nothing of the work", "feedback_type")
    row["at"] = row["given_at"]
    if row.get("feedback_id") is None:
        comment = hashlib.sha256((row.get("comment") or "").encode("utf-8", "replace")).hexdigest()
        parts = (row.get(name) for name in (*_ABOUT, "feedback_type", "rating", "expected_agent", "issue_type"))
        row["feedback_id"] = derived_id(KIND, row["given_at"].isoformat(), *parts, row.get("author_hash"), comment)
    return row


def _rating(together: Row, options: Options) -> float | None:
    """Return the mark on the scale from 1 to 5: a number on the line's or the configured scale, or a word.

    Raises:
        LineError: it is on no scale, or mark and satisfaction disagree.
    """
    found = []
    for name in ("rating", "satisfaction"):
        value = together.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        word = value.strip().lower() if isinstance(value, str) else None
        if word in _MARKS:
            found.append(_MARKS[word])
            continue
        scale = _scale(together.get("rating_scale")) or options.scales.get(name, values.FIVE)
        try:
            found.append(values.on_five(value, scale))
        except ValueError as error:
            check = "type" if "is not a number" in str(error) else "range"
            raise LineError(check, f"{name}: {error}", "rating", value) from error
    if len(set(found)) > 1:
        raise LineError("alias_conflict", "rating and satisfaction disagree", "rating", f"{found[0]} {found[1]}")
    return found[0] if found else None


def _scale(value: Any) -> tuple[float, float] | None:
    """Return least and most of a scale: `10`, `"1-10"`, `[0, 100]` or `{"min": 1, "max": 10}`.

    Raises:
        LineError: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        value = [value.get("min"), value.get("max")]
    try:
        if isinstance(value, list):
            least, most = (number(part) for part in value)
        else:
            match = _SCALE.fullmatch(str(value))
            if match is None:
                raise ValueError("it is no scale")
            most = float(match[2])
            least = float(match[1]) if match[1] is not None else (1.0 if most <= _COUNTED_FROM_ONE else 0.0)
        if least >= most:
            raise ValueError("it ends before it begins")
    except ValueError as error:
        raise LineError("range", f"rating_scale: {error}", "rating_scale", value) from error
    return least, most


def _word(value: Any) -> str:
    return re.sub(r"[\s-]+", "_", str(value).strip().lower())


def _issue(value: Any, attributes: Row) -> str | None:
    """Return what was wrong; a word that the list does not have is `other`, and kept."""
    if value is None or not _word(value):
        return None
    if _word(value) in ISSUE_TYPES:
        return _word(value)
    attributes["reported_issue_type"] = value
    return "other"


def _type(value: Any, row: Row) -> str | None:
    """Return the kind of feedback; where no word says, a mark is a rating, and an expected agent a correction.

    Raises:
        LineError: the word names no kind of feedback.
    """
    if value is not None and _word(value):
        found = _TYPES.get(_word(value))
        if found is None:
            raise LineError(
                "unknown_kind", f"feedback of type {str(value)[:100]!r} is not known", "feedback_type", value
            )
        return found
    if row.get("expected_agent") is not None:
        return "correction"
    return "rating" if row.get("rating") is not None else None

"""Routing logs: which agent or model was chosen for a request, one JSON object a line."""

import hashlib
from collections.abc import Iterable
from typing import Any

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.events import (
    Row,
    derived_id,
    first_objects,
    json_text,
    parse_events,
    required,
)
from learning_pipeline.sources.in_house.names import Names
from learning_pipeline.sources.in_house.read import Said
from learning_pipeline.sources.json_lines import LineError

KIND = "routing_log"
FAMILY = "routing_decisions"
MODE = "append"
LINES_APART = True

_COMPONENTS = ("trigger", "context", "capability", "historical")
_COMPONENT_NAMES = {f"{part}_confidence": (part, f"{part}_confidence", f"{part}_score") for part in _COMPONENTS}
_EVENT_NAMES = ("event", "event_type", "metric_type")

_NAMES = Names(
    (
        ("decision_id", values.label, ("decision_id",), ("routing_id", "id")),
        ("correlation_id", values.label, ("correlation_id",), ("trace_id",)),
        ("session_id", values.label, ("session_id",), ()),
        ("execution_id", values.label, ("execution_id", "task_id"), ()),
        ("decided_at", values.time, ("decided_at", "timestamp", "measured_at"), ("created_at",)),
        ("request_text", values.text, ("user_request", "request_text", "query_text"), ()),
        ("request_hash", values.label, ("request_hash", "query_hash"), ()),
        ("selected_agent", values.label, ("selected_agent",), ("agent_name", "agent")),
        ("selected_model", values.model, ("selected_model",), ("model", "intended_surface")),
        ("model_tier", values.tier, ("model_tier",), ()),
        ("strategy", values.label, ("routing_strategy", "selection_strategy", "strategy"), ()),
        ("confidence", values.share, ("confidence_score", "confidence", "routing_confidence"), ()),
        *((f"{part}_confidence", values.share, (f"{part}_confidence",), ()) for part in _COMPONENTS),
        ("propensity", values.share, ("propensity",), ()),
        ("candidates_count", values.count, ("candidates_count",), ()),
        ("cache_hit", values.flag, ("cache_hit",), ()),
        ("cache_age_ms", values.duration, ("cache_age_*",), ()),
        ("fallback", values.flag, ("fallback", "fallback_used", "is_fallback"), ()),
        ("fallback_reason", values.text, ("fallback_reason", "reroute_reason"), ()),
        ("routing_us", values.microseconds, ("routing_time_*", "total_routing_time_*", "routing_*"), ()),
        ("cache_lookup_us", values.microseconds, ("cache_lookup_*", "cache_lookup_time_*"), ()),
        ("trigger_matching_us", values.microseconds, ("trigger_matching_*", "trigger_matching_time_*"), ()),
        ("scoring_us", values.microseconds, ("confidence_scoring_*", "scoring_*", "confidence_scoring_time_*"), ()),
        ("validated_at", values.time, ("validated_at",), ()),
        ("validated_by", values.label, ("validation_source", "validated_by"), ()),
        ("actual_success", values.flag, ("actual_success",), ()),
        ("actual_quality", values.share, ("actual_quality_score", "actual_quality"), ()),
        ("expected_agent", values.label, ("expected_agent",), ()),
    ),
    together=(*_EVENT_NAMES, "confidence_components", "alternatives", "intended_surface", "executed_surface"),
)

# What a metric's or event's name says of the cache; others are only told apart from what is no routing at all.
_CACHE = {"cache_hit": True, "cache_miss": False}
_ROUTING_WORDS = ("rout", "decision", "decide", "select", "cache", "confidence", "valid")

# Fields that only such logs have.
_OWN = frozenset(
    ("decision_id", "decided_at", "routing_strategy", "selection_strategy", "confidence_components", "alternatives",
     "trigger_confidence", "intended_surface", "propensity", "cache_hit", "metric_type", "reroute_reason")
)  # fmt: skip
_CHOICE = frozenset(("selected_agent", "selected_model", "model_tier", "intended_surface"))
_FOREIGN = frozenset(("target_agent", "feedback_type", "rating", "duration_seconds", "status", "sessionId"))


def sniff(head: bytes) -> bool:
    """Say whether one of the first lines is of a router."""
    return any(map(_is_own, first_objects(head)))


def _is_own(line: Row) -> bool:
    """Say whether a line names what was chosen, and something that only a router tells of, or is a verdict on that."""
    names = {_NAMES.plain_name(name) for name in line}
    timings = any(name.startswith(("routing_time_", "total_routing_time_")) for name in names)
    if {"decision_id", "validated_at"} <= names or (str(line.get("metric_type")) in _CACHE and "measured_at" in names):
        return True
    return bool(names & _CHOICE) and (timings or bool(names & _OWN)) and not names & _FOREIGN


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read lines into records of the family `routing_decisions`."""
    return parse_events(KIND, FLAT[FAMILY], _NAMES, lambda said: _row(said, options), lines, options)


def _row(said: Said, options: Options) -> Row:
    row, together, attributes = said.columns, said.together, said.attributes
    metric = _event(row, together, attributes)
    _surfaces(row, together, attributes)
    _components(row, together, options)
    _alternatives(row, together)
    _validated(row, attributes)
    text = row.get("request_text")
    if text is not None and row.get("request_hash") is None:
        row["request_hash"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    chosen = _first_told(row, ("selected_agent", "selected_model", "model_tier")) is not None
    if row.get("decision_id") is not None and row.get("validated_at") is not None:
        # A later line that says how a decision turned out; the decision itself is told by another.
        row["at"] = row["validated_at"]
    else:
        required(row, "decided_at")
        if not chosen and not metric:
            raise LineError("missing_field", "the line names neither an agent nor a model", "selected_agent")
    if row.get("decision_id") is None:
        names = ("decided_at", "selected_agent", "selected_model", "model_tier", "request_hash", "correlation_id")
        parts = (row.get(name) for name in (*names, "session_id", "cache_hit" if metric else "execution_id"))
        row["decision_id"] = derived_id(KIND, *parts)
    if row.get("model_tier") is None:
        row["model_tier"] = normal.model_tier(row.get("selected_model"))
    return row


def _event(row: Row, together: Row, attributes: Row) -> bool:
    """Read what kind of line it is; say whether it is a metric of the cache.

    Raises:
        LineError: it is none of a router.
    """
    for name in _EVENT_NAMES:
        word = together.get(name)
        if word is None:
            continue
        plain = str(word).strip().lower()
        if not any(part in plain for part in _ROUTING_WORDS):
            raise LineError("unknown_kind", f"{name} {str(word)[:100]!r} is none of a router's", name, word)
        attributes[name] = word
        if plain in _CACHE:
            if row.setdefault("cache_hit", _CACHE[plain]) != _CACHE[plain]:
                raise LineError("alias_conflict", f"{name} and cache_hit disagree", "cache_hit", word)
            return True
    return False


def _surfaces(row: Row, together: Row, attributes: Row) -> None:
    """Read where the work was meant to run, and where it ran: two places are a fallback."""
    intended, executed = together.get("intended_surface"), together.get("executed_surface")
    if intended is not None:
        attributes["intended_surface"] = intended
    if executed is not None:
        attributes["executed_surface"] = executed
    if isinstance(intended, str) and row.get("selected_model") is None:
        row["selected_model"] = normal.model(intended)
    if intended is not None and executed is not None:
        row.setdefault("fallback", intended != executed)
    elif row.get("fallback_reason") is not None:
        row.setdefault("fallback", True)


def _components(row: Row, together: Row, options: Options) -> None:
    """Read the four parts of a confidence out of one object.

    Raises:
        LineError: a part is no share, or disagrees with the field of its name.
    """
    parts = together.get("confidence_components")
    if parts is None:
        return
    if not isinstance(parts, dict):
        raise LineError("type", "confidence_components is not an object", "confidence_components", parts)
    for column, names in _COMPONENT_NAMES.items():
        value = _first_told(parts, names)
        if value is None:
            continue
        found = _share(column, value, options)
        if row.setdefault(column, found) != found:
            raise LineError("alias_conflict", f"{column} is given twice and differs", column, value)


def _first_told(parts: Row, names: Iterable[str], *, unless_empty: bool = False) -> Any:
    """Return the first that is told of some names; with `unless_empty`, what is empty counts as not told."""
    for name in names:
        value = parts.get(name)
        if value or (value is not None and not unless_empty):
            return value
    return None


def _share(column: str, value: Any, options: Options) -> float:
    try:
        return values.share(column, value, options)
    except ValueError as error:
        raise LineError("range", f"{column}: {error}", column, value) from error


def _alternatives(row: Row, together: Row) -> None:
    """Read the candidates that were not chosen: names, or objects of agent, confidence and reason.

    Raises:
        LineError: it is no list of those.
    """
    given = together.get("alternatives")
    if given is None:
        return
    if not isinstance(given, list):
        raise LineError("type", "alternatives is not a list", "alternatives", given)
    found = []
    for item in given:
        parts = item if isinstance(item, dict) else {"agent": item}
        name = _first_told(parts, ("agent", "agent_name", "name", "model"), unless_empty=True)
        score = _first_told(parts, ("confidence", "confidence_score", "score"))
        if not isinstance(name, str):
            raise LineError("type", "an alternative has no name", "alternatives", item)
        confidence = None if score is None else _share("alternatives", score, Options())
        found.append({"agent": name.strip(), "confidence": confidence, "reason": parts.get("reason")})
    row["alternatives"] = json_text(found)
    chosen = row.get("selected_agent") or row.get("selected_model")
    row.setdefault("candidates_count", len({item["agent"] for item in found} | ({chosen} if chosen else set())))


def _validated(row: Row, attributes: Row) -> None:
    """Keep an outcome only where somebody checked it: else it may be the router's own confidence."""
    source = row.pop("validated_by", None)
    if source is not None:
        attributes["validated_by"] = source
    if source is None and row.get("validated_at") is None:
        for name in ("actual_success", "actual_quality"):
            if name in row:
                attributes[f"unvalidated_{name}"] = row.pop(name)

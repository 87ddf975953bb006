"""Makes text such that PostgreSQL takes it, without losing what can be kept."""

import hashlib
import json
import re

import msgspec
import polars as pl

from learning_pipeline.publish.schema import JSON_COLUMNS

# Columns of names and ids: PostgreSQL indexes them, and an entry of an index must be short.
NAMES = frozenset(
    {
        "agent_name", "branch", "category", "correlation_id", "decision_id", "definition_hash", "entity_id",
        "entity_type", "error_type", "event_id", "execution_id", "feature_name", "metric", "metric_name", "model",
        "model_name", "model_version", "parent_execution_id", "prediction_id", "repository", "router_version", "rule",
        "selected_agent", "session_id", "source_agent", "strategy", "subject", "target_agent", "task_type",
        "workflow_id",
    }
)  # fmt: skip
_NAME_LIMIT = 300
_NUL, _REPLACEMENT = "\x00", "\ufffd"

# What JSON may say and jsonb does not take: NUL, halves of surrogate pairs, numbers beyond all measure.
_NOT_FOR_JSONB = re.compile(r"\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}|\d[eE][+-]?\d{3}|\d{1000}")
_DEPTH_LIMIT = 200


def clean(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame as PostgreSQL takes it: no NUL, names and elements of lists short, JSON that is JSON."""
    cleaned = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if name in JSON_COLUMNS and dtype == pl.String:
            cleaned.append(column.map_elements(jsonb, pl.String))
        elif name in NAMES and dtype == pl.String:
            cleaned.append(_short(column).alias(name))
        elif dtype == pl.String:
            cleaned.append(column.str.replace_all(_NUL, _REPLACEMENT, literal=True))
        elif dtype == pl.List(pl.String):
            plain = pl.element().str.replace_all(_NUL, _REPLACEMENT, literal=True)
            cleaned.append(column.list.eval(_short(plain)))
    return frame.with_columns(cleaned)


def _short(column: pl.Expr) -> pl.Expr:
    odd = column.str.contains(_NUL, literal=True) | (column.str.len_chars() > _NAME_LIMIT)
    # Only the odd ones pass through Python; they are few, if any.
    return pl.when(odd).then(column).map_elements(plain_name, pl.String).fill_null(column)


def plain_name(name: str) -> str:
    """Return a name without NUL and of limited length; different names stay different."""
    if _NUL not in name and len(name) <= _NAME_LIMIT:
        return name
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{name[: _NAME_LIMIT - 20].replace(_NUL, _REPLACEMENT)}~{digest}"


def jsonb(text: str) -> str:
    """Return JSON that PostgreSQL takes; what it would not take is kept as one JSON string."""
    try:
        decoded = msgspec.json.decode(text)
        if not _NOT_FOR_JSONB.search(text) and text.count("{") + text.count("[") < _DEPTH_LIMIT:
            return text
        if not _NOT_FOR_JSONB.search(text) and _depth(decoded) < _DEPTH_LIMIT:
            return text
    except (msgspec.DecodeError, RecursionError):
        pass
    return json.dumps(text.replace(_NUL, _REPLACEMENT))


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth

"""What is published: the facts and the router's words in a form that PostgreSQL takes, in parts with digests.

A part is a day of executions with the embeddings of their tasks, or the recommendations. Only parts whose
digest differs from the published one are loaded; the digests together make the publish id.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import msgspec
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.lake.store import content_digest
from learning_pipeline.publish.schema import DIMENSIONS

RECOMMENDATIONS = "recommendations"

# Raised when the same input is published in another form.
FORM = 1
_NAMESPACE = uuid.UUID("6f9b1c1e-3f0e-5d55-9a38-2f2a1d0c7e41")

# Columns of names and ids: PostgreSQL indexes them, and an entry of an index must be short.
_NAMES = (
    "execution_id", "parent_execution_id", "session_id", "correlation_id", "workflow_id", "agent_name", "model",
    "task_type", "repository", "branch", "error_type", "router_version",
)  # fmt: skip
_NAME_LIMIT = 300
_NUL, _REPLACEMENT = "\x00", "\ufffd"

# What JSON may say and jsonb does not take: NUL, halves of surrogate pairs, numbers beyond all measure.
_NOT_FOR_JSONB = re.compile(r"\\u0000|\\u[dD][89abAB][0-9a-fA-F]{2}|\d[eE][+-]?\d{3}|\d{1000}")
_DEPTH_LIMIT = 200

Embedding = pl.Array(pl.Float32, DIMENSIONS)


@dataclass(frozen=True)
class Content:
    """One version of everything that is published."""

    executions: pl.DataFrame  # fct_executions, sorted by execution_id; texts as PostgreSQL takes them
    embeddings: pl.DataFrame  # execution_id, task_embedding; sorted by execution_id
    recommendations: pl.DataFrame  # contract RoutingRecommendations
    embedding_version: str | None
    code_version: str

    @cached_property
    def parts(self) -> dict[str, str]:
        """Return the digest of each part, by its name."""
        vectors = self.executions.select("day", "execution_id").join(
            self.embeddings, on="execution_id", how="inner", maintain_order="left"
        )
        vector_days = vectors.partition_by("day", as_dict=True, include_key=False)
        version = f"{FORM}:{self.embedding_version or ''}"
        parts = {}
        for (day,), rows in self.executions.partition_by("day", as_dict=True).items():
            assert isinstance(day, date)
            found = vector_days.get((day,))
            vector_digest = "" if found is None else f"{version}:{_vectors_digest(found)}"
            parts[day.isoformat()] = _hash(str(FORM), content_digest(rows), vector_digest)
        if self.recommendations.height:
            parts[RECOMMENDATIONS] = _hash(str(FORM), content_digest(self.recommendations))
        return parts

    @cached_property
    def digest(self) -> str:
        """Return the digest of all parts, and of what wrote them."""
        return _hash(self.code_version, *(f"{name}={digest}" for name, digest in sorted(self.parts.items())))

    @property
    def publish_id(self) -> uuid.UUID:
        """Return the id that follows from the content: the same data have the same one."""
        return uuid.uuid5(_NAMESPACE, self.digest)

    @property
    def router_version(self) -> str | None:
        versions = self.recommendations["router_version"]
        return str(versions[0]) if len(versions) else None

    def days(self) -> tuple[date | None, date | None]:
        """Return the first and the last day with an execution."""
        days = self.executions["day"]
        first, last = days.min(), days.max()
        assert first is None or isinstance(first, date)
        assert last is None or isinstance(last, date)
        return first, last

    def of_parts(self, names: set[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the executions of these days, and their embeddings."""
        days = [date.fromisoformat(name) for name in names if name != RECOMMENDATIONS]
        executions = self.executions.filter(pl.col("day").is_in(days))
        return executions, self.embeddings.join(executions.select("execution_id"), on="execution_id", how="semi")


def content(
    executions: pl.DataFrame,
    embeddings: tuple[str, pl.DataFrame] | None,
    recommendations: pl.DataFrame | None,
    *,
    code_version: str,
) -> Content:
    """Put the facts and the router's words together, as PostgreSQL takes them.

    An embedding that is no direction (all zeros, or not finite) is as good as none.
    """
    version, vectors = embeddings or (
        None,
        pl.DataFrame(schema={"execution_id": pl.String, "task_embedding": Embedding}),
    )
    vector = pl.col("task_embedding").cast(Embedding)
    vectors = vectors.select("execution_id", vector).filter(
        pl.col("task_embedding").is_not_null()
        & vector.arr.to_list().list.eval(pl.element().is_finite()).list.all()
        & vector.arr.to_list().list.eval(pl.element() != 0).list.any()
    )
    if recommendations is None:
        recommendations = pl.DataFrame(schema=polars_schema(RoutingRecommendations))
    return Content(
        executions=_clean(executions).with_columns(_jsonb("attributes")).sort("execution_id"),
        embeddings=_clean(vectors).sort("execution_id"),
        recommendations=_clean(recommendations).sort("task_type", "repository", "rank", nulls_last=False),
        embedding_version=version if vectors.height else None,
        code_version=code_version,
    )


def _clean(frame: pl.DataFrame) -> pl.DataFrame:
    """Make all text such that PostgreSQL takes it: no NUL, and names short enough for an index."""
    cleaned = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if name in _NAMES and dtype == pl.String:
            odd = column.str.contains(_NUL, literal=True) | (column.str.len_chars() > _NAME_LIMIT)
            # Only the odd ones pass through Python; they are few, if any.
            cleaned.append(pl.when(odd).then(column).map_elements(plain_name, pl.String).fill_null(column).alias(name))
        elif dtype == pl.String:
            cleaned.append(column.str.replace_all(_NUL, _REPLACEMENT, literal=True))
        elif dtype == pl.List(pl.String):
            cleaned.append(column.list.eval(pl.element().str.replace_all(_NUL, _REPLACEMENT, literal=True)))
    return frame.with_columns(cleaned)


def plain_name(name: str) -> str:
    """Return a name without NUL and of limited length; different names stay different."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{name[: _NAME_LIMIT - 20].replace(_NUL, _REPLACEMENT)}~{digest}"


def _jsonb(name: str) -> pl.Expr:
    return pl.col(name).map_elements(jsonb, pl.String)


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


def changed_parts(wanted: Mapping[str, str], published: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Return the parts to load, and those to remove."""
    load = {name for name, digest in wanted.items() if published.get(name) != digest}
    return load, set(published) - set(wanted)


def _vectors_digest(frame: pl.DataFrame) -> str:
    digest = hashlib.blake2b("\n".join(frame["execution_id"]).encode(), digest_size=16)
    digest.update(frame["task_embedding"].to_numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

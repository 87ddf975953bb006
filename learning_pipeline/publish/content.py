"""What is published: tables in parts with digests, read only when they are loaded.

A part is a day of a table, or a table that is loaded whole. Only parts whose digest differs from the published
one are read and loaded; the digests together make the publish id. A task's embedding follows from its text and
the embedding's version, so both together stand for it in the digest.
"""

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.lake.store import content_digest
from learning_pipeline.publish.clean import clean
from learning_pipeline.publish.schema import DIMENSIONS, EXECUTIONS, LOADED, TABLES

# Raised when the same input is published in another form.
FORM = 2
_NAMESPACE = uuid.UUID("6f9b1c1e-3f0e-5d55-9a38-2f2a1d0c7e41")
_BATCH_ROWS = 50_000

Embedding = pl.Array(pl.Float32, DIMENSIONS)
Part = tuple[str, date | None]


@dataclass(frozen=True)
class Piece:
    """One table: digest and number of rows of each of its days (of None, when it is whole), and how to read them."""

    digests: Mapping[date | None, str]
    rows: Mapping[date | None, int]
    read: Callable[[Collection[date]], pl.DataFrame]


@dataclass(frozen=True)
class Vectors:
    """Embeddings of tasks: their version, and how to make those of executions (execution_id, task_embedding)."""

    version: str
    of: Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Content:
    """One version of everything that is published. `events` are rows of the audit log, which only grows."""

    pieces: Mapping[str, Piece]
    vectors: Vectors | None
    code_version: str
    router_version: str | None = None
    events: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def embedding_version(self) -> str | None:
        return self.vectors.version if self.vectors else None

    def has_executions(self) -> bool:
        """Say whether there is an execution at all."""
        return EXECUTIONS in self.pieces and any(self.pieces[EXECUTIONS].rows.values())

    @cached_property
    def parts(self) -> dict[Part, str]:
        """Return the digest of each part that has rows."""
        return {
            (table, day): _hash(str(FORM), digest, (self.embedding_version or "") if table == EXECUTIONS else "")
            for table, piece in self.pieces.items()
            for day, digest in piece.digests.items()
            if piece.rows[day]
        }

    def kept(self, oldest: Mapping[str, date]) -> dict[Part, str]:
        """Return the parts that are not older than their table's oldest day."""
        return {
            (table, day): digest
            for (table, day), digest in self.parts.items()
            if day is None or table not in oldest or day >= oldest[table]
        }

    def publish_id(self, parts: Mapping[Part, str]) -> uuid.UUID:
        """Return the id that follows from the content: the same data have the same one."""
        return uuid.uuid5(_NAMESPACE, self.digest(parts))

    def digest(self, parts: Mapping[Part, str]) -> str:
        """Return the digest of all parts, and of what wrote them."""
        return _hash(
            self.code_version, *sorted(f"{table}/{day or ''}={digest}" for (table, day), digest in parts.items())
        )

    def batches(self, table: str, days: Collection[date | None]) -> Iterator[pl.DataFrame]:
        """Read days of a table as PostgreSQL takes them, so many at once that memory stays bounded."""
        piece = self.pieces[table]
        batch: list[date] = []
        rows = 0
        for day in sorted(days, key=str):
            if day is not None:
                batch.append(day)
            rows += piece.rows[day]
            if rows >= _BATCH_ROWS:
                yield clean(piece.read(batch))
                batch, rows = [], 0
        if rows:
            yield clean(piece.read(batch))

    def embeddings(self, executions: pl.DataFrame) -> pl.DataFrame:
        """Return the embeddings of these executions; what is no direction is as good as none."""
        if self.vectors is None:
            return pl.DataFrame(schema={"execution_id": pl.String, "task_embedding": Embedding})
        vectors = self.vectors.of(executions).select("execution_id", pl.col("task_embedding").cast(Embedding))
        as_list = pl.col("task_embedding").arr.to_list().list
        return clean(
            vectors.filter(
                pl.col("task_embedding").is_not_null()
                & as_list.eval(pl.element().is_finite()).list.all()
                & as_list.eval(pl.element() != 0).list.any()
            )
        )


def piece_of(table: str, frame: pl.DataFrame) -> Piece:
    """Return a table that is in memory, as a piece; its rows' order does not matter."""
    names = list(polars_schema(TABLES[table]))
    frame = frame.select(names).sort([name for name in names if frame.schema[name] != pl.Object])
    if not LOADED[table].by_day:
        return Piece({None: content_digest(frame)}, {None: frame.height}, lambda days: frame)
    days: dict[date | None, pl.DataFrame] = {
        day: rows for (day,), rows in frame.partition_by("day", as_dict=True).items() if isinstance(day, date)
    }
    return Piece(
        {day: content_digest(rows) for day, rows in days.items()},
        {day: rows.height for day, rows in days.items()},
        lambda wanted: frame.filter(pl.col("day").is_in(list(wanted))),
    )


def changed_parts(wanted: Mapping[Part, str], published: Mapping[Part, str]) -> tuple[set[Part], set[Part]]:
    """Return the parts to load, and those to remove."""
    load = {part for part, digest in wanted.items() if published.get(part) != digest}
    return load, set(published) - set(wanted)


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

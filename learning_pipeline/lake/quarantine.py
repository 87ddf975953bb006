"""Keeps what could not be read, with file, line and reason, and notices when it is mended."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid5

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import Quarantine
from learning_pipeline.lake.store import Lake

_DIGEST = "sha256:"
_NAMESPACE = UUID("b7b0a9d4-5a3c-5f4e-8b6f-0d6e3f3b9c11")


@dataclass(frozen=True, slots=True)
class Rejected:
    """One rejected line of one file."""

    source: str
    source_file: str
    source_line: int
    byte_offset: int | None
    reason: str
    check: str
    column: str | None
    value: str | None
    raw: str | None
    host: str

    @property
    def reject_id(self) -> str:
        """The same line rejected for the same rule is the same reject, whenever it is read."""
        parts = (self.host, self.source, self.source_file, self.source_line, self.check, self.raw)
        return str(uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts)))


def unresolved(lake: Lake) -> pl.DataFrame:
    """Return the rejects that stand."""
    return rejects(lake, resolved=False)


def rejects(lake: Lake, *, resolved: bool) -> pl.DataFrame:
    """Return the rejects that stand, and with `resolved` those that were read since, too."""
    rows = lake.read("quarantine")
    return (rows if resolved else rows.filter(pl.col("resolved_at").is_null())).collect()


def update(
    lake: Lake,
    rejected: Collection[Rejected],
    read: Collection[tuple[str, int]],
    settled: pl.DataFrame,
    host: str,
    now: datetime,
) -> int:
    """Add rejects, and resolve those that no longer stand.

    A line that could not be read is resolved when it was read again and is well, or gone from its file. A line
    whose row broke a contract (it has no offset) is resolved when its row was put together again and is well.

    Args:
        read: (file, first line) of what was read; unreadable lines of these files from there on are settled, also
            where the file was read as another kind before.
        settled: source, source_file, source_line of the lines whose rows were put together again.

    Returns:
        The number of rejects that are new.
    """
    schema = polars_schema(Quarantine)
    existing = lake.read("quarantine").collect()
    known = set(existing["reject_id"])
    rows = {}
    for reject in rejected:
        rows[reject.reject_id] = {
            **{name: getattr(reject, name) for name in Rejected.__slots__ if name in schema},
            "reject_id": reject.reject_id,
            "rejected_at": now,
            "resolved_at": None,
            "day": now.date(),
        }
    added = [row for reject_id, row in rows.items() if reject_id not in known]
    first = {"source_file": pl.String, "_first": pl.Int64}
    files = pl.DataFrame(list(read), schema=first, orient="row").group_by("source_file").agg(pl.col("_first").min())
    files = files.with_columns(pl.lit(host).alias("host"))
    standing = pl.Series("standing", list(rows), dtype=pl.String)
    unreadable = pl.col("byte_offset").is_not_null()
    is_settled = (unreadable & (pl.col("source_line") >= pl.col("_first"))) | (~unreadable & pl.col("_assembled"))
    checked = (
        existing.join(files, on=["source_file", "host"], how="left")
        .join(
            settled.with_columns(pl.lit(True).alias("_assembled"), pl.lit(host).alias("host")),
            on=["source", "source_file", "source_line", "host"],
            how="left",
        )
        .with_columns(
            pl.when(pl.col("reject_id").is_in(standing.implode()))
            .then(None)
            .when(pl.col("resolved_at").is_null() & is_settled)
            .then(pl.lit(now).cast(schema["resolved_at"]))
            .otherwise("resolved_at")
            .alias("resolved_at")
        )
        .select(*schema)
    )
    table = pl.concat([checked, pl.DataFrame(added, schema=schema)])
    changed = table.join(existing, on=list(schema), how="anti", nulls_equal=True)["day"].unique()
    for (day,), part in table.filter(pl.col("day").is_in(changed.implode())).group_by("day"):
        lake.replace("quarantine", day, part)
    return len(added)


def without_words(lake: Lake) -> None:
    """Keep only a digest of what was rejected before: no text is kept any more."""
    table = lake.read("quarantine").collect()
    digest = pl.col("raw").map_elements(_digest, return_dtype=pl.String, skip_nulls=True)
    bare = table.with_columns(
        pl.when(pl.col("raw").str.starts_with(_DIGEST)).then("raw").otherwise(digest).alias("raw"),
        (pl.lit("breaks the rule ") + pl.col("check")).alias("reason"),
        pl.lit(None, dtype=pl.String).alias("value"),
    )
    for (day,), part in bare.group_by("day"):
        lake.replace("quarantine", day, part)


def _digest(raw: str) -> str:
    return _DIGEST + sha256(raw.encode("utf-8", "replace")).hexdigest()

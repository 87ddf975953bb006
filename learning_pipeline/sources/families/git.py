"""The family of git: what the history and the hooks tell of one commit is one event.

The history wins for what it knows for certain (author, times, changed lines, subject), the hooks for what only
they see (branch, session, duration). Checkouts, pushes, rewrites and fast-forward merges are events of their own, and
so is every entry of a note that stands beside a commit (see `families.git_notes`).
"""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.streams import GitEvents
from learning_pipeline.sources.base import RECORD_COLUMNS
from learning_pipeline.sources.families.attributes import united
from learning_pipeline.sources.families.git_notes import note_rows

NAME = "git"
STREAMS = ("git_events",)
TEXT_COLUMNS = ("subject", "attributes")

# Namespace of the ids that are derived here.
NAMESPACE = UUID("b7e0a6a4-52a5-5d2b-9d0e-0b6c1f2a7c55")
# Rank of a record: what comes first wins.
FROM_HISTORY, FROM_EXPORT, FROM_HOOK, FROM_NOTE = 0, 1, 2, 3
# The day of what nothing gives a time to.
UNDATED = date(1970, 1, 1)

_Type = type[pl.DataType] | pl.DataType
_TOLD: dict[str, _Type] = {
    name: dtype
    for name, dtype in polars_schema(GitEvents).items()
    if name not in RECORD_COLUMNS and name != "landed_at"
}
SCHEMA: dict[str, _Type] = {
    **RECORD_COLUMNS,
    "rank": pl.Int64,
    **_TOLD,
    "facts": pl.String,  # JSON object of numbers and ids: attributes that hold no words, and need no redaction
    "in_history": pl.Boolean,  # whether a branch or tag leads to the commit; null where the record cannot tell
}
SCHEMAS = {"event": SCHEMA}

_HOOKS_FIRST = ("branch", "session_id", "duration_ms", "exit_code")
_APART = (*_HOOKS_FIRST, "event_type", "attributes")
_HISTORY_FIRST = tuple(name for name in _TOLD if name not in _APART)
_LINEAGE = ("source", "source_file", "source_line", "host", "day")
_KEY = ("group_key",)


def assemble(records: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Turn the records of git events into one row each (see `sources.base.Family`)."""
    every = records["event"].with_columns(_all_attributes().alias("attributes"))
    is_note = pl.col("rank") == FROM_NOTE
    events = _events(every.filter(~is_note))
    notes = every.filter(is_note)
    if notes.height:
        seen = pl.col("in_history").any() | (pl.col("rank") <= FROM_EXPORT).any()
        told = every.group_by("group_key").agg(_seen=seen)
        events = pl.concat([events, note_rows(notes, events, told).select(events.columns)])
    return {"git_events": events}


def _all_attributes() -> pl.Expr:
    """Put facts and attributes together as one JSON object."""
    facts, words = pl.col("facts"), pl.col("attributes")
    both = facts.str.head(-1) + "," + words.str.slice(1)
    is_object = words.str.starts_with('{"') & words.str.ends_with("}")
    return pl.when(facts.is_not_null() & is_object).then(both).otherwise(pl.coalesce(facts, words))


def _events(records: pl.DataFrame) -> pl.DataFrame:
    records = records.sort("group_key", "rank", "occurred_at", "record_key")
    count = pl.len().over("group_key")
    alone = records.filter(count == 1).select("group_key", *_LINEAGE, *_TOLD)
    several = records.filter(count > 1)
    if several.is_empty():
        return alone
    return pl.concat([alone, _folded(several).select(alone.columns)])


def _folded(records: pl.DataFrame) -> pl.DataFrame:
    by_hook = pl.col("rank") == FROM_HOOK
    kind = pl.col("event_type")
    rows = records.group_by("group_key", maintain_order=True).agg(
        *(pl.col(name).first() for name in _LINEAGE),
        *(pl.col(name).first(ignore_nulls=True) for name in _HISTORY_FIRST),
        *(
            pl.coalesce(
                pl.col(name).filter(by_hook).first(ignore_nulls=True), pl.col(name).first(ignore_nulls=True)
            ).alias(name)
            for name in _HOOKS_FIRST
        ),
        pl.when((kind == "revert").any())
        .then(pl.lit("revert"))
        .when((kind == "merge").any())
        .then(pl.lit("merge"))
        .otherwise(kind.first())
        .alias("event_type"),
    )
    return rows.join(united(records, _KEY), on="group_key", how="left", maintain_order="left")

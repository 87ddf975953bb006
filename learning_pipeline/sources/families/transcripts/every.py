"""The records of all kinds in one table, with what is asked of all of them together."""

from collections.abc import Mapping

import polars as pl

from learning_pipeline.sources.families.transcripts.schema import COMMON, KIND, SCHEMAS

# The records of each kind.
Records = Mapping[str, pl.DataFrame]

LINEAGE = ("source", "source_file", "source_line", "host", "day")
# The order of records in time; what else tells two apart makes it one order.
ORDER = ("group_key", "at", "source_file", "source_line", "record_key")
# What only some kinds have, and is asked of an execution's or a sub-agent's records together.
_SPECIAL = {
    "task": ("text", "text_hash"),
    "call": ("stop_reason",),
    "api_error": ("text", "error_type"),
    "turn_end": ("duration_ms", "outcome"),
}


def every(records: Records) -> pl.DataFrame:
    """Return the records of all kinds, in order: LINEAGE, keys, COMMON, `kind` and what `_SPECIAL` names."""
    frames = []
    for kind, frame in records.items():
        columns = ("group_key", "record_key", *LINEAGE, *COMMON, *_SPECIAL.get(kind, ()))
        frames.append(frame.select(pl.lit(kind, dtype=KIND).alias("kind"), *columns))
    of_all = pl.concat(frames, how="diagonal")
    lacking = [
        pl.lit(None, dtype=SCHEMAS[kind][name]).alias(name)
        for kind, names in _SPECIAL.items()
        for name in names
        if name not in of_all.columns
    ]
    return of_all.with_columns(lacking).sort(*ORDER, "kind")


def in_order(records: Records) -> dict[str, pl.DataFrame]:
    """Return the table of each kind of record in ORDER; a kind that is not given is empty."""
    return {
        kind: records[kind].sort(ORDER) if kind in records else pl.DataFrame(schema=schema)
        for kind, schema in SCHEMAS.items()
    }

"""The records of all kinds in one table, with what is asked of all of them together."""

from collections.abc import Mapping

import polars as pl

from learning_pipeline.sources.families.transcripts.schema import COMMON, KIND, SCHEMAS

# The records of each kind.
Records = Mapping[str, pl.DataFrame]

LINEAGE = ("source", "source_file", "source_line", "host", "day")
# The order of records in time; what else tells two apart makes it one order.
ORDER = ("group_key", "at", "source_file", "source_line", "record_key")
# Whether telemetry tells a record (see `unite`).
IS_EXPORTED = pl.col("source") == "otlp"
# What only some kinds have, and is asked of an execution's or a sub-agent's records together.
_SPECIAL = {
    "task": ("text", "text_hash"),
    "call": ("stop_reason",),
    "api_error": ("text", "error_type"),
    "turn_end": ("duration_ms", "outcome"),
}


_SPECIAL_TYPES = {name: SCHEMAS[kind][name] for kind, names in _SPECIAL.items() for name in names}
# What of it is asked of an execution's records.
EVENT = ("group_key", "record_key", "source_file", "source_line", "kind", "at", "agent_id", *_SPECIAL_TYPES)


def every(records: Records) -> pl.DataFrame:
    """Return the records of all kinds: LINEAGE, keys, COMMON, `kind` and what `_SPECIAL` names."""
    frames = []
    for kind, frame in records.items():
        if frame.height:
            columns = ("group_key", "record_key", *LINEAGE, *COMMON, *_SPECIAL.get(kind, ()))
            frames.append(frame.select(pl.lit(kind, dtype=KIND).alias("kind"), *columns))
    none = next(iter(records.values())).clear().select("group_key", "record_key", *LINEAGE, *COMMON)
    empty = none.with_columns(
        pl.lit(None, dtype=KIND).alias("kind"),
        *(pl.lit(None, dtype=dtype).alias(name) for name, dtype in _SPECIAL_TYPES.items()),
    )
    return pl.concat([empty, *frames], how="diagonal")


def complete(records: Records) -> dict[str, pl.DataFrame]:
    """Return a table for each kind of record; of a kind that is not given it is empty."""
    return {kind: records.get(kind, pl.DataFrame(schema=schema)) for kind, schema in SCHEMAS.items()}

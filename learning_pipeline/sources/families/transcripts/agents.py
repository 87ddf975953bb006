"""Which execution each record belongs to.

The main agent's records belong to the last prompt of their session at or before their time. A sub-agent's
records carry its id. Both depend on what the set of records says alone, not on how it was cut into files.
"""

from uuid import UUID

import polars as pl

from learning_pipeline.sources.families.transcripts.every import Records

# Namespace of the ids that are derived here.
NAMESPACE = UUID("6d1d7d0e-6c0b-5f0a-9a57-5e1d5a3f2b10")


def prompts(records: Records) -> pl.DataFrame:
    """Return one row per prompt of a person: execution_id, group_key, at, next_at (of the session's next prompt)."""
    return (
        records["prompt"]
        .sort("group_key", "at", "record_id")
        .with_columns(
            pl.col("record_id").alias("execution_id"),
            pl.col("at").shift(-1).over("group_key").alias("next_at"),
        )
    )


def attribute(frame: pl.DataFrame, main: pl.DataFrame, sub: pl.DataFrame) -> pl.DataFrame:
    """Add `execution_id` to rows with group_key, agent_id and at; null where no prompt came before."""
    is_main, is_dated = pl.col("agent_id").is_null(), pl.col("at").is_not_null()
    own = frame.filter(is_main & is_dated).sort("at")
    starts = main.filter(is_dated).select("group_key", "execution_id", pl.col("at")).sort("at", "execution_id")
    own = own.join_asof(starts, on="at", by="group_key", strategy="backward", check_sortedness=False)
    others = frame.filter(pl.col("agent_id").is_not_null()).join(
        sub.filter(pl.col("agent_id").is_not_null()).select("group_key", "agent_id", "execution_id"),
        on=["group_key", "agent_id"],
        how="left",
    )
    undated = frame.filter(is_main & ~is_dated).with_columns(pl.lit(None, dtype=pl.String).alias("execution_id"))
    return pl.concat([own, others, undated], how="vertical")

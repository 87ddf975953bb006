"""Which execution each record belongs to.

The main agent's records belong to the last prompt of their session at or before their time. A sub-agent's
records carry its id. Both depend on what the set of records says alone, not on how it was cut into files.
"""

from uuid import UUID, uuid5

import polars as pl

SUBAGENT_TOOLS = ("Task", "Agent")

# Namespace of the ids that are derived here.
_NAMESPACE = UUID("6d1d7d0e-6c0b-5f0a-9a57-5e1d5a3f2b10")


def prompts(records: pl.DataFrame) -> pl.DataFrame:
    """Return one row per prompt of a person: execution_id, group_key, at, next_at (of the session's next prompt)."""
    return (
        records.filter(pl.col("kind") == "prompt")
        .sort("group_key", "at", "record_id")
        .with_columns(
            pl.col("record_id").alias("execution_id"),
            pl.col("at").shift(-1).over("group_key").alias("next_at"),
        )
    )


def runs(records: pl.DataFrame) -> pl.DataFrame:
    """Return one row per sub-agent run: execution_id, group_key, agent_id, and the tool call that started it.

    The two are joined by what the log says: the progress row's parent, the tool's result, or, in the oldest
    transcripts, the same task text. A task that nothing more is known of is a run too, unless it was refused.
    """
    tasks = records.filter((pl.col("kind") == "tool_use") & pl.col("tool_name").is_in(SUBAGENT_TOOLS))
    tasks = tasks.sort("at", "record_key").unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
    agents = records.filter(pl.col("agent_id").is_not_null()).group_by("group_key", "agent_id").agg()
    by_parent = (
        records.filter(pl.col("agent_id").is_not_null())
        .group_by("group_key", "agent_id")
        .agg(pl.col("parent_tool_call_id").drop_nulls().min().alias("by_parent"))
    )
    results = records.filter(pl.col("kind") == "tool_result")
    by_result = (
        results.filter(pl.col("result_agent_id").is_not_null())
        .group_by("group_key", pl.col("result_agent_id").alias("agent_id"))
        .agg(pl.col("tool_call_id").min().alias("by_result"))
    )
    by_text = (
        records.filter((pl.col("kind") == "task") & pl.col("text_hash").is_not_null())
        .join(tasks.select("group_key", "text_hash", "tool_call_id"), on=["group_key", "text_hash"], suffix="_of_task")
        .group_by("group_key", "agent_id")
        .agg(pl.col("tool_call_id_of_task").min().alias("by_text"))
    )
    known = (
        pl.concat([agents, by_result.select("group_key", "agent_id")])
        .unique()
        .join(by_parent, on=["group_key", "agent_id"], how="left")
        .join(by_result, on=["group_key", "agent_id"], how="left")
        .join(by_text, on=["group_key", "agent_id"], how="left")
        .select("group_key", "agent_id", pl.coalesce("by_parent", "by_result", "by_text").alias("tool_call_id"))
    )
    refused = results.filter(pl.col("decision") == "reject").select("group_key", "tool_call_id")
    alone = (
        tasks.select("group_key", pl.lit(None, dtype=pl.String).alias("agent_id"), "tool_call_id")
        .join(known, on=["group_key", "tool_call_id"], how="anti")
        .join(refused, on=["group_key", "tool_call_id"], how="anti")
    )
    found = pl.concat([known, alone]).sort("group_key", "agent_id", "tool_call_id")
    ids = [
        str(uuid5(_NAMESPACE, f"{group}\x1f{agent}" if agent is not None else str(tool)))
        for group, agent, tool in found.select("group_key", "agent_id", "tool_call_id").iter_rows()
    ]
    return found.with_columns(pl.Series("execution_id", ids, dtype=pl.String))


def attribute(frame: pl.DataFrame, main: pl.DataFrame, sub: pl.DataFrame) -> pl.DataFrame:
    """Add `execution_id` to rows with group_key, agent_id and at; null where no prompt came before."""
    own = frame.filter(pl.col("agent_id").is_null()).sort("at")
    starts = main.select("group_key", "execution_id", pl.col("at")).sort("at", "execution_id")
    own = own.join_asof(starts, on="at", by="group_key", strategy="backward", check_sortedness=False)
    others = frame.filter(pl.col("agent_id").is_not_null()).join(
        sub.filter(pl.col("agent_id").is_not_null()).select("group_key", "agent_id", "execution_id"),
        on=["group_key", "agent_id"],
        how="left",
    )
    return pl.concat([own, others], how="vertical")

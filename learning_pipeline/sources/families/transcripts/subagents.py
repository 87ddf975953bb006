"""The runs of sub-agents: which there are, and what started and ended each."""

from uuid import uuid5

import polars as pl

from learning_pipeline.sources.families.transcripts import hooks
from learning_pipeline.sources.families.transcripts.agents import NAMESPACE
from learning_pipeline.sources.families.transcripts.every import LINEAGE, ORDER, Records

SUBAGENT_TOOLS = ("Task", "Agent")
_STARTS_SUBAGENT = pl.col("tool_name").is_in(SUBAGENT_TOOLS) | (pl.col("tool_kind") == "subagent").fill_null(False)
# What Claude Code runs when a task names no sub-agent.
DEFAULT_SUBAGENT = "general-purpose"
UNKNOWN_SUBAGENT = "subagent"


def runs(records: Records, every: pl.DataFrame) -> pl.DataFrame:
    """Return one row per sub-agent run: execution_id, group_key, agent_id, and the tool call that started it.

    The two are joined by what the log says: the progress row's parent, the tool's result, or, in the oldest
    transcripts, the same task text. A task that nothing more is known of is a run too, unless it was refused.
    """
    tasks = records["tool_use"].filter(_STARTS_SUBAGENT)
    tasks = tasks.sort("at", "record_key").unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
    by_parent = (
        every.filter(pl.col("agent_id").is_not_null())
        .group_by("group_key", "agent_id")
        .agg(pl.col("parent_tool_call_id").drop_nulls().min().alias("by_parent"))
    )
    results = records["tool_result"]
    by_result = (
        results.filter(pl.col("result_agent_id").is_not_null())
        .group_by("group_key", pl.col("result_agent_id").alias("agent_id"))
        .agg(pl.col("tool_call_id").min().alias("by_result"))
    )
    by_text = (
        records["task"]
        .filter(pl.col("text_hash").is_not_null())
        .join(tasks.select("group_key", "text_hash", "tool_call_id"), on=["group_key", "text_hash"])
        .group_by("group_key", "agent_id")
        .agg(pl.col("tool_call_id").min().alias("by_text"))
    )
    known = (
        pl.concat([by_parent.select("group_key", "agent_id"), by_result.select("group_key", "agent_id")])
        .unique()
        .join(by_parent, on=["group_key", "agent_id"], how="left")
        .join(by_result, on=["group_key", "agent_id"], how="left")
        .join(by_text, on=["group_key", "agent_id"], how="left")
        .select("group_key", "agent_id", pl.coalesce("by_parent", "by_result", "by_text").alias("tool_call_id"))
    )
    refused = results.filter(pl.col("decision") == "reject").select("group_key", "tool_call_id")
    alone = (
        hooks.without_agents(tasks, every)
        .select("group_key", pl.lit(None, dtype=pl.String).alias("agent_id"), "tool_call_id")
        .join(known, on=["group_key", "tool_call_id"], how="anti")
        .join(refused, on=["group_key", "tool_call_id"], how="anti")
    )
    found = pl.concat([known, alone]).sort("group_key", "agent_id", "tool_call_id")
    ids = [
        str(uuid5(NAMESPACE, f"{group}\x1f{agent}" if agent is not None else str(tool)))
        for group, agent, tool in found.select("group_key", "agent_id", "tool_call_id").iter_rows()
    ]
    return found.with_columns(pl.Series("execution_id", ids, dtype=pl.String))


def sub_executions(records: Records, every: pl.DataFrame, sub: pl.DataFrame, tools: pl.DataFrame) -> pl.DataFrame:
    """One row per sub-agent run. Its task is in the tool call that started it, else in its own first record."""
    own = (
        every.filter(pl.col("agent_id").is_not_null())
        .sort(*ORDER, "kind", nulls_last=True)
        .group_by("group_key", "agent_id", maintain_order=True)
        .agg(
            pl.col("at").min().alias("own_at"),
            *(pl.col(name).first().alias(f"own_{name}") for name in (*LINEAGE, "cwd", "branch", "agent_version")),
            pl.col("agent_name").drop_nulls().first().alias("own_agent_name"),
            pl.col("text").filter(pl.col("kind") == "task").first().alias("own_text"),
            pl.col("text_hash").filter(pl.col("kind") == "task").first().alias("own_text_hash"),
        )
    )
    uses = (
        records["tool_use"]
        .filter(_STARTS_SUBAGENT)
        .sort(ORDER)
        .unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
        .select(
            "group_key",
            "tool_call_id",
            *(pl.col(name).alias(f"use_{name}") for name in (*LINEAGE, "cwd", "branch", "agent_version", "at")),
            "subagent_type",
            "text",
            "text_hash",
        )
    )
    results = tools.select(
        "group_key",
        "tool_call_id",
        pl.col("execution_id").alias("parent_execution_id"),
        pl.col("is_error").alias("result_is_error"),
        pl.col("in_background").alias("result_in_background"),
        pl.col("decision").alias("result_decision"),
        pl.col("result_at"),
        pl.when(~pl.col("in_background").fill_null(False)).then("duration_ms").alias("result_duration_ms"),
    )
    frame = (
        sub.join(own, on=["group_key", "agent_id"], how="left")
        .join(uses, on=["group_key", "tool_call_id"], how="left")
        .join(results, on=["group_key", "tool_call_id"], how="left")
    )
    lineage = [pl.coalesce(f"own_{name}", f"use_{name}").alias(name) for name in LINEAGE]
    return frame.filter(pl.col("own_source").is_not_null() | pl.col("use_source").is_not_null()).select(
        "execution_id",
        "parent_execution_id",
        "group_key",
        *lineage,
        pl.when(pl.col("subagent_type").is_not_null())
        .then("subagent_type")
        .when(pl.col("own_agent_name").is_not_null())
        .then("own_agent_name")
        .when(pl.col("use_source").is_not_null())
        .then(pl.lit(DEFAULT_SUBAGENT))
        .otherwise(pl.lit(UNKNOWN_SUBAGENT))
        .alias("agent_name"),
        pl.lit("subagent").alias("agent_kind"),
        pl.coalesce("own_agent_version", "use_agent_version").alias("agent_version"),
        pl.coalesce("text", "own_text").alias("task_text"),
        pl.coalesce("text_hash", "own_text_hash").alias("task_hash"),
        pl.coalesce("own_cwd", "use_cwd").alias("cwd"),
        pl.coalesce("own_branch", "use_branch").alias("branch"),
        pl.coalesce("own_at", "use_at").alias("started_at"),
        # What has no time is not taken to be still open.
        pl.coalesce("own_at", "use_at").is_null().alias("has_next"),
        "result_is_error",
        "result_in_background",
        "result_decision",
        "result_at",
        "result_duration_ms",
    )

"""Model calls and tool calls of transcripts."""

import polars as pl

from learning_pipeline.sources.families.transcripts.every import IS_EXPORTED, Records

# Kinds of log that write a response's usage only when it has ended.
_USAGE_AT_END = ("gemini_cli", "otlp")
_LINEAGE = ("source", "source_file", "source_line", "host")
_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_searches",
    "reasoning_tokens",
)


def first(name: str) -> pl.Expr:
    """The value in the earliest of a group's rows, which are sorted."""
    return pl.col(name).first()


def known(name: str) -> pl.Expr:
    """The earliest value of a group's rows that is not null."""
    return pl.col(name).drop_nulls().first()


def llm_calls(records: Records) -> pl.DataFrame:
    """Return one row per model call, whether a transcript, telemetry or both tell of it.

    What a transcript tells of a call stands, its time too. Telemetry tells of it when it has ended: it adds its cost,
    how long it took, and the final count of output where the transcript has only a part.
    """
    exported = records["call"].filter(IS_EXPORTED)
    if exported.is_empty():
        return _told_calls(records["call"])
    own, more = _told_calls(records["call"].filter(~IS_EXPORTED)), _told_calls(exported)
    began = pl.col("at") - pl.duration(milliseconds=pl.col("duration_ms").fill_null(0))
    more = more.with_columns(began.alias("at"))
    of_call = ["group_key", "call_id"]
    both = own.join(more.rename({name: f"_{name}" for name in more.columns if name not in of_call}), on=of_call)
    special = {
        "output_tokens": pl.max_horizontal("output_tokens", "_output_tokens"),
        "output_tokens_final": pl.col("output_tokens_final") | pl.col("_output_tokens_final"),
    }
    # What it wrote to the cache is one fact: the transcript also tells for how long.
    writes = pl.any_horizontal(pl.col("cache_write_5m_tokens", "cache_write_1h_tokens").is_not_null())
    special |= {
        name: pl.when(writes).then(name).otherwise(f"_{name}").alias(name)
        for name in ("cache_write_5m_tokens", "cache_write_1h_tokens")
    }
    rest = [name for name in own.columns if name not in (*of_call, *special)]
    both = both.select(
        *of_call,
        *(value.alias(name) for name, value in special.items()),
        *(pl.coalesce(name, f"_{name}").alias(name) for name in rest),
    ).select(own.columns)
    alone = [frame.join(both, on=of_call, how="anti") for frame in (own, more)]
    return pl.concat([*alone, both]).sort(of_call)


def _told_calls(calls: pl.DataFrame) -> pl.DataFrame:
    """Return one row per model call of some records.

    A response is written as several lines, each with the usage so far. The line with the largest usage counts,
    the first of them where several have it, and the call belongs to that line's day (as ccusage counts, so that
    totals by day can be compared). The output count is final only where a line says why the model stopped, or in a
    log that writes usage once a response has ended.
    """
    counted = [pl.col(name).fill_null(0) for name in _USAGE]
    order = ["at", "source_file", "source_line", "record_key"]
    calls = calls.sort(order)
    of_call = calls.group_by("group_key", "call_id", maintain_order=True).agg(
        first("at"),
        *(first(name) for name in _LINEAGE),
        known("agent_id"),
        known("request_id"),
        known("model"),
        known("service_tier"),
        pl.col("stop_reason").drop_nulls().last(),
        known("cwd"),
        known("branch"),
        known("agent_name").alias("own_agent_name"),
        known("reported_cost_usd"),
        known("duration_ms"),
        known("error_type"),
        known("of_session"),
        known("is_subagent"),
        known("attributes"),
    )
    usage = (
        calls.with_columns(pl.sum_horizontal(counted).alias("_total"))
        .sort("_total", *order, descending=[True, *(False for _ in order)])
        .unique(["group_key", "call_id"], keep="first", maintain_order=True)
        .select("group_key", "call_id", pl.col("at").alias("usage_at"), "day", *_USAGE)
    )
    return of_call.join(usage, on=["group_key", "call_id"], maintain_order="left").with_columns(
        (
            pl.col("stop_reason").is_not_null()
            | (pl.col("source").is_in(_USAGE_AT_END) & pl.col("output_tokens").is_not_null())
        ).alias("output_tokens_final")
    )


def tool_calls(records: Records) -> pl.DataFrame:
    """Return one row per tool call: its use joined with its result.

    A result whose use is not in the log (it was compacted away) is a row without a tool's name.
    `is_error` is null where there is no result. The time a tool took is what its result says, else the time
    between the two lines; clocks may step back, so that is never below zero.
    """
    uses = (
        records["tool_use"]
        .sort("at", "source_file", "source_line")
        .unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
        .select(
            "group_key",
            "tool_call_id",
            "at",
            "day",
            *_LINEAGE,
            "agent_id",
            "tool_name",
            "input_bytes",
            "file_path",
            "command_name",
            "commits",
            "tool_kind",
            "agent_name",
        )
    )
    results = (
        records["tool_result"]
        .sort("at", "source_file", "source_line")
        .unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
        .select(
            "group_key",
            "tool_call_id",
            *(pl.col(name).alias(f"result_{name}") for name in ("at", "day", *_LINEAGE, "agent_id", "agent_name")),
            "is_error",
            "output_bytes",
            "exit_code",
            "decision",
            "commit_prefix",
            "in_background",
            "duration_ms",
            "error_type",
        )
    )
    elapsed = (pl.col("result_at") - pl.col("at")).dt.total_milliseconds().clip(lower_bound=0)
    return (
        uses.join(results, on=["group_key", "tool_call_id"], how="full", coalesce=True)
        .with_columns(
            pl.coalesce("duration_ms", elapsed).alias("duration_ms"),
            # A command that makes no commit may print something that looks like one.
            pl.when(pl.col("commits").fill_null(False)).then(pl.col("commit_prefix")).alias("commit_prefix"),
        )
        .with_columns(
            pl.coalesce("tool_kind", _tool_kind()).alias("tool_kind"),
            _mcp_server(),
            *(pl.coalesce(name, f"result_{name}").alias(name) for name in ("at", "day", *_LINEAGE, "agent_id")),
            pl.coalesce("agent_name", "result_agent_name").alias("own_agent_name"),
        )
        .drop("agent_name", "result_agent_name")
        .sort("group_key", "tool_call_id")
    )


def _tool_kind() -> pl.Expr:
    name = pl.col("tool_name")
    return (
        pl.when(name.is_null())
        .then(None)
        .when(name.str.starts_with("mcp__"))
        .then(pl.lit("mcp"))
        .when(name == "Bash")
        .then(pl.lit("shell"))
        .when(name.is_in(["Task", "Agent"]))
        .then(pl.lit("subagent"))
        .when(name == "Skill")
        .then(pl.lit("skill"))
        .otherwise(pl.lit("builtin"))
    )


def _mcp_server() -> pl.Expr:
    return pl.col("tool_name").str.extract(r"^mcp__(.+?)__", 1).alias("mcp_server")

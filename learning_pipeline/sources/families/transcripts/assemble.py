"""From all records of some sessions to executions, model calls and tool calls."""

from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath

import polars as pl

from learning_pipeline.sources.families.transcripts import agents, calls
from learning_pipeline.sources.families.transcripts.calls import known
from learning_pipeline.sources.families.transcripts.outcome import with_outcome
from learning_pipeline.sources.normal import error_type, model_tier, provider, task_type

MAIN_AGENT = "claude-code"
# What Claude Code runs when a task names no sub-agent.
DEFAULT_SUBAGENT = "general-purpose"
UNKNOWN_SUBAGENT = "subagent"

_EDITORS = ("Edit", "MultiEdit", "Write", "NotebookEdit")
# What is asked of all records of an execution together.
_EVENT = (
    "group_key",
    "agent_id",
    "kind",
    "at",
    "source_file",
    "source_line",
    "record_key",
    "stop_reason",
    "text",
    "duration_ms",
)
_LINEAGE = ("source", "source_file", "source_line", "host", "day")


def assemble(records: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the rows of executions, llm_calls and tool_calls that the records of whole sessions tell."""
    records = records.sort("group_key", "at", "source_file", "source_line", "record_key")
    main, sub = agents.prompts(records), agents.runs(records)
    llm = agents.attribute(calls.llm_calls(records), main, sub)
    tools = agents.attribute(calls.tool_calls(records), main, sub)
    events = agents.attribute(records.filter(pl.col("kind") != "prompt").select(_EVENT), main, sub)
    executions = pl.concat([_main_executions(main), _sub_executions(records, sub, tools)], how="diagonal")
    executions = _with_totals(executions, llm, tools, events)
    names = executions.select("execution_id", "agent_name")
    return {
        "executions": _finish_executions(executions, records),
        "llm_calls": _finish_llm_calls(llm.join(names, on="execution_id", how="left"), records),
        "tool_calls": _finish_tool_calls(tools.join(names, on="execution_id", how="left")),
    }


def _main_executions(main: pl.DataFrame) -> pl.DataFrame:
    return main.select(
        "execution_id",
        "group_key",
        *_LINEAGE,
        pl.lit(MAIN_AGENT).alias("agent_name"),
        pl.lit("main").alias("agent_kind"),
        "agent_version",
        pl.col("text").alias("task_text"),
        pl.col("text_hash").alias("task_hash"),
        "cwd",
        "branch",
        pl.col("at").alias("started_at"),
        pl.col("next_at").is_not_null().alias("has_next"),
    )


def _sub_executions(records: pl.DataFrame, sub: pl.DataFrame, tools: pl.DataFrame) -> pl.DataFrame:
    """One row per sub-agent run. Its task is in the tool call that started it, else in its own first record."""
    own = (
        records.filter(pl.col("agent_id").is_not_null())
        .group_by("group_key", "agent_id", maintain_order=True)
        .agg(
            pl.col("at").min().alias("own_at"),
            *(pl.col(name).first().alias(f"own_{name}") for name in (*_LINEAGE, "cwd", "branch", "agent_version")),
            pl.col("text").filter(pl.col("kind") == "task").first().alias("own_text"),
            pl.col("text_hash").filter(pl.col("kind") == "task").first().alias("own_text_hash"),
        )
    )
    uses = (
        records.filter((pl.col("kind") == "tool_use") & pl.col("tool_name").is_in(agents.SUBAGENT_TOOLS))
        .unique(["group_key", "tool_call_id"], keep="first", maintain_order=True)
        .select(
            "group_key",
            "tool_call_id",
            *(pl.col(name).alias(f"use_{name}") for name in (*_LINEAGE, "cwd", "branch", "agent_version", "at")),
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
    lineage = [pl.coalesce(f"own_{name}", f"use_{name}").alias(name) for name in _LINEAGE]
    return frame.filter(pl.col("own_at").is_not_null() | pl.col("use_at").is_not_null()).select(
        "execution_id",
        "parent_execution_id",
        "group_key",
        *lineage,
        pl.when(pl.col("subagent_type").is_not_null())
        .then("subagent_type")
        .when(pl.col("use_at").is_not_null())
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
        pl.lit(False).alias("has_next"),
        "result_is_error",
        "result_in_background",
        "result_decision",
        "result_at",
        "result_duration_ms",
    )


def _with_totals(
    executions: pl.DataFrame, llm: pl.DataFrame, tools: pl.DataFrame, events: pl.DataFrame
) -> pl.DataFrame:
    """Add what an execution's own calls, tools and other records add up to, and how it ended."""
    written = pl.col("cache_write_5m_tokens").fill_null(0) + pl.col("cache_write_1h_tokens").fill_null(0)
    any_written = pl.any_horizontal(pl.col("cache_write_5m_tokens", "cache_write_1h_tokens").is_not_null())
    llm = llm.filter(pl.col("execution_id").is_not_null()).with_columns(
        pl.when(any_written).then(written).alias("cache_write_tokens"),
        pl.when(pl.col("input_tokens").is_not_null())
        .then(pl.col("input_tokens") + pl.col("cache_read_tokens").fill_null(0) + written)
        .alias("context_tokens"),
    )
    counted = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    of_llm = llm.group_by("execution_id").agg(
        pl.len().cast(pl.Int64).alias("llm_calls"),
        *(_sum_known(name) for name in counted),
        pl.col("context_tokens").max(),
    )
    most_used = (
        llm.filter(pl.col("model").is_not_null())
        .group_by("execution_id", "model")
        .agg(pl.len().alias("n"), pl.col("output_tokens").sum())
        .sort("execution_id", "n", "output_tokens", "model", descending=[False, True, True, False])
        .unique("execution_id", keep="first", maintain_order=True)
        .select("execution_id", "model")
    )
    edited = pl.col("tool_name").is_in(_EDITORS) & ~pl.col("is_error").fill_null(True)
    of_tools = (
        tools.filter(pl.col("execution_id").is_not_null())
        .sort("result_at", "tool_call_id", nulls_last=False)
        .group_by("execution_id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("tool_calls"),
            pl.col("is_error").sum().cast(pl.Int64).alias("tool_errors"),
            pl.col("is_error").drop_nulls().last().alias("last_tool_error"),
            pl.col("file_path").filter(edited).drop_nulls().n_unique().cast(pl.Int64).alias("files_changed"),
            pl.col("commit_prefix").is_not_null().sum().alias("commits"),
        )
    )
    step = pl.col("kind").is_in(["call", "tool_use", "tool_result", "api_error"])
    of_events = (
        events.filter(pl.col("execution_id").is_not_null())
        .sort("at", "source_file", "source_line", "kind", "record_key")
        .group_by("execution_id", maintain_order=True)
        .agg(
            pl.col("at").max().alias("last_at"),
            pl.col("kind").filter(step).last().cast(pl.String).alias("last_kind"),
            pl.col("stop_reason").filter(pl.col("kind") == "call").last().alias("last_stop_reason"),
            (pl.col("kind") == "interrupt").any().alias("interrupted"),
            (pl.col("kind") == "retry").sum().cast(pl.Int64).alias("retries"),
            pl.col("duration_ms").filter(pl.col("kind") == "turn_end").max().alias("turn_ms"),
            pl.col("text").filter(pl.col("kind") == "api_error").last().alias("error_message"),
        )
        .with_columns(
            pl.col("error_message")
            .map_elements(error_type, return_dtype=pl.String, skip_nulls=True)
            .alias("api_error_type")
        )
    )
    frame = executions
    for part in (of_llm, most_used, of_tools, of_events):
        frame = frame.join(part, on="execution_id", how="left")
    counts = ("llm_calls", "tool_calls", "tool_errors", "retries", "files_changed")
    return with_outcome(frame).with_columns(pl.col(name).fill_null(0) for name in counts)


def _sum_known(name: str) -> pl.Expr:
    """The sum of what is known; null where nothing is."""
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)


def _finish_executions(frame: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    ended = pl.max_horizontal("started_at", "last_at", "result_at")
    is_open = pl.col("outcome") == "open"
    elapsed = (pl.col("ended_at") - pl.col("started_at")).dt.total_milliseconds()
    frame = frame.with_columns(pl.when(~is_open).then(ended).alias("ended_at"))
    return frame.with_columns(
        pl.col("group_key").alias("session_id"),
        pl.when(~is_open).then(pl.coalesce("result_duration_ms", "turn_ms", elapsed)).alias("duration_ms"),
        pl.col("cwd").alias("working_dir"),
        pl.when(~pl.col("success").fill_null(True)).then("error_message").alias("error_message"),
        _mapped("model", provider, "provider"),
        _mapped("model", model_tier, "model_tier"),
        pl.col("task_text").map_elements(task_type, return_dtype=pl.String, skip_nulls=True).alias("task_type"),
        _repository(frame, records),
    )


def _finish_llm_calls(frame: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col("group_key").alias("session_id"),
        pl.col("at").alias("started_at"),
        pl.col("agent_id").is_not_null().alias("is_subagent"),
        pl.coalesce("agent_name", _agent_where_no_execution()).alias("agent_name"),
        pl.lit(False).alias("is_error"),
        _mapped("model", provider, "provider"),
        _repository(frame, records),
    )


def _finish_tool_calls(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col("group_key").alias("session_id"),
        pl.col("at").alias("started_at"),
        pl.col("agent_id").is_not_null().alias("is_subagent"),
        pl.coalesce("agent_name", _agent_where_no_execution()).alias("agent_name"),
        pl.when(pl.col("is_error").fill_null(False)).then(pl.lit("tool")).alias("error_type"),
    )


def _agent_where_no_execution() -> pl.Expr:
    return pl.when(pl.col("agent_id").is_null()).then(pl.lit(MAIN_AGENT)).otherwise(pl.lit(UNKNOWN_SUBAGENT))


def _mapped(column: str, function: object, name: str) -> pl.Expr:
    """Apply a function of one word to a column of few words."""
    return (
        pl.col(column)
        .map_batches(
            lambda words: words.replace_strict(
                {word: function(word) for word in words.unique().drop_nulls()},  # type: ignore[operator]
                default=None,
                return_dtype=pl.String,
            ),
            return_dtype=pl.String,
        )
        .alias(name)
    )


def _repository(frame: pl.DataFrame, records: pl.DataFrame) -> pl.Series:
    """Name the repository of each row after the directory that its session began in.

    A session that moves into a directory below stays in its repository; one that moves elsewhere is in a
    repository of that directory's name. The transcript does not tell where a repository's root is.
    """
    began = (
        records.filter(pl.col("cwd").is_not_null())
        .sort("at", "source_file", "source_line", "record_key")
        .group_by("group_key", maintain_order=True)
        .agg(known("cwd").alias("root"))
    )
    pairs = frame.select("group_key", "cwd").join(began, on="group_key", how="left", maintain_order="left")
    names: dict[tuple[str | None, str | None], str | None] = {}
    for pair in pairs.select("cwd", "root").unique().iter_rows():
        names[pair] = repository_name(*pair)
    values = [names[pair] for pair in pairs.select("cwd", "root").iter_rows()]
    return pl.Series("repository", values, dtype=pl.String)


def repository_name(cwd: str | None, root: str | None) -> str | None:
    """Return the last part of the root that the directory lies in, else of the directory itself."""
    here = root if cwd is None else cwd
    if here is None:
        return None
    inside = root is not None and (here == root or here.startswith((root + "/", root + "\\")))
    base = root if inside and root is not None else here
    path = PureWindowsPath(base) if "\\" in base or base[1:2] == ":" else PurePosixPath(base)
    # A worktree that the agent made lies in `.claude/worktrees/NAME` below its repository.
    for part, below in pairwise(path.parts):
        if below in (".claude", ".worktrees") and part not in ("/", "~"):
            return part
    return path.name or None

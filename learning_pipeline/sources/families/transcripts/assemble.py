"""From all records of some sessions to executions, model calls and tool calls."""

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.sources.families.transcripts import agents, asides, calls, hooks, subagents, unite
from learning_pipeline.sources.families.transcripts.every import EVENT, LINEAGE, Records, complete, every
from learning_pipeline.sources.families.transcripts.repository import repository
from learning_pipeline.sources.families.transcripts.totals import with_totals
from learning_pipeline.sources.normal import model_tier, provider, task_type

# The main agent that writes a kind of log.
MAIN_AGENTS = {
    "claude_code": "claude-code",
    "codex": "codex",
    "copilot_cli": "copilot-cli",
    "gemini_cli": "gemini-cli",
    "hook_log": "claude-code",
}

# An id of fewer characters is not random enough to be the only one of its kind.
_UNIQUE_CHARACTERS = 16


def assemble(records: Records) -> dict[str, pl.DataFrame]:
    """Return the rows of executions, llm_calls and tool_calls that the records of whole sessions tell."""
    settled = asides.settled(hooks.settled(complete(records)))
    records = unite.united(settled)
    of_all = every(records)
    main, sub = agents.prompts(records), subagents.runs(records, of_all)
    llm = agents.attribute(calls.llm_calls(records), main, sub).with_columns(
        pl.when(~pl.col("of_session").fill_null(False)).then("execution_id").alias("execution_id")
    )
    tools = agents.attribute(calls.tool_calls(records), main, sub)
    events = agents.attribute(of_all.filter(pl.col("kind") != "prompt").select(EVENT), main, sub)
    subs = subagents.sub_executions(records, of_all, sub, tools)
    executions = pl.concat([_main_executions(main), subs], how="diagonal")
    changes = agents.attribute(records["change"], main, sub)
    executions = with_totals(executions, llm, tools, events, changes)
    executions = executions.join(asides.noted(settled["note"], main, sub), on="execution_id", how="left")
    names = executions.select("execution_id", "agent_name")
    return {
        "executions": _finish_executions(executions, of_all),
        "llm_calls": _finish_llm_calls(llm.join(names, on="execution_id", how="left"), of_all),
        "tool_calls": _finish_tool_calls(tools.join(names, on="execution_id", how="left")),
    }


def _main_executions(main: pl.DataFrame) -> pl.DataFrame:
    return main.select(
        "execution_id",
        "group_key",
        *LINEAGE,
        _main_agent("agent_name"),
        pl.lit("main").alias("agent_kind"),
        "agent_version",
        pl.col("text").alias("task_text"),
        pl.col("text_hash").alias("task_hash"),
        "cwd",
        "branch",
        pl.col("at").alias("started_at"),
        # What has no time is not taken to be still open.
        (pl.col("next_at").is_not_null() | pl.col("at").is_null()).alias("has_next"),
    )


def _finish_executions(frame: pl.DataFrame, of_all: pl.DataFrame) -> pl.DataFrame:
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
        repository(frame, of_all),
        *_undated(pl.coalesce("started_at", "ended_at"), pl.col("noted")),
    )


def _finish_llm_calls(frame: pl.DataFrame, of_all: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        _of_its_own("call_id"),
        pl.col("group_key").alias("session_id"),
        pl.col("at").alias("started_at"),
        (pl.col("agent_id").is_not_null() | pl.col("is_subagent").fill_null(False)).alias("is_subagent"),
        # Who is said to be a sub-agent, and not which one, has no execution of his own.
        pl.coalesce(pl.when("is_subagent").then("own_agent_name"), "agent_name", _agent_where_no_execution()).alias(
            "agent_name"
        ),
        pl.col("error_type").is_not_null().alias("is_error"),
        pl.col("reported_cost_usd").cast(pl.Decimal(38, 24), strict=False),
        _mapped("model", provider, "provider"),
        repository(frame, of_all),
    )


def _finish_tool_calls(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        _of_its_own("tool_call_id"),
        pl.col("group_key").alias("session_id"),
        pl.col("at").alias("started_at"),
        pl.col("agent_id").is_not_null().alias("is_subagent"),
        pl.coalesce("agent_name", _agent_where_no_execution()).alias("agent_name"),
        pl.when(pl.col("is_error").fill_null(False))
        .then(pl.coalesce("error_type", pl.lit("tool")))
        .alias("error_type"),
        *_undated(pl.col("at")),
    )


def _of_its_own(name: str) -> pl.Expr:
    """An id that only counts within its session is told apart from those of other sessions."""
    short = pl.col(name).str.len_chars() < _UNIQUE_CHARACTERS
    return pl.when(short).then(pl.concat_str("group_key", name, separator="/")).otherwise(name).alias(name)


def _undated(time: pl.Expr, noted: pl.Expr | None = None) -> tuple[pl.Expr, pl.Expr]:
    """Give what has no time the day of such, and say so; of other things, what was noted."""
    said = pl.when(time.is_null()).then(pl.lit('{"time":"unknown"}')).otherwise(noted).alias("attributes")
    return pl.col("day").fill_null(UNDATED), said


def _main_agent(own: str) -> pl.Expr:
    """The name of the main agent: as the log gives it, else after the kind of log."""
    return pl.coalesce(own, pl.col("source").replace(MAIN_AGENTS)).alias("agent_name")


def _agent_where_no_execution() -> pl.Expr:
    is_main = pl.col("agent_id").is_null()
    return pl.when(is_main).then(_main_agent("own_agent_name")).otherwise(pl.lit(subagents.UNKNOWN_SUBAGENT))


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

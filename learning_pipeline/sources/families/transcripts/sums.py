"""Sums that a session tells of itself: metrics, and the results of runs. They count where nothing tells each call.

A row of them is one export of a metric, or one run, by model; it may sum up several calls, and says so in its
attributes. Which sums count depends on the set of a session's records alone.
"""

import polars as pl

from learning_pipeline.sources.families.transcripts.every import IS_EXPORTED, ORDER, Records
from learning_pipeline.sources.families.transcripts.schema import SCHEMAS

_MONEY = pl.Decimal(38, 24)
_METRIC = "metric"
_ONE_HOUR, _FIVE_MINUTES = "ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens"
_TOKENS = (
    "input_tokens",
    "input_tokens_with_cache",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "tool_tokens",
    "web_searches",
)
_LINES = ("lines_added", "lines_removed")
_SOURCE = ("day", "source", "source_file", "source_line", "host")


def counted(records: Records) -> dict[str, pl.DataFrame]:
    """Add calls and changes for the sums that count."""
    frames = dict(records)
    told = frames["usage"]
    if told.is_empty():
        return frames
    new = _new(told)
    uncalled = new.join(frames["call"].select("group_key").unique(), on="group_key", how="anti")
    metered = uncalled.filter(pl.col("told_by") == _METRIC)
    # Where both tell of a session, metrics say when.
    results = uncalled.filter(pl.col("told_by") != _METRIC).join(metered, on="group_key", how="anti")
    summed = pl.concat([metered, _placed(results, frames)])
    frames["call"] = pl.concat([frames["call"].select(*SCHEMAS["call"]), _calls(summed)])
    unchanged = new.join(frames["change"].select("group_key").unique(), on="group_key", how="anti")
    frames["change"] = pl.concat([frames["change"].select(*SCHEMAS["change"]), _changes(unchanged)])
    return with_hourly_writes(frames, told)


def last_of(records: Records) -> pl.DataFrame:
    """Return the time and day of each session's last prompt, call, or use of a tool."""
    timed = [records[kind].select("group_key", "at", "day") for kind in ("prompt", "call", "tool_use", "tool_result")]
    return pl.concat(timed).drop_nulls("at").sort("at").unique("group_key", keep="last")


def _placed(results: pl.DataFrame, records: Records) -> pl.DataFrame:
    """Put results that have no time where their session's last record is; those of no such session have to wait."""
    undated = results.filter(pl.col("at").is_null()).drop("at", "day").join(last_of(records), on="group_key")
    return pl.concat([results.filter(pl.col("at").is_not_null()), undated.select(results.columns)])


def _new(told: pl.DataFrame) -> pl.DataFrame:
    """Return the records with `amount`: what is new since the one before of a series that goes on counting."""
    number = pl.col("value").cast(_MONEY, strict=False)
    before = pl.col("_number").shift(1).over("group_key", "series", order_by="at")
    rising = pl.col("_number") - before
    return (
        told.with_columns(number.alias("_number"))
        .with_columns(
            pl.when(pl.col("is_cumulative").fill_null(False) & before.is_not_null() & (rising >= 0))
            .then(rising)
            .otherwise("_number")
            .alias("amount")
        )
        .drop("_number")
    )


def _sum_of(measure: str) -> pl.Expr:
    """The sum of a measure; null where it is not told."""
    of_it = pl.col("amount").filter(pl.col("measure") == measure)
    return pl.when(of_it.len() > 0).then(of_it.sum()).alias(measure)


def _calls(summed: pl.DataFrame) -> pl.DataFrame:
    """Return a call record for each export or run and model of the sums."""
    by = ("group_key", "told_by", "_run", "model", "is_subagent", "agent_name", "agent_id", "at")
    run = pl.when(pl.col("told_by") != _METRIC).then("series").alias("_run")
    summed = summed.sort(ORDER)
    summed = summed.filter(pl.col("measure").is_in((*_TOKENS, "cost_usd"))).with_columns(run)
    found = summed.group_by(by, maintain_order=True).agg(
        *(pl.col(name).first() for name in ("record_key", *_SOURCE, "parent_tool_call_id", "agent_version")),
        *(_sum_of(name) for name in (*_TOKENS, "cost_usd")),
    )
    # A count that goes on is exported again and again while nothing is added.
    found = found.filter(pl.any_horizontal(pl.col(*_TOKENS, "cost_usd") != 0))
    cached = pl.col("cache_read_tokens").fill_null(0)
    given = pl.coalesce("input_tokens", (pl.col("input_tokens_with_cache") - cached).clip(lower_bound=0))
    is_gemini = pl.col("input_tokens_with_cache").is_not_null()
    thought = pl.when(is_gemini).then(pl.col("reasoning_tokens").fill_null(0)).otherwise(0)
    names = ["group_key", "told_by", "_run", "model", "is_subagent", "agent_name"]
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in names] + [pl.col("at").dt.to_string("iso")]
    told = pl.concat_str(pl.lit('{"summed_up_by":"'), "told_by", pl.lit('"}'))
    found = found.with_columns(
        pl.concat_str(pl.lit("sum"), *parts, separator=":").alias("call_id"),
        (given + pl.col("tool_tokens").fill_null(0)).alias("input_tokens"),
        (pl.col("output_tokens") + thought).alias("output_tokens"),
        pl.col("cache_write_tokens").alias("cache_write_5m_tokens"),
        pl.col("cost_usd").cast(pl.String).alias("reported_cost_usd"),
        told.alias("attributes"),
    )
    return _conform(found, "call")


def _changes(new: pl.DataFrame) -> pl.DataFrame:
    """Return a change record for each export that tells changed lines; which files they were in, no sum tells."""
    lines = new.filter(pl.col("measure").is_in(_LINES)).sort(ORDER)
    found = lines.group_by("group_key", "at", maintain_order=True).agg(
        *(pl.col(name).first() for name in ("record_key", *_SOURCE, "agent_name", "agent_version")),
        *(_sum_of(name) for name in _LINES),
    )
    return _conform(found, "change")


def _conform(found: pl.DataFrame, kind: str) -> pl.DataFrame:
    schema = SCHEMAS[kind]
    return found.select(
        (pl.col(name) if name in found.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def with_hourly_writes(records: Records, told: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Count what exported calls wrote to the cache as kept for an hour, where the session's runs say that all was."""
    frames = dict(records)
    runs = told.filter(pl.col("measure").is_in((_ONE_HOUR, _FIVE_MINUTES)))
    if runs.is_empty():
        return frames
    amount = pl.col("value").cast(pl.Int64, strict=False)
    hourly = runs.group_by("group_key").agg(
        (
            (amount.filter(pl.col("measure") == _ONE_HOUR).sum() > 0)
            & (amount.filter(pl.col("measure") == _FIVE_MINUTES).sum() == 0)
        ).alias("_hourly")
    )
    moved = IS_EXPORTED & pl.col("_hourly").fill_null(False)
    five, hour = pl.col("cache_write_5m_tokens"), pl.col("cache_write_1h_tokens")
    frames["call"] = (
        frames["call"]
        .join(hourly, on="group_key", how="left", maintain_order="left")
        .with_columns(
            pl.when(moved).then(pl.coalesce(hour, five)).otherwise(hour).alias("cache_write_1h_tokens"),
            pl.when(moved & five.is_not_null()).then(pl.lit(0)).otherwise(five).alias("cache_write_5m_tokens"),
        )
        .drop("_hourly")
    )
    return frames

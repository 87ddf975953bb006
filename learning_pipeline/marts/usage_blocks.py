"""Usage per hour, and per block of five hours."""

from datetime import timedelta

import numpy as np
import polars as pl

from learning_pipeline.contracts.marts_windows import BLOCK_HOURS
from learning_pipeline.marts.stats import TOKENS, names, tokens_and_cost
from learning_pipeline.marts.usage import COUNTS, counts, usage
from learning_pipeline.marts.work import dated

_HOUR = timedelta(hours=1)
_HOUR_US = 3_600_000_000
_MINUTE_MS = 60_000
# Reasoning is a part of the output.
_ALL_TOKENS = TOKENS[:4]


def usage_hourly(calls: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum usage that has a time by hour, source and model.

    An hour ends with its last microsecond's successor: what is on the full hour counts before. Blocks that begin at
    a full hour and hold what is up to five hours later, as ccusage's, are then sums of whole hours.
    """
    whole = pl.col("_at").dt.truncate("1h")
    return (
        dated(usage(calls, executions))
        .filter(pl.col("_at").is_not_null())
        .group_by(
            "day",
            "source",
            "model",
            hour_end_at=pl.when(pl.col("_at") == whole).then(whole).otherwise(whole + _HOUR),
        )
        .agg(
            *counts(),
            pl.col("_at").min().alias("first_call_at"),
            pl.col("_at").max().alias("last_call_at"),
            *tokens_and_cost(),
        )
    )


def usage_block(hourly: pl.LazyFrame) -> pl.LazyFrame:
    """Sum mart_usage_hourly by block, as the command `ccusage blocks` cuts them.

    A block begins at the full hour of its first call and takes all calls up to five hours later; the next call
    begins the next one.
    """
    hours = hourly.group_by("source", "hour_end_at").agg(first=pl.col("first_call_at").min()).collect()
    starts = pl.concat([_cut(source, *rest) for source, *rest in _by_source(hours)] or [_NO_STARTS])
    within = (
        hourly.join(starts.lazy(), on=["source", "hour_end_at"])
        .group_by("source", "block_start_at")
        .agg(
            pl.col(COUNTS).sum(),
            pl.col("first_call_at").min(),
            pl.col("last_call_at").max(),
            names("model").alias("models"),
            *tokens_and_cost(),
        )
        .sort("source", "block_start_at")
    )
    active = pl.col("active_ms")
    tokens = pl.when(pl.any_horizontal(pl.col(_ALL_TOKENS).is_not_null())).then(pl.sum_horizontal(_ALL_TOKENS))
    per_hour = pl.col("cost_usd_per_hour")
    left = (pl.col("block_end_at") - pl.col("last_call_at")).dt.total_milliseconds() / (60 * _MINUTE_MS)
    return (
        within.with_columns(
            block_end_at=pl.col("block_start_at") + BLOCK_HOURS * _HOUR,
            active_ms=(pl.col("last_call_at") - pl.col("first_call_at")).dt.total_milliseconds(),
            gap_before_ms=(
                pl.col("first_call_at") - pl.col("last_call_at").shift().over("source")
            ).dt.total_milliseconds(),
            tokens=tokens,
            is_open=pl.col("block_start_at") == pl.col("block_start_at").max().over("source"),
        )
        .with_columns(
            tokens_per_minute=pl.when(active >= _MINUTE_MS).then(pl.col("tokens") * _MINUTE_MS / active),
            cost_usd_per_hour=pl.when(active >= _MINUTE_MS).then(
                pl.col("cost_usd").cast(pl.Float64) * (60 * _MINUTE_MS) / active
            ),
        )
        .with_columns(
            projected_cost_usd=pl.when("is_open").then(pl.col("cost_usd").cast(pl.Float64) + per_hour * left.clip(0))
        )
    )


_NO_STARTS = pl.DataFrame(
    schema={
        "source": pl.String,
        "hour_end_at": pl.Datetime("us", "UTC"),
        "block_start_at": pl.Datetime("us", "UTC"),
    }
)
_Hours = tuple[str, np.ndarray, np.ndarray]


def _by_source(hours: pl.DataFrame) -> list[_Hours]:
    """Return the ends of the hours with usage in each source, in order, and the first call of each."""
    return [
        (str(source), part["hour_end_at"].dt.epoch("us").to_numpy(), part["first"].dt.epoch("us").to_numpy())
        for (source,), part in hours.sort("source", "hour_end_at").group_by("source", maintain_order=True)
    ]


def _cut(source: str, ends: np.ndarray, firsts: np.ndarray) -> pl.DataFrame:
    """Return the block that each hour belongs to."""
    starts = np.empty_like(ends)
    at = 0
    while at < len(ends):
        start = firsts[at] - firsts[at] % _HOUR_US
        until = int(np.searchsorted(ends, start + BLOCK_HOURS * _HOUR_US, side="right"))
        starts[at:until] = start
        at = until
    columns = {"hour_end_at": ends, "block_start_at": starts}
    times = [pl.Series(name, values).cast(pl.Datetime("us", "UTC")) for name, values in columns.items()]
    return pl.DataFrame(times).select(pl.lit(source).alias("source"), *columns)

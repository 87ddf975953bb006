"""One number of one subject per day: the series that baselines, spikes, drift, trends and forecasts look at."""

import polars as pl

from learning_pipeline.contracts.marts_daily import EVERYTHING
from learning_pipeline.marts.stats import count, mean_of_ratios
from learning_pipeline.marts.work import dated

_NANO = 1_000_000_000
_GRAIN = ("day", "subject_kind", "subject")
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


def metric_daily(executions: pl.LazyFrame, calls: pl.LazyFrame, tools: pl.LazyFrame) -> pl.LazyFrame:
    """Return the numbers of all work, of each agent, of each model and of each tool, by day."""
    work = dated(executions).with_columns(
        cost=pl.col("cost_usd").cast(pl.Float64),
        tokens=pl.when(pl.any_horizontal(pl.col(_TOKENS).is_not_null())).then(pl.sum_horizontal(_TOKENS)),
        known_tools=pl.when(pl.col("tool_errors").is_not_null()).then("tool_calls"),
        subject_kind=pl.lit("agent"),
        subject="agent_name",
    )
    whole = work.with_columns(subject_kind=pl.lit("all"), subject=pl.lit(EVERYTHING))
    of_work = [
        *(_rate(one, "success_rate", pl.col("success")) for one in (work, whole)),
        *(_mean(one, f"{name}_per_execution", column) for one in (work, whole) for name, column in _MEANS.items()),
        *(_score(one, "quality_score") for one in (work, whole)),
        *(_tool_errors(one) for one in (work, whole)),
        *(_counted(one, "executions") for one in (work, whole)),
        *(_cost(one) for one in (work, whole)),
    ]
    by_model = dated(calls).with_columns(subject_kind=pl.lit("model"), subject="model")
    by_tool = dated(tools).with_columns(subject_kind=pl.lit("tool"), subject="tool_name")
    of_calls = [
        part
        for one, name in ((by_model, "calls"), (by_tool, "calls"))
        for part in (
            _rate(one, "error_rate", pl.col("is_error")),
            _mean(one, "duration_ms_per_call", "duration_ms"),
            _counted(one, name),
        )
    ]
    found = pl.concat([*of_work, *of_calls], how="diagonal").filter(pl.col("subject").is_not_null())
    # The last digits of a quotient depend on how many days are computed together.
    return found.with_columns(pl.col("value").round_sig_figs(12), pl.col("log_variance").round(9))


_MEANS = {"duration_ms": "duration_ms", "cost_usd": "cost", "tokens": "tokens"}


def _as(frame: pl.LazyFrame, metric: str, form: str) -> pl.LazyFrame:
    return frame.with_columns(metric=pl.lit(metric), form=pl.lit(form))


def _rate(frame: pl.LazyFrame, metric: str, hit: pl.Expr) -> pl.LazyFrame:
    found = frame.filter(hit.is_not_null()).group_by(*_GRAIN).agg(n=pl.len().cast(pl.Int64), hits=count(hit))
    return _as(found.with_columns(value=pl.col("hits") / pl.col("n")), metric, "rate")


def _mean(frame: pl.LazyFrame, metric: str, column: str) -> pl.LazyFrame:
    """Return the geometric mean of values above 0, and the variance of their logarithms.

    Logarithms are summed as whole billionths, and their squares too: that does not depend on the rows' order.
    """
    log = pl.col(column).cast(pl.Float64).log()
    n, mean = pl.col("n"), pl.col("_sum") / pl.col("n") / _NANO
    spread = (pl.col("_squares") / n / _NANO - mean**2) * n / (n - 1)
    found = (
        frame.filter(pl.col(column) > 0)
        .group_by(*_GRAIN)
        .agg(
            n=pl.len().cast(pl.Int64),
            _sum=(log * _NANO).round().cast(pl.Int64).sum(),
            _squares=(log**2 * _NANO).round().cast(pl.Int64).sum(),
        )
        .with_columns(value=mean.exp(), log_variance=pl.when(n > 1).then(spread.clip(0)))
        .drop("_sum", "_squares")
    )
    return _as(found, metric, "mean")


def _score(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    known = frame.filter(pl.col(column).is_not_null()).group_by(*_GRAIN)
    return _as(known.agg(n=pl.len().cast(pl.Int64), value=mean_of_ratios(column)), column, "score")


def _tool_errors(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the share of tool calls that failed, over executions that tell both numbers."""
    known = frame.filter(pl.col("known_tools") > 0).group_by(*_GRAIN)
    sums = known.agg(n=pl.col("known_tools").sum(), hits=pl.min_horizontal("tool_errors", "known_tools").sum())
    return _as(sums.with_columns(value=pl.col("hits") / pl.col("n")), "tool_error_rate", "rate")


def _counted(frame: pl.LazyFrame, metric: str) -> pl.LazyFrame:
    found = frame.group_by(*_GRAIN).agg(n=pl.len().cast(pl.Int64))
    return _as(found.with_columns(value=pl.col("n").cast(pl.Float64)), metric, "count")


def _cost(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return what the executions of the day cost, over those with a computed cost."""
    priced = frame.filter(pl.col("cost_usd").is_not_null()).group_by(*_GRAIN)
    found = priced.agg(n=pl.len().cast(pl.Int64), value=pl.col("cost_usd").sum().cast(pl.Float64))
    return _as(found, "cost_usd", "sum")

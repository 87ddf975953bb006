"""Expressions that several marts share. All of them give the same bits whatever the order of the rows."""

from math import sqrt

import polars as pl

# 97.5th percentile of the standard normal distribution: the two-sided 95 % interval.
Z = 1.959963984540054
_NANO = 1_000_000_000


def total(column: str) -> pl.Expr:
    """Sum integers or decimals exactly; null where every value is null, since nothing is known then."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()).alias(column)


def mean_of_ratios(column: str) -> pl.Expr:
    """Return the mean of numbers around 1, by billionths: a sum of integers does not depend on the rows' order."""
    # Divided twice: a count times a billion would not fit into what Polars counts with.
    return (billionths(column) / pl.col(column).count() / _NANO).fill_nan(None)


def billionths(column: str) -> pl.Expr:
    """Return the sum of numbers around 1 in billionths, an integer."""
    return (pl.col(column) * _NANO).round().cast(pl.Int64).sum()


def mean_of_billionths(column: str, n: str) -> pl.Expr:
    """Return what `mean_of_ratios` does, of sums in billionths and of counts."""
    return (pl.col(column).sum() / pl.col(n).sum() / _NANO).fill_nan(None)


def percentile(column: str, q: float) -> pl.Expr:
    """Return a percentile, interpolated linearly between the two nearest values; null without any."""
    return pl.col(column).quantile(q, interpolation="linear")


def percentiles_of_lists(frame: pl.LazyFrame, grain: tuple[str, ...], column: str, n: str, **q: float) -> pl.LazyFrame:
    """Return, by grain, how many numbers there are in all lists of a column, as `n`, and their percentiles.

    A grain whose lists are all empty has no row.
    """
    numbers = frame.select(*grain, column).explode(column)
    counted = pl.col(column).count().cast(pl.Int64).alias(n)
    return numbers.group_by(grain).agg(counted, *(percentile(column, value).alias(name) for name, value in q.items()))


def names(column: str) -> pl.Expr:
    """Return the different values of a text column as a sorted list, without null."""
    return pl.col(column).drop_nulls().unique().sort()


def every(column: str) -> pl.Expr:
    """Return the different values of lists as one sorted list."""
    return pl.col(column).explode().drop_nulls().unique().sort()


def distinct(column: str) -> pl.Expr:
    """Return how many different values there are, without null."""
    return pl.col(column).drop_nulls().n_unique().cast(pl.Int64)


def count(condition: pl.Expr) -> pl.Expr:
    """Return for how many rows a condition holds; one that is null does not."""
    return condition.fill_null(False).sum().cast(pl.Int64)


def rate(successes: str, n: str) -> pl.Expr:
    """Return successes by n; null where n is 0."""
    return pl.when(pl.col(n) > 0).then(pl.col(successes) / pl.col(n))


def wilson(successes: str, n: str) -> tuple[pl.Expr, pl.Expr]:
    """Return both ends of the 95 % Wilson score interval of a rate; null where n is 0.

    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22, pages 209 to 212; without continuity correction.
    """
    k, count_ = pl.col(successes).cast(pl.Float64), pl.col(n).cast(pl.Float64)
    share = k / count_
    scale = 1 + Z * Z / count_
    centre = (share + Z * Z / (2 * count_)) / scale
    half = Z / scale * (share * (1 - share) / count_ + Z * Z / (4 * count_ * count_)).sqrt()
    known = pl.col(n) > 0
    # At 0 and n the ends are 0 and 1 exactly; rounding must not say otherwise.
    low = pl.when(known & (k > 0)).then((centre - half).clip(0, 1)).when(known).then(0.0)
    high = pl.when(known & (k < count_)).then((centre + half).clip(0, 1)).when(known).then(1.0)
    return low, high


def wilson_interval(successes: int, n: int) -> tuple[float, float] | None:
    """Return the same interval for two plain numbers, None where n is 0."""
    if n == 0:
        return None
    share, scale = successes / n, 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / scale
    half = Z / scale * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return (max(centre - half, 0.0) if successes else 0.0), (min(centre + half, 1.0) if successes < n else 1.0)


def outcome_counts() -> tuple[pl.Expr, ...]:
    """Return the counts of a success rate, over executions."""
    return (
        pl.col("success").count().cast(pl.Int64).alias("labelled"),
        count(pl.col("success")).alias("successes"),
        count(~pl.col("success")).alias("failures"),
        pl.col("success").null_count().cast(pl.Int64).alias("unknown_outcomes"),
    )


def success_rate() -> dict[str, pl.Expr]:
    """Return the success rate and its interval, from the counts."""
    low, high = wilson("successes", "labelled")
    return {"success_rate": rate("successes", "labelled"), "success_low": low, "success_high": high}


TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
MONEY = ("cost_usd", "reported_cost_usd")


def tokens_and_cost() -> tuple[pl.Expr, ...]:
    """Return the sums of tokens by kind and of money."""
    return tuple(total(column) for column in (*TOKENS, *MONEY))


def with_cache_writes(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Add `cache_write_tokens` to model calls: both kinds of cache write; null where neither is known."""
    kinds = ("cache_write_5m_tokens", "cache_write_1h_tokens")
    known = pl.any_horizontal(pl.col(kind).is_not_null() for kind in kinds)
    return calls.with_columns(cache_write_tokens=pl.when(known).then(pl.sum_horizontal(kinds)))

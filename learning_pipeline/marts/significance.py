"""Tests of differences: two proportions, two means, many comparisons at once.

All take and return NumPy arrays; a comparison that cannot be made has the p-value NaN.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

Array = npt.NDArray[np.float64]

# A share of few is pulled towards the share of all: as if this many more of these had been seen.
SHRINKAGE_N = 10
# Below an expected count of this the normal approximation is not used.
_LEAST_EXPECTED = 5


def two_proportions(hits: Array, n: Array, other_hits: Array, other_n: Array) -> Array:
    """Return two-sided p-values for equal proportions.

    The pooled z test where each of the four expected counts is 5 or more; else Fisher's exact test (the sum of the
    probabilities of all tables that are no more likely). A. Agresti, Categorical Data Analysis, 3rd edition,
    sections 3.2.2 and 3.5.1.
    """
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        share = (hits + other_hits) / (n + other_n)
        z = (hits / n - other_hits / other_n) / np.sqrt(share * (1 - share) * (1 / n + 1 / other_n))
        p = 2 * ndtr(-np.abs(z))
        least = np.minimum(n, other_n) * np.minimum(share, 1 - share)
    compared = (n > 0) & (other_n > 0)
    p = np.where(compared, p, np.nan)
    few = np.flatnonzero(compared & ~(least >= _LEAST_EXPECTED))
    # Of few there are few different tables: each is asked once.
    tables, place = np.unique(
        np.column_stack([hits[few], n[few], other_hits[few], other_n[few]]).astype(np.int64),
        axis=0,
        return_inverse=True,
    )
    p[few] = np.array([_fisher(*map(int, table)) for table in tables])[place.reshape(-1)]
    return p


def _log_choose(total: int | npt.NDArray[np.int64], k: int | npt.NDArray[np.int64]) -> Array:
    from scipy.special import gammaln

    return np.asarray(gammaln(np.add(total, 1)) - gammaln(np.add(k, 1)) - gammaln(np.subtract(total, k) + 1))


def _no_more_likely(log: Array, seen: float) -> float:
    """Return the probability of all results that are no more likely than the one that was seen."""
    return float(min(1.0, np.exp(log[log <= seen + 1e-7]).sum()))


def _fisher(hits: int, n: int, other_hits: int, other_n: int) -> float:
    all_hits = hits + other_hits
    k = np.arange(max(0, all_hits - other_n), min(n, all_hits) + 1)
    log = _log_choose(n, k) + _log_choose(other_n, all_hits - k) - _log_choose(n + other_n, all_hits)
    return _no_more_likely(log, log[k == hits][0])


def one_proportion(hits: int, n: int, share: float) -> float:
    """Return the exact two-sided p-value for a proportion of `share`: of all counts that are no more likely.

    A. Agresti, Categorical Data Analysis, 3rd edition, section 1.4.4.
    """
    if not 0 < share < 1:
        return 1.0 if hits == n * round(share) else 0.0
    k = np.arange(n + 1)
    log = _log_choose(n, k) + k * np.log(share) + (n - k) * np.log1p(-share)
    return _no_more_likely(log, log[hits])


def welch(mean: Array, variance: Array, n: Array, other_mean: Array, other_variance: Array, other_n: Array) -> Array:
    """Return two-sided p-values for equal means, variances not assumed to be equal.

    B. L. Welch (1947), The generalization of Student's problem when several different population variances are
    involved, Biometrika 34, pages 28 to 35; degrees of freedom after Satterthwaite.
    """
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = variance / n, other_variance / other_n
        t = (mean - other_mean) / np.sqrt(one + other)
        freedom = (one + other) ** 2 / (one**2 / (n - 1) + other**2 / (other_n - 1))
        return np.where((n > 1) & (other_n > 1), 2 * stdtr(freedom, -np.abs(t)), np.nan)


def ranks(values: Array) -> Array:
    """Return each value's rank from 1 up; equal ones share the mean of theirs. (SciPy's takes a second to import.)"""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last: Array = np.cumsum(count, dtype=np.float64)
    return (last - (count - 1) / 2)[place.reshape(-1)]


def benjamini_hochberg(p: Array) -> Array:
    """Return q-values: the least false discovery rate at which each comparison would be called a difference.

    Y. Benjamini and Y. Hochberg (1995), Controlling the false discovery rate, Journal of the Royal Statistical
    Society B 57, pages 289 to 300. NaN stays NaN and does not count as a comparison.
    """
    q = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    if known.size:
        order = known[np.argsort(p[known], kind="stable")]
        adjusted = p[order] * known.size / np.arange(1, known.size + 1)
        q[order] = np.minimum(np.minimum.accumulate(adjusted[::-1])[::-1], 1.0)
    return q


def compared(frame: pl.DataFrame, hits: str, n: str, other_hits: str, other_n: str) -> pl.DataFrame:
    """Add `p_value` of two proportions, and `q_value` over all rows."""
    arrays = (frame[name].cast(pl.Float64).to_numpy() for name in (hits, n, other_hits, other_n))
    return with_q(frame, two_proportions(*arrays))


def with_q(frame: pl.DataFrame, p: Array) -> pl.DataFrame:
    """Add these p-values as `p_value`, and `q_value` over all rows; null where no comparison could be made."""
    columns = (pl.Series("p_value", p), pl.Series("q_value", benjamini_hochberg(p)))
    return frame.with_columns(column.fill_nan(None).cast(pl.Float64) for column in columns)


def shrunk(hits: str, n: str, of_all: pl.Expr) -> pl.Expr:
    """Return a share pulled towards that of all: the mean of a Beta posterior whose prior counts SHRINKAGE_N."""
    return ((pl.col(hits) + SHRINKAGE_N * of_all) / (pl.col(n) + SHRINKAGE_N)).clip(0, 1)

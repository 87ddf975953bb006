import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from learning_pipeline.marts.significance import one_proportion
from learning_pipeline.marts.stats import mean_of_ratios, total, wilson, wilson_interval


def test_wilson_is_scipys() -> None:
    cases = [(k, n) for n in (1, 2, 7, 20, 1000) for k in {0, 1, n // 3, n - 1, n}]
    low, high = wilson("k", "n")
    rows = pl.DataFrame(cases, schema=["k", "n"], orient="row").with_columns(low=low, high=high).rows()
    for k, n, got_low, got_high in rows:
        known = binomtest(k, n).proportion_ci(0.95, "wilson")
        assert (got_low, got_high) == pytest.approx((known.low, known.high), abs=1e-12)
        assert wilson_interval(k, n) == pytest.approx((got_low, got_high), abs=1e-15)


def test_no_evidence_has_no_interval() -> None:
    low, high = wilson("k", "n")
    assert pl.DataFrame({"k": [0], "n": [0]}).select(low=low, high=high).rows() == [(None, None)]
    assert wilson_interval(0, 0) is None


def test_a_sum_of_nothing_known_is_unknown() -> None:
    frame = pl.DataFrame({"g": [1, 1, 2], "x": [None, 0, None]}, schema_overrides={"x": pl.Int64})
    assert frame.group_by("g").agg(total("x")).sort("g").rows() == [(1, 0), (2, None)]


@given(st.lists(st.floats(0, 1), min_size=1), st.randoms(use_true_random=False))
def test_a_mean_has_the_same_bits_in_any_order(values: list[float], random: object) -> None:
    shuffled = values[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def mean(some: list[float]) -> float:
        return pl.DataFrame({"x": some}).select(mean_of_ratios("x")).item()

    assert mean(values) == mean(shuffled)
    assert mean(values) == pytest.approx(sum(values) / len(values), abs=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.0, 1e-9, 0.1, 0.5, 0.73, 1.0]))
def test_the_exact_test_of_a_proportion_is_scipys(hits: int, misses: int, share: float) -> None:
    p = one_proportion(hits, hits + misses, share)
    expected = 1.0 if hits + misses == 0 else binomtest(hits, hits + misses, share).pvalue
    assert p == pytest.approx(expected, rel=1e-6, abs=1e-12)

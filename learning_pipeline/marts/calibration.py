"""How far the confidence of logged routing decisions can be trusted, and what each part of it is worth."""

import numpy as np
import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_decisions import (
    COMPONENT_WEIGHTS,
    CONFIDENCE_BINS,
    MartRoutingComponent,
)
from learning_pipeline.marts.significance import Array, benjamini_hochberg, one_proportion, ranks, with_q
from learning_pipeline.marts.stats import Z, mean_of_ratios, outcome_counts, success_rate
from learning_pipeline.marts.work import dated

_TOTAL = "total"
_FALSE_DISCOVERIES = 0.05


def routing_calibration(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """Compare confidence with what came of it, in tenths of the confidence; validated decisions alone."""
    confidence = pl.col("confidence")
    bins = (
        dated(decisions)
        .filter(pl.col("actual_success").is_not_null() & confidence.is_not_null())
        .with_columns(
            success="actual_success",
            confidence_bin=(confidence * CONFIDENCE_BINS).floor().clip(0, CONFIDENCE_BINS - 1).cast(pl.Int64),
        )
        .group_by("confidence_bin")
        .agg(*outcome_counts(), mean_of_ratios("confidence").alias("mean_confidence"))
        .with_columns(
            confidence_from=pl.col("confidence_bin") / CONFIDENCE_BINS,
            confidence_to=(pl.col("confidence_bin") + 1) / CONFIDENCE_BINS,
            **success_rate(),
        )
        .with_columns(gap_ratio=pl.col("success_rate") - pl.col("mean_confidence"))
        .sort("confidence_bin")
        .collect()
    )
    counted = bins.select("successes", "labelled", "mean_confidence").iter_rows()
    p = np.array([one_proportion(k, n, min(max(mean, 0.0), 1.0)) for k, n, mean in counted], dtype=float)
    return with_q(bins, p).with_columns(is_calibrated=pl.col("q_value") >= _FALSE_DISCOVERIES).lazy()


def routing_component(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """Tell how well each part of the confidence tells successes from failures; validated decisions alone."""
    parts = {name: f"{name}_confidence" for name in COMPONENT_WEIGHTS} | {_TOTAL: "confidence"}
    known = (
        dated(decisions)
        .filter(pl.col("actual_success").is_not_null())
        .sort("decided_at", "decision_id")
        .select("actual_success", *parts.values())
        .collect()
    )
    complete = known.drop_nulls([parts[name] for name in COMPONENT_WEIGHTS])
    outcome = complete["actual_success"].to_numpy().astype(bool)
    weighted = {name: weight * complete[parts[name]].to_numpy() for name, weight in COMPONENT_WEIGHTS.items()}
    whole = sum(weighted.values(), np.zeros(complete.height))
    with_all = auc(whole[outcome], whole[~outcome])[0]
    rows = []
    for name, column in parts.items():
        some = known.select("actual_success", value=column).drop_nulls()
        good = some.filter("actual_success")["value"].to_numpy()
        bad = some.filter(~pl.col("actual_success"))["value"].to_numpy()
        if not some.height:
            continue
        without = (
            auc(whole[outcome] - weighted[name][outcome], whole[~outcome] - weighted[name][~outcome])[0]
            if (name != _TOTAL)
            else np.nan
        )
        value, low, high, p = auc(good, bad)
        rows.append(
            {
                "component": name,
                "stated_weight": COMPONENT_WEIGHTS.get(name),
                "n": some.height,
                "successes": len(good),
                "mean_of_successes": _mean(good),
                "mean_of_failures": _mean(bad),
                "auc": value,
                "auc_low": low,
                "auc_high": high,
                "p_value": p,
                "complete_n": complete.height,
                "auc_without": without,
                "auc_gain": with_all - without,
            }
        )
    if not rows:
        return pl.LazyFrame(schema=polars_schema(MartRoutingComponent))
    frame = pl.DataFrame(rows, infer_schema_length=None)
    q = pl.Series("q_value", benjamini_hochberg(frame["p_value"].to_numpy()))
    return frame.with_columns(q).with_columns(pl.selectors.float().fill_nan(None)).lazy()


def auc(good: Array, bad: Array) -> tuple[float, float, float, float]:
    """Return the chance that a value of `good` is above one of `bad`, its 95 % interval, and a p-value for one half.

    Ties count half. The interval is that of J. A. Hanley and B. J. McNeil (1982), Radiology 143, pages 29 to 36; the
    p-value that of the Mann-Whitney test with normal approximation, corrected for ties. All are NaN without both.
    """
    from scipy.special import ndtr

    m, n = len(good), len(bad)
    if not m or not n:
        return (np.nan,) * 4
    values = np.concatenate([good, bad])
    area = float((ranks(values)[:m].sum() - m * (m + 1) / 2) / (m * n))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    half = Z * np.sqrt(max(spread, 0.0) / (m * n))
    _, ties = np.unique(values, return_counts=True)
    total = m + n
    variance = (total + 1 - (ties**3 - ties).sum() / (total * (total - 1))) / (12 * m * n) if total > 1 else 0.0
    p = float(2 * ndtr(-abs(area - 0.5) / np.sqrt(variance))) if variance > 0 else 1.0
    return area, max(area - half, 0.0), min(area + half, 1.0), p


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None

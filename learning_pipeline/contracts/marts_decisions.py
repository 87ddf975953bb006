"""Contracts of the marts on how agents were chosen, and how one became another."""

from typing import Any

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    Table,
    Text,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_base import SuccessRate, grain_field, ms_field

CONFIDENCE_BINS = 10
# How the four parts make up the confidence in the systems that log them.
COMPONENT_WEIGHTS = {"trigger": 0.4, "context": 0.3, "capability": 0.2, "historical": 0.1}
DECISION_DAYS = 90


def us_field(description: str) -> Any:
    """Declare a duration in microseconds that was interpolated."""
    return field(description, unit="us", ge=0)


class MartRoutingDaily(Table):
    """How the router of the logs chose, per day and strategy."""

    day: Day = key_field("UTC day of the decisions")
    strategy_: Text = grain_field("How the choice was made; null where the log does not say", alias="strategy")
    decisions: Integer = count_field("Decisions", null=False)
    sessions: Integer = count_field("Different sessions", null=False)
    agents: Integer = count_field("Different agents chosen", null=False)
    validated: Integer = count_field("Decisions whose outcome was validated: the n of accuracy", null=False)
    validated_successes: Integer = count_field("Of these, those that turned out well", null=False)
    accuracy: Real = share_field("Turned out well among the validated; null without any")
    accuracy_low: Real = share_field("Lower end of its 95 % Wilson interval")
    accuracy_high: Real = share_field("Upper end of its 95 % Wilson interval")
    expected_known: Integer = count_field("Decisions whose right agent is known: the n of agreement", null=False)
    expected_matches: Integer = count_field("Of these, those that chose it", null=False)
    agreement: Real = share_field("Chose the right agent where it is known; null without any")
    agreement_low: Real = share_field("Lower end of its 95 % Wilson interval")
    agreement_high: Real = share_field("Upper end of its 95 % Wilson interval")
    confidence: Real = share_field("Mean confidence of the decisions that state one")
    confidence_n: Integer = count_field("Decisions that state a confidence", null=False)
    error_n: Integer = count_field("Validated decisions with a confidence: the n of both errors", null=False)
    prediction_error: Real = share_field("Mean distance of confidence from the outcome, 0 or 1; null without any")
    brier_score: Real = share_field("Mean square of that distance; null without any")
    cache_known: Integer = count_field("Decisions that tell of the cache: the n of cache_hit_rate", null=False)
    cache_hits: Integer = count_field("Decisions that came from the cache", null=False)
    cache_hit_rate: Real = share_field("From the cache among those that tell; null without any")
    cache_hit_low: Real = share_field("Lower end of its 95 % Wilson interval")
    cache_hit_high: Real = share_field("Upper end of its 95 % Wilson interval")
    fallback_known: Integer = count_field("Decisions that tell of a fallback: the n of fallback_rate", null=False)
    fallbacks: Integer = count_field("Decisions after which something else had to run", null=False)
    fallback_rate: Real = share_field("Fell back among those that tell; null without any")
    fallback_low: Real = share_field("Lower end of its 95 % Wilson interval")
    fallback_high: Real = share_field("Upper end of its 95 % Wilson interval")
    executed_known: Integer = count_field(
        "Decisions whose execution began on the same day and is known: the n of bypass_rate", null=False
    )
    bypasses: Integer = count_field("Of these, those that another agent than the chosen one ran", null=False)
    bypass_rate: Real = share_field("Run by another agent among those known; null without any")
    bypass_low: Real = share_field("Lower end of its 95 % Wilson interval")
    bypass_high: Real = share_field("Upper end of its 95 % Wilson interval")
    asker_known: Integer = count_field(
        "Decisions whose request led to a transformation that names the agent before: the n of self_rate", null=False
    )
    self_routings: Integer = count_field("Of these, those that chose the agent that was there before", null=False)
    self_rate: Real = share_field("Chose the agent itself among those known; null without any")
    self_low: Real = share_field("Lower end of its 95 % Wilson interval")
    self_high: Real = share_field("Upper end of its 95 % Wilson interval")
    routing_n: Integer = count_field("Decisions with a known time: the n of its percentiles", null=False)
    p50_us: Real = us_field("Median time that a decision took")
    p95_us: Real = us_field("95th percentile of that time")
    p99_us: Real = us_field("99th percentile of that time")


class MartRoutingCalibration(SuccessRate):
    """How often decisions of like confidence turned out well, over the validated ones of the last 90 days."""

    confidence_bin: Integer = key_field("Tenth of the confidence, from 0", ge=0, lt=CONFIDENCE_BINS)
    confidence_from: Real = share_field("Least confidence of the bin", null=False)
    confidence_to: Real = share_field("End of the bin, in it only for the last", null=False)
    mean_confidence: Real = share_field("Mean confidence of the decisions in it", null=False)
    gap_ratio: Real = field(
        "Success rate less mean confidence: below 0 the router is too sure", unit="ratio", null=False, ge=-1, le=1
    )
    p_value: Real = share_field("Two-sided exact binomial p-value of the successes at the mean confidence", null=False)
    q_value: Real = share_field("The p-value corrected for all bins (Benjamini and Hochberg)", null=False)
    is_calibrated: Flag = field("False where q_value is below 0.05", null=False)


class MartRoutingComponent(Table):
    """What each part of the confidence is worth, over the validated decisions of the last 90 days."""

    component: Text = key_field("Part of the confidence; total is the confidence itself")
    stated_weight: Real = share_field("Weight in the score that the logged systems use; null for the total")
    n: Integer = count_field("Validated decisions with this part", null=False)
    successes: Integer = count_field("Of these, those that turned out well", null=False)
    mean_of_successes: Real = share_field("Mean where it turned out well; null without any")
    mean_of_failures: Real = share_field("Mean where it did not; null without any")
    auc: Real = share_field("Chance that it is higher for a success than for a failure; null without both")
    auc_low: Real = share_field("Lower end of its 95 % interval (Hanley and McNeil 1982)")
    auc_high: Real = share_field("Upper end of its 95 % interval")
    p_value: Real = share_field("Two-sided p-value of the Mann-Whitney test, normal approximation, ties corrected")
    q_value: Real = share_field("The p-value corrected for all parts (Benjamini and Hochberg)")
    complete_n: Integer = count_field("Validated decisions with all four parts: the n of the next two", null=False)
    auc_without: Real = share_field("The same chance for the weighted sum of the other three; null for the total")
    auc_gain: Real = field("What the weighted sum of all four gains by this part", unit="ratio", ge=-1, le=1)


class MartTransformationDaily(SuccessRate):
    """How agents became another agent, per day and target; a transformation counts once, whatever steps it logs."""

    day: Day = key_field("UTC day of the steps")
    target_agent: Text = key_field("Agent that was to be")
    transformations: Integer = count_field("Transformations", null=False)
    events: Integer = count_field("Steps that the log tells of them", null=False)
    completed: Integer = count_field("Transformations with a completion", null=False)
    failed: Integer = count_field("Transformations with a failure", null=False)
    source_known: Integer = count_field("Transformations whose agent before is known: the n of self_rate", null=False)
    self_transformations: Integer = count_field("Of these, those into the same agent", null=False)
    self_rate: Real = share_field("Into the same agent among those known; null without any")
    self_low: Real = share_field("Lower end of its 95 % Wilson interval")
    self_high: Real = share_field("Upper end of its 95 % Wilson interval")
    request_known: Integer = count_field("Transformations that name their request: the n of unrouted_rate", null=False)
    unrouted: Integer = count_field("Of these, those whose request no decision of the day is for", null=False)
    unrouted_rate: Real = share_field("Without a decision among those known; null without any")
    unrouted_low: Real = share_field("Lower end of its 95 % Wilson interval")
    unrouted_high: Real = share_field("Upper end of its 95 % Wilson interval")
    transformation_n: Integer = count_field("Transformations with a known time to change", null=False)
    transformation_p50_ms: Real = ms_field("Median time that the change took")
    transformation_p95_ms: Real = ms_field("95th percentile of that time")
    initialization_n: Integer = count_field("Transformations with a known time to get ready", null=False)
    initialization_p50_ms: Real = ms_field("Median time that the new agent took to get ready")
    initialization_p95_ms: Real = ms_field("95th percentile of that time")
    total_n: Integer = count_field("Transformations with a known time to completion", null=False)
    total_p50_ms: Real = ms_field("Median time to the completion of the work")
    total_p95_ms: Real = ms_field("95th percentile of that time")
    quality_score: Real = share_field("Mean quality of the transformations that have one")
    quality_n: Integer = count_field("Transformations with a quality", null=False)


DECISION_MARTS: dict[str, type[Table]] = {
    "mart_routing_daily": MartRoutingDaily,
    "mart_routing_calibration": MartRoutingCalibration,
    "mart_routing_component": MartRoutingComponent,
    "mart_transformation_daily": MartTransformationDaily,
}

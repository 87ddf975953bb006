"""What contracts of marts share: parts of a grain that may be null, rates with their count, token columns."""

from typing import Any

import pandera.polars as pa

from learning_pipeline.contracts.base import Integer, Real, ReportedUsd, Table, Usd, count_field, field, share_field

# Below this many labelled executions a rate is shown, and marked as too little to judge by.
ENOUGH_LABELS = 20

# What a learning database of this kind is expected to hold; `mart_throughput` measures against it.
TARGET_EXECUTIONS_PER_DAY = (2000, 5000)
TARGET_AGENTS = 20
TARGET_TASK_TYPES = 10


def grain_field(description: str, **checks: Any) -> Any:
    """Declare a column of the grain that may be null: rows whose value is unknown form one group."""
    return pa.Field(description=description, nullable=True, metadata={"unit": None, "key": True}, **checks)


def ms_field(description: str) -> Any:
    """Declare a duration that was averaged or interpolated."""
    return field(description, unit="ms", ge=0)


class Tokens(Table):
    """Token counts by kind; null where no record of the group says."""

    input_tokens: Integer = count_field("Uncached input tokens", unit="tokens")
    output_tokens: Integer = count_field("Output tokens", unit="tokens")
    cache_read_tokens: Integer = count_field("Input tokens read from the cache", unit="tokens")
    cache_write_tokens: Integer = count_field("Input tokens written to the cache", unit="tokens")
    reasoning_tokens: Integer = count_field("Reasoning tokens, a part of the output", unit="tokens")


class Cost(Table):
    """Cost: computed from prices, and as the logs reported it."""

    cost_usd: Usd = field(
        "Computed cost of what has a price: of model calls, and of executions whose log tells tokens and no call; "
        "null where nothing has one",
        unit="USD",
        ge=0,
    )
    reported_cost_usd: ReportedUsd = field(
        "Cost that the logs reported, never a part of cost_usd; null where they did not", unit="USD", ge=0
    )


class Usage(Tokens, Cost):
    """Model calls, and executions of which no call is known: what tokens and cost are the sum of."""

    calls: Integer = count_field("Model calls", null=False)
    executions: Integer = count_field(
        "Executions whose log tells tokens or cost, and no model call: they count as a whole", null=False
    )
    unpriced_calls: Integer = count_field("Calls whose cost could not be computed; not a part of cost_usd", null=False)
    unpriced_executions: Integer = count_field(
        "Of these executions, those whose cost could not be computed; not a part of cost_usd", null=False
    )


class SuccessRate(Table):
    """Success rate with its count and 95 % Wilson interval."""

    labelled: Integer = count_field("Executions whose success or failure is known: the n of the rate", null=False)
    successes: Integer = count_field("Executions that succeeded", null=False)
    failures: Integer = count_field("Executions that failed or timed out", null=False)
    unknown_outcomes: Integer = count_field("Executions of which neither success nor failure is known", null=False)
    success_rate: Real = share_field("Successes among labelled; null without any")
    success_low: Real = share_field("Lower end of the rate's 95 % Wilson interval")
    success_high: Real = share_field("Upper end of the rate's 95 % Wilson interval")


class Durations(Table):
    """Percentiles of durations, interpolated linearly; null where no duration is known."""

    p50_ms: Real = ms_field("Median duration")
    p90_ms: Real = ms_field("90th percentile of the duration")
    p95_ms: Real = ms_field("95th percentile of the duration")
    p99_ms: Real = ms_field("99th percentile of the duration")

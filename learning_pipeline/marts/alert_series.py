"""What the alert rules measure: hits and n, by subject and hour. All are whole numbers, so their order is no matter."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import polars as pl

from learning_pipeline.marts.alert_rules import ALL
from learning_pipeline.marts.facts import own_calls
from learning_pipeline.marts.spec import CALLS, TOOLS, WORK

DECISIONS, CHANGES = "fct_routing_decisions", "fct_agent_transformations"
ASKED, HEALTH = "fct_interactions", "fct_health_events"
# Columns that tell when a row's event was, the first that is known.
TIMES: dict[str, tuple[str, ...]] = {
    WORK: ("started_at", "ended_at"),
    CALLS: ("started_at",),
    TOOLS: ("started_at",),
    DECISIONS: ("decided_at",),
    CHANGES: ("started_at", "completed_at"),
    ASKED: ("requested_at",),
    HEALTH: ("occurred_at",),
}
SLOW_ROUTING_US = 200_000
SLOW_CALL_MS = 120_000
_NANO = 1_000_000_000
# Tells that there were events, whatever they were.
ANY = "any"
_GRAIN = ("day", "subject", "hour")
_OPEN = ("open", "unknown")

Frames = Mapping[str, pl.LazyFrame]


def by_day(frames: Frames) -> pl.LazyFrame:
    """Sum up what the alert rules need, by day, measure, subject and hour: of all facts that have a time."""
    timed = {name: frames[name].with_columns(at=pl.coalesce(columns)) for name, columns in TIMES.items()}
    events = {name: frame.filter(pl.col("at").is_not_null()) for name, frame in timed.items()}
    measured = {ANY: pl.concat([_hourly(one, pl.lit(ALL), pl.lit(1), pl.lit(1)) for one in events.values()])}
    measured |= {measure: series(events) for measure, series in SERIES.items()}
    return pl.concat(
        [series.select(pl.lit(measure).alias("measure"), *_GRAIN, "hits", "n") for measure, series in measured.items()]
    )


def _hourly(frame: pl.LazyFrame, subject: pl.Expr, hit: pl.Expr, n: pl.Expr) -> pl.LazyFrame:
    """Sum by day, subject and hour; `hour` is the end of the hour."""
    return (
        frame.select(
            "day",
            subject=subject,
            hour=pl.col("at").dt.truncate("1h") + timedelta(hours=1),
            hits=hit.cast(pl.Int64),
            n=n.cast(pl.Int64),
        )
        .filter(pl.col("subject").is_not_null())
        .group_by(_GRAIN)
        .agg(pl.col("hits").sum(), pl.col("n").sum())
    )


def _rate(frame: pl.LazyFrame, hit: pl.Expr, *subjects: pl.Expr) -> pl.LazyFrame:
    """Count hits among the rows that tell (`hit` is not null), once for each way to name a subject."""
    known = frame.with_columns(_hit=hit).filter(pl.col("_hit").is_not_null())
    return pl.concat([_hourly(known, subject, pl.col("_hit"), pl.lit(1)) for subject in subjects])


def _silence(events: Frames) -> pl.LazyFrame:
    """Return as hits what shows that agents work, and as n what shows that the systems around them do."""
    whole = pl.lit(ALL)
    ends = events[WORK].filter(pl.col("ended_at") >= pl.col("at")).with_columns(at="ended_at")
    work = [_hourly(one, whole, pl.lit(1), pl.lit(0)) for one in (events[WORK], ends, events[CALLS], events[TOOLS])]
    other = [_hourly(events[name], whole, pl.lit(0), pl.lit(1)) for name in (DECISIONS, CHANGES, ASKED, HEALTH)]
    return pl.concat([*work, *other]).group_by(_GRAIN).agg(pl.col("hits").sum(), pl.col("n").sum())


def _cost(events: Frames) -> pl.LazyFrame:
    """Return the cost as whole billionths of a dollar: of calls, and of executions whose log tells no call."""
    alone = events[WORK].join(own_calls(events[WORK], events[CALLS]), on="execution_id", how="anti")
    nano = (pl.col("cost_usd") * _NANO).cast(pl.Float64).round().cast(pl.Int64)
    parts = [
        _hourly(one.filter(pl.col("cost_usd").is_not_null()), pl.lit(ALL), nano, pl.lit(1))
        for one in (events[CALLS], alone)
    ]
    return pl.concat(parts).group_by(_GRAIN).agg(pl.col("hits").sum(), pl.col("n").sum())


def _ended_with_error() -> pl.Expr:
    return pl.when(~pl.col("outcome").is_in(_OPEN)).then(
        pl.col("error_type").is_not_null() & (pl.col("error_type") != "interrupted")
    )


# An agent of that very name would be counted twice.
_WHOLE, _AGENT, _MODEL = pl.lit(ALL), pl.when(pl.col("agent_name") != ALL).then("agent_name"), pl.col("model")
SERIES: dict[str, Callable[[Frames], pl.LazyFrame]] = {
    "success": lambda e: _rate(e[WORK], pl.col("success"), _WHOLE, _AGENT),
    "errors": lambda e: _rate(e[WORK], _ended_with_error(), _WHOLE, _AGENT),
    "model_errors": lambda e: _rate(e[CALLS], pl.col("is_error"), _MODEL),
    "tool_errors": lambda e: _rate(e[TOOLS], pl.col("is_error"), _WHOLE),
    "silence": _silence,
    "cost": _cost,
    "volume": lambda e: _hourly(e[WORK], _WHOLE, pl.lit(1), pl.lit(1)),
    "fallback": lambda e: _rate(e[DECISIONS], pl.col("fallback"), _WHOLE),
    "slow_routing": lambda e: _rate(e[DECISIONS], pl.col("routing_us") > SLOW_ROUTING_US, _WHOLE),
    "slow_calls": lambda e: _rate(e[CALLS], pl.col("duration_ms") > SLOW_CALL_MS, _MODEL),
    "stuck": lambda e: _rate(e[WORK], pl.col("is_stuck"), _WHOLE),
    "unhealthy": lambda e: _rate(e[HEALTH], pl.col("event_type").is_in(["error", "degraded"]), _AGENT),
}

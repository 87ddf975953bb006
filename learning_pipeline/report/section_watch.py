"""Sections on what needs attention, and on the data itself."""

from learning_pipeline.report.parts import Chart, Question, Section

ALERT_STATES = """
select state, rule, subject, value, threshold, unit, n, since, message from mart_alert
order by list_position(['critical', 'warning', 'ok'], state), value is null, rule, subject limit 100
"""

FORECAST = """
with watched as (
    select day, 'known' as what, value, null as low, null as high, n, null as method, null as mae, null as naive_mae
    from mart_metric_daily where subject_kind = 'all' and metric = 'cost_usd'
        and day > (select max(day) from mart_metric_daily) - 60
), expected as (
    select day, 'expected', forecast, low, high, null, method, mae, naive_mae
    from mart_forecast where subject_kind = 'all' and metric = 'cost_usd'
)
from watched union all from expected where exists (from expected) order by day
"""

ANOMALIES = """
select day, subject, metric, value, expected, change_ratio, n, score, q_value, direction, is_worse
from mart_anomaly order by day desc, q_value, subject_kind, subject, metric limit 60
"""

DRIFTS = """
select subject, metric, shape, direction, since_day, change_ratio, days, n, is_worse
from mart_drift where shape <> 'stable' order by is_worse desc nulls last, subject_kind, subject, metric limit 60
"""

LAWS = """
from (
select 'every line is accounted for: ' || source as rule,
    case when bool_and(is_conserved) then 'ok' else 'critical' end as state,
    sum(lines_read - event_lines - duplicates - quarantined - ignored)::double as value, 0.0 as threshold,
    'lines' as unit, sum(lines_read)::bigint as n
from mart_data_quality group by source
union all
select 'rejected lines', case when sum(quarantined) > 0.05 * sum(lines_read) then 'warning' else 'ok' end,
    sum(quarantined) / nullif(sum(lines_read), 0), 0.05, 'share of lines', sum(lines_read)::bigint
from mart_data_quality having count(*) > 0
union all
select 'models without a price', case when count(*) > 0 then 'warning' else 'ok' end, count(*), 0, 'models',
    coalesce(sum(calls + executions), 0)::bigint
from mart_unpriced_models
union all
select 'fields and kinds that no reader knows', case when count(*) > 0 then 'warning' else 'ok' end, count(*), 0,
    'names', coalesce(sum(occurrences), 0)::bigint
from mart_unknown_fields
) order by state = 'ok', rule
"""

LINES = """
select source, fate, lines from (
    unpivot (
        select source, sum(event_lines)::bigint as "event", sum(duplicates)::bigint as "duplicate",
            sum(quarantined)::bigint as "quarantined", sum(ignored)::bigint as "ignored by a rule"
        from mart_data_quality group by source
    ) on "event", "duplicate", "quarantined", "ignored by a rule" into name fate value lines
) order by source, fate
"""

LANDED = """
select source, day, lines_read, event_lines, duplicates, quarantined, ignored, is_conserved
from mart_data_quality order by day desc, source limit 100
"""


def _plain(
    table: str, title: str, about: str, n_of: str, *, order: str = "all", n: str = "", unit: str = "as its columns say"
) -> Chart:
    """Return a mart as it is, for what reads best as a table."""
    question = Question({table: ((n,) if n else ())}, f"from {table} order by {order} limit 100")
    return Chart(table, title, about, "table", unit, n, n_of, (question,))


ALERTS = Section(
    "alerts",
    "Alerts and trends",
    "Rules with their thresholds and what was measured. learning-pipeline health asks more of them, as of now.",
    (
        Chart(
            "alerts",
            "Rules and their state",
            "Critical ones first; what was measured is as of the newest event. The first 100.",
            "table",
            "as the row says",
            "",
            "rules, each on one subject",
            (
                Question(
                    {"mart_alert": ("rule", "subject", "state", "value", "threshold", "unit", "n", "since", "message")},
                    ALERT_STATES,
                ),
            ),
        ),
        Chart(
            "laws",
            "Do the laws hold",
            "What is not ok stands first.",
            "table",
            "as the row says",
            "n",
            "lines, calls or names that were looked at",
            (
                Question(
                    {
                        "mart_data_quality": ("source", "lines_read", "is_conserved"),
                        "mart_unpriced_models": ("calls", "executions"),
                        "mart_unknown_fields": ("occurrences",),
                    },
                    LAWS,
                ),
            ),
        ),
        Chart(
            "forecast",
            "Cost per day, and the next 14 days",
            "All work together: what was, then what is expected, with a 95 % interval from back-test errors. "
            "The table says by which method, and how far off it and seasonal naive were before.",
            "lines",
            "USD",
            "n",
            "executions of the days that are known",
            (
                Question(
                    {
                        "mart_forecast": ("day", "subject_kind", "metric", "forecast", "low", "high", "method", "mae"),
                        "mart_metric_daily": ("day", "subject_kind", "metric", "value", "n"),
                    },
                    FORECAST,
                ),
            ),
            x="day",
            y="value",
            series="what",
            columns={"mae": "mean error before (USD)", "naive_mae": "that of seasonal naive (USD)"},
        ),
        Chart(
            "anomalies",
            "Days unlike the others",
            "Far from a robust baseline, corrected for all days and numbers; the newest 60.",
            "table",
            "as the metric says",
            "",
            "days and numbers",
            (
                Question(
                    {"mart_anomaly": ("day", "subject", "metric", "value", "expected", "score", "q_value", "is_worse")},
                    ANOMALIES,
                ),
            ),
            none="none: no day was far from what is usual, or too few days are known to tell.",
        ),
        Chart(
            "drifts",
            "Slow drift and steps",
            "Changes that no single day shows, over up to 90 days; what is stable is left out.",
            "table",
            "as the metric says",
            "",
            "numbers that are watched",
            (
                Question(
                    {
                        "mart_drift": (
                            "subject",
                            "metric",
                            "shape",
                            "direction",
                            "since_day",
                            "change_ratio",
                            "days",
                            "n",
                        )
                    },
                    DRIFTS,
                ),
            ),
            none="none: nothing drifts, or too few days are known to tell.",
        ),
    ),
)

QUALITY = Section(
    "quality",
    "Data quality",
    "Lines read are exactly event lines, duplicates, quarantined and ignored lines together, for each source.",
    (
        Chart(
            "lines",
            "Where every line went, by source",
            "All landings together.",
            "bars",
            "lines",
            "lines",
            "lines read",
            (
                Question(
                    {
                        "mart_data_quality": (
                            "source",
                            "event_lines",
                            "duplicates",
                            "quarantined",
                            "ignored",
                        )
                    },
                    LINES,
                ),
            ),
            x="lines",
            y="source",
            series="fate",
        ),
        Chart(
            "landed",
            "Lines by source and day of landing",
            "The newest 100.",
            "table",
            "lines",
            "lines_read",
            "lines read",
            (Question({"mart_data_quality": ("source", "day", "lines_read", "event_lines", "is_conserved")}, LANDED),),
        ),
        _plain(
            "mart_quarantine_reason",
            "Rejected lines by reason",
            "Lines that broke a rule; kept in quarantine, and read again when the file or the reader is mended.",
            "rejected lines",
            n="rejects",
            order='rejects desc, source, day, "check", "column"',
            unit="lines",
        ),
        _plain(
            "mart_unpriced_models",
            "Models without a price",
            "Their cost is unknown, and no part of any cost above.",
            "calls without a price",
            n="calls",
            unit="calls and tokens",
        ),
        _plain(
            "mart_unknown_fields",
            "Fields and kinds that no reader knows",
            "Counted by name; the lines are kept.",
            "occurrences",
            n="occurrences",
            unit="occurrences",
        ),
        _plain(
            "mart_freshness",
            "How old each table is",
            "As of when the tables were put together.",
            "rows",
            n="rows",
            unit="hours",
        ),
    ),
)

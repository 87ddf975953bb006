"""Sections on what needs attention, and on the data itself."""

from learning_pipeline.report.parts import Chart, Question, Section

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
    "Alerts",
    "Rules with their thresholds and what was measured. learning-pipeline health asks more of them, as of now.",
    (
        _plain("mart_alert", "Rules and their state", "Every rule, what it was measured on, and since when.", "rules"),
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
        _plain("mart_anomaly", "Days unlike the others", "Spikes against a robust baseline.", "anomalies"),
        _plain("mart_drift", "Slow drift", "Changes that no single day shows.", "agents and metrics"),
        _plain(
            "mart_forecast", "The next days", "Shown with the back-tested error against seasonal naive.", "forecasts"
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

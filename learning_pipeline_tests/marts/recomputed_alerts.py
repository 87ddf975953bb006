"""How every alert rule stands, computed a second time: hour by hour in plain SQL, over the facts."""

from learning_pipeline.marts.alert_rules import RULES, Rule
from learning_pipeline_tests.marts.derived import ends

NOW = "(select max(measured_at) from mart_freshness)"
_TIMES = {
    **{
        "fct_executions": "coalesce(started_at, ended_at)",
        "fct_llm_calls": "started_at",
        "fct_tool_calls": "started_at",
    },
    **{"fct_routing_decisions": "decided_at", "fct_agent_transformations": "coalesce(started_at, completed_at)"},
    **{"fct_interactions": "requested_at", "fct_health_events": "occurred_at"},
}


def begun(at: str) -> str:
    """Return the condition of being in an hour that has begun: a log whose clock is wrong does not tell what is new."""
    return f"date_trunc('hour', {at}) <= {NOW}"


_NEWEST = " union all ".join(f"select max({at}) as t from {table} where {begun(at)}" for table, at in _TIMES.items())
# The full hour after the newest event.
END = f"(select date_trunc('hour', max(t)) + interval 1 hour from ({_NEWEST}))"
_WORK, _AGENT = "fct_executions", "nullif(agent_name, 'all')"
_ENDED = "if(outcome in ('open', 'unknown'), null, coalesce(error_type <> 'interrupted', false))"


def _hits(table: str, hit: str, n: str, *subjects: str, where: str = "true", at: str | None = None) -> str:
    at = at or _TIMES[table]
    return " union all ".join(
        f"select {subject} as subject, {at} as seen, {hit} as hits, {n} as n from {table} where {where}"
        for subject in subjects
    )


def _share(table: str, hit: str, *subjects: str) -> str:
    return _hits(table, f"({hit})::int", "1", *subjects, where=f"({hit}) is not null")


_ALONE = """not exists (from fct_llm_calls c where c.execution_id = fct_executions.execution_id and c.day between
    fct_executions.day and greatest(fct_executions.day, coalesce(ended_at::date, fct_executions.day + 1)))"""
MEASURES = {
    "success": _share(_WORK, "success", "'all'", _AGENT),
    "errors": _share(_WORK, _ENDED, "'all'", _AGENT),
    "model_errors": _share("fct_llm_calls", "is_error", "model"),
    "tool_errors": _share("fct_tool_calls", "is_error", "'all'"),
    "fallback": _share("fct_routing_decisions", "fallback", "'all'"),
    "slow_routing": _share("fct_routing_decisions", "routing_us > 200000", "'all'"),
    "slow_calls": _share("fct_llm_calls", "duration_ms > 120000", "model"),
    "stuck": _share(_WORK, "is_stuck", "'all'"),
    "unhealthy": _share("fct_health_events", "event_type in ('error', 'degraded')", _AGENT),
    "volume": _hits(_WORK, "1", "1", "'all'"),
    "cost": " union all ".join(
        (
            _hits("fct_llm_calls", "cost_usd::double", "1", "'all'", where="cost_usd is not null"),
            _hits(_WORK, "cost_usd::double", "1", "'all'", where=f"cost_usd is not null and {_ALONE}"),
        )
    ),
    "silence": " union all ".join(
        [_hits(table, "1", "0", "'all'") for table in ("fct_executions", "fct_llm_calls", "fct_tool_calls")]
        + [
            _hits(
                _WORK,
                "1",
                "0",
                "'all'",
                at="ended_at",
                where=f"ended_at >= {_TIMES[_WORK]}",
            )
        ]
        + [_hits(table, "0", "1", "'all'") for table in list(_TIMES)[3:]]
    ),
}


def _over(hours: int, *, first: int = 0) -> str:
    return f"over (partition by subject order by hour rows between {hours - 1} preceding and {first} preceding)"


def _valued(rule: Rule) -> str:
    """Return SQL over `grid`: value, n, what of the value is sure, and whether that is enough to tell."""
    window = rule.window_hours
    summed = f"select *, sum(hits) {_over(window)} as k, sum(n) {_over(window)} as m from grid"
    low, high = ends("k", "m")
    if rule.form == "rate":
        sure = low if rule.direction == "above" else high
        return f"""select subject, hour, k / nullif(m, 0) as value, m as n, {sure} as sure,
            m >= {rule.least_n} as enough from ({summed})"""
    if rule.form == "drop":
        low_before, _ = ends("k0", "m0")
        return f"""select subject, hour, value, least_n as n, if(value - sqrt((k0 / m0 - {low_before}) ** 2
                + ({high} - k / m) ** 2) > 0, value, null) as sure, least_n >= {rule.least_n} as enough
            from (select *, k0 / nullif(m0, 0) - k / nullif(m, 0) as value, least(m, m0) as least_n
                from (select *, sum(hits) {_over(5 * window)} - k as k0, sum(n) {_over(5 * window)} - m as m0
                    from ({summed})))"""
    if rule.form == "spike":
        return f"""select subject, hour, if(enough, value, null) as value, n, if(enough, value, null) as sure,
                enough and value is not null as enough
            from (
                select s.subject, s.hour, any_value(s.m) as n,
                    any_value(s.k) / nullif(if(count(o.k) >= 7, median(o.k), null), 0) as value,
                    greatest(any_value(s.m), median(o.m)) >= {rule.least_n} as enough
                from ({summed}) as s left join (
                    select * from ({summed}) as w
                    where hour >= (select min(hour) from grid g where g.subject = w.subject and g.n > 0)
                        + interval {window - 1} hour
                ) as o on o.subject = s.subject and o.hour < s.hour and o.hour >= s.hour - interval {14 * 24} hour
                    and (epoch(s.hour) - epoch(o.hour)) % 86400 = 0
                group by s.subject, s.hour)"""
    return """select subject, hour, if(spell = 0, null, count(*) filter (where hits = 0) over spells)::double as value,
            coalesce(sum(n) filter (where hits = 0) over spells, 0) as n, value as sure, n >= 5 as enough
        from (select *, count(*) filter (where hits > 0) over (partition by subject order by hour) as spell from grid)
        window spells as (partition by subject, spell order by hour)"""


def _stands(rule: Rule) -> str:
    beyond = "sure >= {0}" if rule.direction == "above" else "sure < {0}"
    held = f"over (partition by subject order by hour rows between {rule.for_hours} preceding and current row)"
    kept = f"over (partition by subject order by hour rows between {rule.clear_hours} preceding and current row)"
    return f"""
    select '{rule.name}' as rule, subject, level, value, n, since, fired, cleared from (
        with counted as (
            select subject, date_trunc('hour', seen) + interval 1 hour as hour, sum(hits) as hits, sum(n) as n
            from ({MEASURES[rule.measure]}) where {begun("seen")} and subject is not null group by all
        ), hours as (
            select unnest(generate_series({END} - interval 1175 hour, {END}, interval 1 hour)) as hour
        ), grid as materialized (
            select s.subject, h.hour, coalesce(c.hits, 0) as hits, coalesce(c.n, 0) as n
            from (select distinct subject from counted where hour >= {END} - interval 1175 hour) as s cross join hours h
            left join counted c using (subject, hour)
        ), valued as materialized ({_valued(rule)}), raws as (
            select *, if({"sure is not null" if rule.form == "spike" else "enough"},
                coalesce(({beyond.format(rule.warning)})::int, 0) + coalesce(({beyond.format(rule.critical)})::int, 0),
                0) as raw
            from valued
        ), helds as (
            select *, if(count(*) {held} > {rule.for_hours}, min(raw) {held}, 0) as held from raws
        ), levels as (
            select *, max(held) {kept} as level from helds
        ), looked as (
            select *, lag(level) over (partition by subject order by hour) as was from levels
            where hour > {END} - interval 336 hour
        )
        select subject, any_value(level) filter (where hour = {END}) as level,
            any_value(value) filter (where hour = {END} and enough) as value,
            any_value(n::bigint) filter (where hour = {END}) as n, max(hour) filter (where was <> level) as since,
            count(*) filter (where was = 0 and level > 0) as fired,
            count(*) filter (where was > 0 and level = 0) as cleared
        from looked group by subject
    )"""


_RULES = ", ".join(
    f"('{r.name}', {float(r.warning)}, {float(r.critical)}, '{r.direction}', '{r.unit}', {r.least_n}, {r.for_hours},"
    f" {r.window_hours})"
    for r in RULES
)
_COLUMNS = "rule, warning, critical, direction, unit, least_n, for_hours, window_hours"


def _of_rule(rule: Rule) -> tuple[str, str]:
    got = f"select rule, subject, state, value, n, since, fired, cleared from mart_alert where rule = '{rule.name}'"
    return (
        got,
        f"""with s as materialized (from ({_stands(rule)}))
        select rule, subject, ['ok', 'warning', 'critical'][level::int + 1], value, n, since, fired, cleared from s
        union all
        select '{rule.name}', 'all', 'ok', null, 0, null, 0, 0 where not exists (from s)""",
    )


ALERTS_RECOMPUTED: dict[str, tuple[str, str]] = {
    **{f"mart_alert {rule.name}": _of_rule(rule) for rule in RULES},
    "mart_alert rules": (
        f"select distinct {_COLUMNS} from mart_alert where rule <> 'budget'",
        f"""select rule, warning::double, critical::double, direction, unit, least_n, for_hours, window_hours
        from (values {_RULES}) as rules({_COLUMNS})""",
    ),
    "mart_alert budget": (
        """select rule, subject, state, value, n, since, fired, cleared, warning, critical, direction, unit, least_n,
            for_hours, window_hours from mart_alert where rule = 'budget'""",
        """select 'budget', budget, coalesce(state, 'ok'), spent_ratio, usages, reached_day::timestamptz,
            coalesce((state <> 'ok')::int, 0), 0, 0.8::double, 1.0::double, 'above', 'ratio', 1, 0, period_days * 24
        from mart_budget where is_open""",
    ),
    "mart_alert words": (
        "select rule, subject, threshold, as_of, message from mart_alert",
        f"""select rule, subject, if(state = 'critical', critical, warning), {END},
            case when rule = 'budget' or state <> 'ok' and value is not null
                then if(contains(message, subject) or rule in ('no_executions', 'cost_spike', 'volume_high',
                    'volume_low'), message, subject)
            when n = 0 and value is null and message like '%nothing to measure' then 'all: nothing to measure'
            when value is null then subject || ': too little to tell, ' || n || ' of ' || least_n || ' events'
            else subject || ': ' || rule || ' is ok' end
        from mart_alert""",
    ),
}

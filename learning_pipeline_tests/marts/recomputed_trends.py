"""What is usual, sticks out, creeps and is expected, computed a second time: in plain SQL, over mart_metric_daily."""

from learning_pipeline_tests.marts.recomputed import METRICS

_KEY = "subject_kind, subject, metric"
_SCALED = """case form when 'count' then 2 * sqrt({0} + 0.375) when 'sum' then 2 * sqrt({0})
    when 'mean' then if({0} > 0, ln({0}), null) else {0} end"""
_LEAST = """case form when 'sum' then greatest(0.01 * abs({0}), 1e-9) when 'mean' then 0.02 when 'count' then 1.0
    else 0.005 end"""
SCALE_OF_MAD = "1.482602218505602"
WORSE = """case when regexp_matches(metric, '^(error_rate|tool_error_rate|duration_ms|cost_usd|tokens)') then {0}
    when regexp_matches(metric, '^(success_rate|quality_score)') then not {0} end"""


def unscaled(x: str) -> str:
    """Return SQL: the value that lies at a place of the scale."""
    return f"""case form when 'count' then greatest((greatest({x}, 0) / 2) ** 2 - 0.375, 0)
        when 'sum' then (greatest({x}, 0) / 2) ** 2 when 'mean' then exp({x}) else greatest(least({x}, 1), 0) end"""


def series(days: int) -> str:
    """Return SQL: CTEs of the days of each number with 14 days or more, on the scale, without its weekly season."""
    return f"""newest as (select max(day) as newest from mart_metric_daily where day <> date '1970-01-01'),
    told as (
        select * from mart_metric_daily, newest where day > newest - {days} and day <> date '1970-01-01'
        qualify count(*) over (partition by {_KEY}) >= 14
    ), spans as (
        select {_KEY}, any_value(form) as form, any_value(newest) as newest, min(day) as first,
            unnest(generate_series(min(day), any_value(newest), interval 1 day))::date as day
        from told group by {_KEY}
    ), full_days as materialized (
        select s.*, coalesce(t.n, 0) as n, t.hits, t.log_variance,
            if(form in ('count', 'sum'), coalesce(t.value, 0), t.value) as value
        from spans s left join (select * exclude (form, newest) from told) as t using ({_KEY}, day)
    ), scaled as materialized (
        select *, {_SCALED.format("value")} as x, isodow(day) as weekday from full_days
    ), apart as materialized (
        select *, x - median(x) over (
            partition by {_KEY} order by day rows between 3 preceding and 3 following) as apart
        from scaled
    ), weeks as (
        select {_KEY}, weekday, count(apart) as n, median(apart) as effect,
            list(apart) filter (where apart is not null) as values
        from apart group by {_KEY}, weekday having count(apart) > 0
    ), tested as materialized (
        select {_KEY}, case when sum(n) < 28 or min(n) < 3 or count(*) < 2 then null
            when len(list_distinct(flatten(list(values)))) = 1 then 1.0
            else weekdays_differ(list(values)) end as season_p, avg(effect) as level
        from weeks group by {_KEY}
    ), clean as materialized (
        select a.*, season_p, coalesce(if(season_p < 0.001, effect - level, 0), 0) as season,
            x - coalesce(if(season_p < 0.001, effect - level, 0), 0) as y
        from apart a left join tested using ({_KEY}) left join (select * exclude (n, values) from weeks) as w
        using ({_KEY}, weekday)
    )"""


_AGENT = "if(subject_kind = 'agent', subject, null)"
_BASELINE = f"""with {series(180)}, last as (
    select * from clean where day between newest - 28 and newest - 1
), middle as (
    select {_KEY}, any_value(form) as form, any_value(season_p) as season_p, min(day) as first_day,
        max(day) as last_day, count(value) as days, sum(n) as n, median(value) as median, median(x) as middle
    from last group by {_KEY} having count(value) >= 7
), spread as (
    select {_KEY}, median(abs(value - median)) as mad, median(abs(x - middle)) as mad_x
    from last join (select * exclude (n, form, season_p) from middle) as m using ({_KEY}) group by {_KEY}
), wide as (
    select *, 3.5 * greatest({SCALE_OF_MAD} * mad_x, {_LEAST.format("middle")}) as half
    from middle join spread using ({_KEY})
)
select {_KEY}, {_AGENT}, form, first_day, last_day, days, n, median, mad, ({unscaled("middle - half")})::double,
    ({unscaled("middle + half")})::double,
    (select value from clean c where c.day = newest and c.subject_kind = w.subject_kind and c.subject = w.subject
        and c.metric = w.metric),
    season_p, season_p < 0.001
from wide as w"""
# Of the days that are told: what was expected of them.
_ANOMALY = f"""with {series(180)}, before as (
    select a.{_KEY.replace(", ", ", a.")}, a.day, median(c.y) as middle, count(c.y) as days, list(c.y) as ys
    from mart_anomaly a join clean c using ({_KEY})
    where c.day between a.day - 56 and a.day - 1 group by all
), found as (
    select c.*, b.days, middle, {unscaled("middle + season")} as expected, y > middle as up,
        (select median(abs(v - middle)) from unnest(ys) as t(v)) as mad
    from before b join clean c using ({_KEY}, day)
)
select {_KEY}, day, {_AGENT}, value, n, expected::double, mad, days, if(expected > 0, value / expected - 1, null),
    if(up, 'up', 'down'), {WORSE.format("up")}
from found"""
# Both fits of the last 90 days, as far as medians tell them.
_FITS = f"""with {series(90)}, days as materialized (
    select *, row_number() over (partition by {_KEY} order by day) as place,
        count(*) over (partition by {_KEY}) as many, day - first as at_
    from clean where y is not null and not (form in ('count', 'sum') and day = newest)
    qualify count(*) over (partition by {_KEY}) >= 28
), slopes as (
    select {_KEY}, median((b.y - a.y) / (b.at_ - a.at_)) as slope
    from days a join (select {_KEY}, y, at_ from days) as b using ({_KEY}) where b.at_ > a.at_ group by {_KEY}
), levels as (
    select {_KEY}, any_value(form) as form, any_value(first) as first, min(day) as first_day, max(day) as last_day,
        count(*) as days, median(y) as middle, min(at_) as begin, max(at_) as done
    from days group by {_KEY}
), far as (
    select {_KEY}, 5 * {SCALE_OF_MAD} * median(abs(y - middle)) as far
    from days join (select {_KEY}, middle from levels) as l using ({_KEY}) group by {_KEY}
), sums as (
    select {_KEY}, place, many, day, sum(if(far > 0, greatest(least(y - middle, far), -far), y - middle)) over (
        partition by {_KEY} order by place) as so_far,
        sum(if(far > 0, greatest(least(y - middle, far), -far), y - middle)) over (partition by {_KEY}) as whole
    from days join (select {_KEY}, middle from levels) as l using ({_KEY}) join far using ({_KEY})
), splits as (
    select {_KEY}, place, round(so_far ** 2 / place + (whole - so_far) ** 2 / (many - place), 9) as explained
    from sums where place between 5 and many - 5
), steps as (
    select {_KEY}, arg_max(place, (explained, -place)) as split from splits group by {_KEY}
), halves as (
    select {_KEY}, median(y) filter (where place <= split) as low, median(y) filter (where place > split) as high,
        min(day) filter (where place > split) as step_day
    from days join steps using ({_KEY}) group by {_KEY}
), counted as (
    select {_KEY}, sum(n) as n from full_days join (select {_KEY}, first_day, last_day from levels) as l using ({_KEY})
    where day between first_day and last_day group by {_KEY}
), lines as (
    select {_KEY}, median(y - slope * at_) as base from days join slopes using ({_KEY}) group by {_KEY}
), fits as (
    select {_KEY}, sum(abs(y - base - slope * at_)) as by_line,
        sum(abs(y - if(place <= split, low, high))) as by_step
    from days join slopes using ({_KEY}) join lines using ({_KEY}) join steps using ({_KEY})
    join (select {_KEY}, low, high from halves) as h using ({_KEY}) group by {_KEY}
), here as (
    select *, base + slope * begin as start, base + slope * done as finish from levels join slopes using ({_KEY})
    join lines using ({_KEY}) join halves using ({_KEY}) join counted using ({_KEY}) join fits using ({_KEY})
), ends as (
    select *, {unscaled("low")} as before, {unscaled("high")} as after, {unscaled("start")} as from_,
        {unscaled("finish")} as to_, {unscaled("(start + finish) / 2")} as level from here
)"""
_DRIFT = f"""{_FITS}
select {_KEY}, {_AGENT}, first_day, last_day, days, n, step_day, before::double, after::double,
    if(if(by_step < by_line, before, from_) > 0,
        if(by_step < by_line, after / before, to_ / from_) - 1, null)::double,
    (case when form = 'mean' then exp(slope) - 1 when level <= 0 then null
        when form = 'count' then slope * sqrt(level + 0.375) / level when form = 'sum' then slope * sqrt(level) / level
        else slope / level end)::double
from ends"""
# Told or not, what is said agrees with the q-values, which way it went, and the better of both fits.
_SHAPE = f"""{_FITS}
select {_KEY}, case when not told then 'stable' when by_step < by_line then 'step' else 'drift' end,
    if(told, if(there > here, 'up', 'down'), null), if(told, {WORSE.format("there > here")}, null),
    if(told, if(by_step < by_line, step_day, first_day), null)
from (
    select *, least(drift_q_value, step_q_value) < 0.01 and here <> there and abs(there - here)
        >= if(form in ('rate', 'score'), 0.05, 0.1 * greatest(here, 1e-12)) as told
    from (
        select e.*, if(by_step < by_line, before, from_) as here, if(by_step < by_line, after, to_) as there,
            m.drift_q_value, m.step_q_value
        from ends e join mart_drift m using ({_KEY})
    )
)"""
_Q = f"""with tests as (
    select {_KEY}, 'drift' as test, drift_p_value as p from mart_drift
    union all select {_KEY}, 'step', step_p_value from mart_drift
), placed as (
    select *, row_number() over (order by p) as place, count(*) over () as many from tests
), q as (
    select *, least(min(p * many / place) over (
        order by place rows between current row and unbounded following), 1) as q from placed
)
select {_KEY}, max(q) filter (where test = 'drift'), max(q) filter (where test = 'step') from q group by {_KEY}"""
# Seasonal naive, the same weekday's last number, from up to four days of the past, a week apart.
_NAIVE = f"""with {series(180)}, whole as (
    select {_KEY}, form, newest, day, day - first as at_, value,
        count(*) over (partition by {_KEY}) as length, count(value) over (partition by {_KEY}) as known
    from full_days
    where subject_kind in ('all', 'agent') and form in ('count', 'sum', 'rate')
    and not (form in ('count', 'sum') and day = newest)
), near as (
    select *, last_value(value ignore nulls) over (w rows between unbounded preceding and current row) as left_value,
        last_value(if(value is null, null, at_) ignore nulls) over (
            w rows between unbounded preceding and current row) as left_at,
        first_value(value ignore nulls) over (w rows between current row and unbounded following) as right_value,
        first_value(if(value is null, null, at_) ignore nulls) over (
            w rows between current row and unbounded following) as right_at
    from whole where length >= 21 and known >= 0.75 * length window w as (partition by {_KEY} order by day)
), filled as materialized (
    -- Gaps lie on a straight line between what is known, and are flat beyond it.
    select {_KEY}, form, newest, day, at_, length, coalesce(value,
        left_value + (right_value - left_value) * (at_ - left_at) / (right_at - left_at),
        left_value, right_value) as value
    from near
), errors as (
    select {_KEY}, abs(f.value - p.value) as error
    from (select *, unnest([0, 1, 2, 3]) as back from filled) as f join (select {_KEY}, at_, value from filled) as p
    using ({_KEY})
    where f.at_ between length - 14 - 7 * back and length - 7 * back - 1 and length - 14 - 7 * back >= 21
    and p.at_ = length - 14 - 7 * back - 7 + (f.at_ - (length - 14 - 7 * back)) % 7
), judged as (
    select {_KEY}, count(*) as n, avg(error) as mae, quantile_cont(error, 0.95) as margin from errors group by {_KEY}
), ahead as (
    select {_KEY}, any_value(form) as form, any_value(newest) as newest, any_value(length) as length,
        list(value order by at_) as values, unnest(generate_series(1, 14)) as horizon
    from filled group by {_KEY}
), made as (
    select a.*, coalesce(j.n, 0) as n, mae, margin, if(form = 'rate', 1, 'infinity'::double) as most,
        values[length - 6 + (horizon - 1 + if(form = 'rate', 0, 1)) % 7] as value
    from ahead a left join judged j using ({_KEY})
)"""

TRENDS_RECOMPUTED: dict[str, tuple[str, str]] = {
    "mart_metric_daily spread": (
        f"select day, {_KEY}, log_variance from mart_metric_daily",
        # A difference of large sums: the same to a millionth.
        f"""select day, {_KEY}, if(abs(m.log_variance - t.log_variance) < 1e-6, m.log_variance, t.log_variance)
        from (select day, {_KEY}, log_variance from mart_metric_daily) as m
        right join (select * from {METRICS}) as t using (day, {_KEY})""",
    ),
    "mart_baseline": (
        f"""select {_KEY}, agent_name, form, first_day, last_day, days, n, median, mad, usual_low, usual_high,
            newest_value, season_p_value, is_seasonal
        from mart_baseline""",
        _BASELINE,
    ),
    "mart_anomaly": (
        f"""select {_KEY}, day, agent_name, value, n, expected, mad, baseline_days, change_ratio, direction, is_worse
        from mart_anomaly""",
        _ANOMALY,
    ),
    "mart_drift": (
        f"""select {_KEY}, agent_name, first_day, last_day, days, n, step_day, level_before, level_after, change_ratio,
            slope_ratio_per_day
        from mart_drift""",
        _DRIFT,
    ),
    "mart_drift shape": (f"select {_KEY}, shape, direction, is_worse, since_day from mart_drift", _SHAPE),
    "mart_drift q": (f"select {_KEY}, drift_q_value, step_q_value from mart_drift", _Q),
    "mart_forecast": (
        f"select {_KEY}, agent_name, day, horizon_days, history_days, naive_mae from mart_forecast",
        f"{_NAIVE} select {_KEY}, {_AGENT}, newest + horizon::int, horizon, length, mae from made",
    ),
    "mart_forecast naive": (
        f"""select {_KEY}, day, forecast, low, high, mae, backtest_n from mart_forecast
        where method = 'seasonal_naive'""",
        f"""{_NAIVE}
        select {_KEY}, day, greatest(least(made.value, most), 0), if(margin is null, null,
            greatest(least(made.value - margin, most), 0)), if(margin is null, null,
            greatest(least(made.value + margin, most), 0)), made.mae, made.n
        from made join (select {_KEY}, day, horizon_days as horizon from mart_forecast where method = 'seasonal_naive')
        using ({_KEY}, horizon)""",
    ),
    "mart_forecast choice": (
        f"select {_KEY}, day, method from mart_forecast",
        f"""select {_KEY}, day, if(candidate_mae < naive_mae, 'mstl_ets', 'seasonal_naive') from mart_forecast""",
    ),
    # Welch's test over days, each one observation, on the scale; two proportions of rates.
    "mart_trend tests": (
        f"select {_KEY}, window_days, test, p_value from mart_trend",
        f"""with m as (
            select *, {_SCALED.format("value")} as x, (select max(day) from mart_metric_daily) - day
                - if(form in ('count', 'sum'), 1, 0) as age from mart_metric_daily where day <> date '1970-01-01'
        ), w as (
            select {_KEY}, d, any_value(form) as form,
                {
            ", ".join(
                f"{sql} filter (where {cond}) as {name}{suffix}"
                for suffix, cond in (("", "age < d"), ("2", "age >= d"))
                for name, sql in (
                    ("v", "var_samp(x)"),
                    ("m", "avg(x)"),
                    ("n", "count(x)"),
                    ("k", "sum(hits)"),
                    ("of_", "sum(n)"),
                )
            )
        }
            from m, (values (7), (30), (90)) as windows(d) where age between 0 and 2 * d - 1
            group by {_KEY}, d having count(*) filter (where age < d) > 0
        ), rates as (select *, (k + k2) / (of_ + of_2)::double as share from w)
        select {_KEY}, d, if(form = 'rate', 'two_proportions', 'welch'),
            case when form = 'rate' then case when coalesce(of_2, 0) = 0 or of_ = 0 then null
                when least(of_, of_2) * least(share, 1 - share) >= 5 then
                    2 * below(-abs((k / of_ - k2 / of_2) / sqrt(share * (1 - share) * (1 / of_ + 1 / of_2))))
                else fisher(k::bigint, of_::bigint, k2::bigint, of_2::bigint) end
            when n < 2 or n2 < 2 or v / n + v2 / n2 = 0 then null
            else student((m - m2) / sqrt(v / n + v2 / n2),
                (v / n + v2 / n2) ** 2 / ((v / n) ** 2 / (n - 1) + (v2 / n2) ** 2 / (n2 - 1))) end
        from rates""",
    ),
}

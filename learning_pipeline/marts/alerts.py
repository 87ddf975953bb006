"""How every alert rule stands on every subject, hour by hour, up to the newest event.

Nothing is remembered from one build to the next: the state of each hour is computed from the facts, and so is since
when it stands. The same facts give the same alerts, whenever and in whatever order they were landed.
"""

from datetime import datetime, timedelta

import polars as pl

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.marts_alert import ALERT_STATES, MartAlert
from learning_pipeline.marts.alert_rules import ALL, DAY, RULES, WEEK, Rule
from learning_pipeline.marts.alert_series import ANY, TIMES
from learning_pipeline.marts.stats import wilson

# Hours that are looked back for the time since when a rule stands as it does.
LOOKED_BACK = 14 * DAY
USUAL_WINDOWS = 14
LEAST_WINDOWS = 7
WEEKS_BEFORE = 4
# Days of facts that the rules read: what is looked back, the longest comparison, and a day at each end.
ALERT_DAYS = LOOKED_BACK // DAY + 7 * (WEEKS_BEFORE + 1) + 2
INPUTS = tuple(TIMES)
_SPAN = LOOKED_BACK + (WEEKS_BEFORE + 1) * WEEK
_GRAIN = ("subject", "hour")


def alert(sums: pl.LazyFrame, now: datetime, rules: tuple[Rule, ...] = RULES) -> pl.LazyFrame:
    """Return a row for every rule on every subject that it measured; a rule that measured nothing has one of all.

    Args:
        sums: what `alert_series.by_day` returns of the facts of INPUTS.
        now: hours that begin after it are left out: a log whose clock is wrong does not make all others old.
    """
    hours = (
        sums.filter(pl.col("hour") <= now + timedelta(hours=1))
        .group_by("measure", *_GRAIN)
        .agg(pl.col("hits", "n").sum())
        .collect()
    )
    end = hours.filter(pl.col("measure") == ANY)["hour"].max()
    if end is None:
        return pl.LazyFrame([_silent(rule, None) for rule in rules], schema=polars_schema(MartAlert))
    assert isinstance(end, datetime)
    grids = {
        str(measure): _grid(series.drop("measure"), end)
        for (measure,), series in hours.group_by("measure", maintain_order=True)
    }
    found: list[pl.DataFrame] = []
    for rule in rules:
        grid = grids.get(rule.measure)
        if grid is None or grid.is_empty():
            found.append(pl.DataFrame([_silent(rule, end)], schema=polars_schema(MartAlert)))
        else:
            found.append(_stand(rule, _levels(rule, grid), end))
    return pl.concat(found).lazy()


def _grid(series: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """Return hits and n of every subject in every hour of the span; 0 where there is nothing."""
    begin = end - timedelta(hours=_SPAN - 1)
    series = series.filter(pl.col("hour").is_between(begin, end))
    hours = pl.datetime_range(begin, end, "1h", time_unit="us", time_zone="UTC", eager=True)
    subjects = series.select(pl.col("subject").unique().sort())
    grid = subjects.join(pl.DataFrame({"hour": hours}), how="cross")
    return grid.join(series, on=_GRAIN, how="left").with_columns(pl.col("hits", "n").fill_null(0)).sort(_GRAIN)


def _summed(hours: int) -> list[pl.Expr]:
    return [pl.col(name).rolling_sum(hours, min_samples=1).over("subject") for name in ("hits", "n")]


def _measured(rule: Rule, grid: pl.DataFrame) -> pl.DataFrame:
    """Add value, n, and `bound`: what of the value is sure, which is what the thresholds are held against."""
    if rule.form == "silence":
        return _silence(grid)
    if rule.form == "spike":
        return _spike(rule, grid)
    rated = grid.with_columns(_summed(rule.window_hours)).with_columns(value=pl.col("hits") / pl.col("n"))
    low, high = wilson("hits", "n")
    if rule.form == "rate":
        return rated.with_columns(bound=low if rule.direction == "above" else high)
    long = (WEEKS_BEFORE + 1) * rule.window_hours
    before = [
        (pl.col(name).rolling_sum(long, min_samples=1).over("subject") - now_).alias(f"{name}_before")
        for name, now_ in zip(("hits", "n"), _summed(rule.window_hours), strict=True)
    ]
    both = grid.with_columns(*before, *_summed(rule.window_hours))
    was, rate = pl.col("hits_before") / pl.col("n_before"), pl.col("hits") / pl.col("n")
    low_before, _ = wilson("hits_before", "n_before")
    surely = (was - rate) - ((was - low_before) ** 2 + (high - rate) ** 2).sqrt() > 0
    # All at once: the rates are by the counts of their own windows, not by the smaller one that is told.
    return both.with_columns(
        value=was - rate, bound=pl.when(surely).then(was - rate), n=pl.min_horizontal("n", "n_before")
    )


def _spike(rule: Rule, grid: pl.DataFrame) -> pl.DataFrame:
    """Divide the window's hits by the median of the windows of the days before, as far as there is data."""
    window = rule.window_hours
    first = grid.filter(pl.col("n") > 0).group_by("subject").agg(first=pl.col("hour").min())
    summed = grid.with_columns(_summed(window)).join(first, on="subject", how="left").sort(_GRAIN)
    whole = pl.col("hour") >= pl.col("first") + timedelta(hours=window - 1)
    summed = summed.with_columns(whole=pl.when(whole).then("hits"), whole_n=pl.when(whole).then("n"))
    shifts = range(1, USUAL_WINDOWS + 1)
    lags = [
        pl.col(name).shift(DAY * k).over("subject").alias(f"{name}_{k}")
        for name in ("whole", "whole_n")
        for k in shifts
    ]
    lists = {name: pl.concat_list(f"{name}_{k}" for k in shifts).list.drop_nulls() for name in ("whole", "whole_n")}
    usual = summed.with_columns(lags).with_columns(
        usual=pl.when(lists["whole"].list.len() >= LEAST_WINDOWS).then(lists["whole"].list.median()),
        usual_n=lists["whole_n"].list.median(),
    )
    value = pl.when(pl.col("usual") > 0).then(pl.col("hits") / pl.col("usual"))
    enough = pl.max_horizontal(pl.col("n").cast(pl.Float64), "usual_n") >= rule.least_n
    return usual.select(*_GRAIN, "hits", "n", value=value).with_columns(
        bound=pl.when(usual.select(enough.alias("enough")).to_series()).then("value")
    )


def _silence(grid: pl.DataFrame) -> pl.DataFrame:
    """Count the full hours since the last hit, and the events of others in them."""
    alive = pl.col("hits") > 0
    spell = alive.cast(pl.Int64).cum_sum().over("subject")
    marked = grid.with_columns(spell=spell)
    grain = ("subject", "spell")
    quiet = pl.when(alive).then(0).otherwise(1)
    hours = quiet.cum_sum().over(grain).cast(pl.Float64)
    others = pl.when(alive).then(0).otherwise(pl.col("n")).cum_sum().over(grain)
    # Before the first hit nothing is known to be missing.
    value = pl.when(pl.col("spell") > 0).then(hours)
    return marked.with_columns(value=value, n=others).with_columns(bound=pl.col("value"))


def _levels(rule: Rule, grid: pl.DataFrame) -> pl.DataFrame:
    """Add `level` to each hour: 0 ok, 1 warning, 2 critical, after the hours that it has to hold, or be ok."""
    bound = pl.col("bound")
    if rule.direction == "above":
        over = [bound >= rule.warning, bound >= rule.critical]
    else:
        over = [bound < rule.warning, bound < rule.critical]
    # Of a spike, enough is also a usual day: its bound is null where there is too little.
    enough = pl.lit(True) if rule.form == "spike" else pl.col("n") >= rule.least_n
    raw = pl.sum_horizontal(one.fill_null(False).cast(pl.Int64) for one in over)
    held = pl.col("raw").rolling_min(rule.for_hours + 1).over("subject").fill_null(0)
    kept = pl.col("held").rolling_max(rule.clear_hours + 1, min_samples=1).over("subject")
    return (
        _measured(rule, grid)
        .sort(_GRAIN)
        .with_columns(enough=enough, raw=pl.when(enough).then(raw).otherwise(0))
        .with_columns(held=held)
        .with_columns(level=kept)
    )


def _stand(rule: Rule, levels: pl.DataFrame, end: datetime) -> pl.DataFrame:
    """Return how the rule stands on each subject at the end."""
    begin = end - timedelta(hours=LOOKED_BACK - 1)
    looked = levels.filter(pl.col("hour") >= begin).with_columns(
        before=pl.col("level").shift(1).over("subject"),
    )
    was, level = pl.col("before"), pl.col("level")
    found = (
        looked.group_by("subject", maintain_order=True)
        .agg(
            level.last(),
            pl.when(pl.col("enough") & pl.col("bound").is_not_null() if rule.form == "spike" else pl.col("enough"))
            .then("value")
            .last()
            .alias("value"),
            pl.col("n").last(),
            since=pl.col("hour").filter(was != level).last(),
            fired=((was == 0) & (level > 0)).sum().cast(pl.Int64),
            cleared=((was > 0) & (level == 0)).sum().cast(pl.Int64),
        )
        .to_dicts()
    )
    rows = [_row(rule, end, row) for row in found]
    return pl.DataFrame(rows, schema=polars_schema(MartAlert))


def _row(rule: Rule, end: datetime, row: dict[str, object]) -> dict[str, object]:
    level, value, n = int(str(row["level"])), row["value"], row["n"]
    threshold = rule.critical if level == 2 else rule.warning
    if value is None:
        message = f"{row['subject']}: too little to tell, {n} of {rule.least_n} events"
    elif level == 0:
        message = f"{row['subject']}: {rule.name} is ok"
    else:
        message = rule.message.format(subject=row["subject"], value=value, threshold=threshold, n=n)
    return {
        **_silent(rule, end),
        "subject": row["subject"],
        "state": ALERT_STATES[level],
        "value": value,
        "threshold": threshold,
        "n": n,
        "since": row["since"],
        "fired": row["fired"],
        "cleared": row["cleared"],
        "message": message,
    }


def _silent(rule: Rule, end: datetime | None) -> dict[str, object]:
    """Return the row of a rule that measured nothing."""
    return {
        "rule": rule.name,
        "subject": ALL,
        "state": ALERT_STATES[0],
        "value": None,
        "threshold": rule.warning,
        "warning": rule.warning,
        "critical": rule.critical,
        "direction": rule.direction,
        "unit": rule.unit,
        "n": 0,
        "least_n": rule.least_n,
        "since": None,
        "for_hours": rule.for_hours,
        "window_hours": rule.window_hours,
        "fired": 0,
        "cleared": 0,
        "as_of": end,
        "message": f"{ALL}: nothing to measure",
    }

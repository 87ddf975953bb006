"""Contracts of the marts that watch numbers over time: baselines, spikes, drift, trends, forecasts."""

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
from learning_pipeline.contracts.marts_daily import METRIC_FORMS, SUBJECT_KINDS

HISTORY_DAYS = 180
TREND_WINDOWS = (7, 30, 90)
FORECAST_DAYS = 14
# A spike or drift is told where its q-value is below this.
FALSE_DISCOVERIES = 0.01


class Watched(Table):
    """A number that is watched: one of mart_metric_daily."""

    subject_kind: Text = key_field("What it is a number of", isin=SUBJECT_KINDS)
    subject: Text = key_field("Agent, model or tool by name; (all) for all executions together")
    metric: Text = key_field("Name of the number, with its unit")
    agent_name: Text = field("The subject, where it is an agent")


class MartBaseline(Watched):
    """What is usual for each number: median and spread of the 28 days before the newest."""

    form: Text = field("Kind of number, as in mart_metric_daily", null=False, isin=METRIC_FORMS)
    first_day: Day = field("First day of the baseline", null=False)
    last_day: Day = field("Last day of the baseline", null=False)
    days: Integer = count_field("Days with the number: the n of the median", unit="days", null=False)
    n: Integer = count_field("What it was counted over on these days", null=False)
    median: Real = field("Median of the days", null=False, ge=0)
    mad: Real = field("Median distance from the median", null=False, ge=0)
    usual_low: Real = field("Lower end of what is usual: 3.5 robust standard deviations down", null=False, ge=0)
    usual_high: Real = field("Upper end of what is usual: 3.5 robust standard deviations up", null=False, ge=0)
    newest_value: Real = field("Number of the newest day; null where it has none", ge=0)
    season_p_value: Real = share_field(
        "p-value of equal weekdays (Kruskal-Wallis) over all watched days; null under four weeks"
    )
    is_seasonal: Flag = field("Whether weekdays differ: then spikes and drift are looked for after taking that out")


class MartAnomaly(Watched):
    """A day on which a number was far from what was usual before it."""

    day: Day = key_field("UTC day")
    value: Real = field("The number on that day", null=False, ge=0)
    n: Integer = count_field("What it was counted over", null=False)
    expected: Real = field("Median of up to 56 days before, with the weekday's usual difference", null=False, ge=0)
    mad: Real = field("Median distance from the median, on the scale that is tested", null=False, ge=0)
    baseline_days: Integer = count_field("Days that this is over", unit="days", null=False)
    score: Real = field("Distance in robust standard deviations, at least those that counting alone makes", null=False)
    threshold: Real = field("Least distance that would have been told", null=False, ge=0)
    change_ratio: Real = field("Value by expected, less 1; null where expected is 0", unit="ratio", ge=-1)
    p_value: Real = share_field("Two-sided p-value of that distance", null=False)
    q_value: Real = share_field("The p-value corrected for all days and numbers (Benjamini and Hochberg)", null=False)
    direction: Text = field("Which way", null=False, isin=("up", "down"))
    is_worse: Flag = field("Whether that is for the worse; null where it is neither")


class MartDrift(Watched):
    """Whether a number drifts slowly, or has made a step, over up to 90 days."""

    first_day: Day = field("First day looked at", null=False)
    last_day: Day = field("Last day looked at", null=False)
    days: Integer = count_field("Days with the number", unit="days", null=False)
    n: Integer = count_field("What it was counted over on these days", null=False)
    shape: Text = field(
        "stable: neither is told; drift: a line fits better; step: two levels do",
        null=False,
        isin=("stable", "drift", "step"),
    )
    direction: Text = field("Which way; null of what is stable", isin=("up", "down"))
    is_worse: Flag = field("Whether that is for the worse; null where it is neither, or stable")
    since_day: Day = field("First day of the new level, or of the drift; null of what is stable")
    change_ratio: Real = field("End by start, or level after by level before, less 1; null from 0", unit="ratio", ge=-1)
    slope_ratio_per_day: Real = field("Change per day by Theil and Sen, relative to the level", unit="ratio/day")
    slope_low: Real = field("Lower end of its 95 % interval (P. K. Sen 1968)", unit="ratio/day")
    slope_high: Real = field("Upper end of its 95 % interval", unit="ratio/day")
    drift_p_value: Real = share_field("p-value of Mann-Kendall's test, with ties, and widened for autocorrelation")
    drift_q_value: Real = share_field("That corrected for all numbers and both tests (Benjamini and Hochberg)")
    step_day: Day = field("Day from which two levels fit best", null=False)
    level_before: Real = field("Median before that day", null=False, ge=0)
    level_after: Real = field("Median from that day on", null=False, ge=0)
    step_p_value: Real = share_field("p-value of the rank-sum test at that day, times the days that were tried")
    step_q_value: Real = share_field("That corrected for all numbers and both tests (Benjamini and Hochberg)")
    autocorrelation: Real = field("Of one day with the next, after the better of both fits", null=False, ge=-1, le=1)


class MartTrend(Watched):
    """A number of the last 7, 30 and 90 days against the window of equal length before."""

    window_days: Integer = key_field("Length of both windows", isin=TREND_WINDOWS)
    newest_day: Day = field("Last day of the window", null=False)
    days: Integer = count_field("Days with the number", unit="days", null=False)
    days_before: Integer = count_field("Days with the number in the window before", unit="days", null=False)
    n: Integer = count_field("What it was counted over", null=False)
    n_before: Integer = count_field("What it was counted over before", null=False)
    value: Real = field("Of a rate the share, of others the mean of the days; null without any", ge=0)
    value_before: Real = field("The same before; null without any", ge=0)
    difference: Real = field("Value less value before; null without both")
    change_ratio: Real = field("Value by value before, less 1; null without both, or from 0", unit="ratio", ge=-1)
    test: Text = field(
        "two_proportions of a rate; welch: of the means over days of all others, on the scale of logarithms or roots",
        null=False,
        isin=("two_proportions", "welch"),
    )
    p_value: Real = share_field("Two-sided p-value of no difference; null where it cannot be told")
    q_value: Real = share_field("That corrected for all rows (Benjamini and Hochberg)")
    verdict: Text = field(
        "up or down where q_value is below 0.05; same where it is not; unknown where it cannot be told",
        null=False,
        isin=("up", "down", "same", "unknown"),
    )
    is_worse: Flag = field("Whether up or down is for the worse; null where it is neither, or not told")


class MartForecast(Watched):
    """What a number will be on each of the next 14 days, and how such forecasts did before."""

    day: Day = key_field("UTC day that is forecast")
    horizon_days: Integer = count_field("Days after the newest day of the data", unit="days", null=False)
    forecast: Real = field("The number that is expected", null=False, ge=0)
    low: Real = field("Lower end of 95 % of what the errors of the back-test leave open; null without one", ge=0)
    high: Real = field("Upper end of the same", ge=0)
    method: Text = field(
        "mstl_ets: season by LOESS and exponential smoothing (library augurs), where it won the back-test; "
        "else seasonal_naive: the same weekday's last number",
        null=False,
        isin=("mstl_ets", "seasonal_naive"),
    )
    history_days: Integer = count_field("Days that it is made from", unit="days", null=False)
    backtest_n: Integer = count_field("Forecast days in the back-test: the n of the errors", null=False)
    mae: Real = field("Mean distance of the method's forecasts from what came, in the back-test", ge=0)
    naive_mae: Real = field("The same of seasonal naive", ge=0)
    candidate_mae: Real = field("The same of mstl_ets, chosen or not; null where it could not be made", ge=0)


TREND_MARTS: dict[str, type[Table]] = {
    "mart_baseline": MartBaseline,
    "mart_anomaly": MartAnomaly,
    "mart_drift": MartDrift,
    "mart_trend": MartTrend,
    "mart_forecast": MartForecast,
}

"""Contracts of the marts that sum up work by day or hour under one key."""

from learning_pipeline.contracts.base import (
    Day,
    Integer,
    Real,
    StringList,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_base import Cost, Durations, SuccessRate, Tokens, Usage, grain_field
from learning_pipeline.contracts.vocabulary import ERROR_TYPES, TASK_TYPES

SUBJECT_KINDS = ("all", "agent", "model", "tool")
# What a number of a day is: a share of n, a mean of n on a scale of ratios or of 0 to 1, a count, a sum of money.
METRIC_FORMS = ("rate", "mean", "score", "count", "sum")
# The subject that stands for all work together.
EVERYTHING = "(all)"


class Work(SuccessRate, Durations, Tokens, Cost):
    """What executions that share a key add up to."""

    executions: Integer = count_field("Executions", null=False)
    agents: Integer = count_field("Different agents", null=False)
    sessions: Integer = count_field("Different sessions", null=False)
    duration_n: Integer = count_field("Executions with a known duration: the n of its percentiles", null=False)
    llm_calls: Integer = count_field("Model calls")
    tool_calls: Integer = count_field("Tool calls")
    tool_errors: Integer = count_field("Tool calls that failed")
    committed: Integer = count_field("Executions whose work is seen in a commit", null=False)
    quality_score: Real = share_field("Mean quality of the executions that have one")
    quality_n: Integer = count_field("Executions with a quality: the n of quality_score", null=False)
    unpriced_executions: Integer = count_field("Executions without a computed cost", null=False)


class MartRepositoryDaily(Work):
    """How work went in each repository per day; what has no time is left out."""

    day: Day = key_field("UTC day on which the executions began")
    repository: Text = grain_field("Repository that the work was in; null where the log names none")


class MartTaskTypeDaily(Work):
    """How each kind of task went per day; what has no time is left out."""

    day: Day = key_field("UTC day on which the executions began")
    task_type: Text = grain_field("Kind of task; null where it is not known", isin=TASK_TYPES)


class MartPoolHourly(Work):
    """How each worker pool did per hour; what no pool ran, or has no time, is left out."""

    day: Day = key_field("UTC day of the hour")
    hour_at: Timestamp = key_field("Start of the hour in which the executions began, UTC")
    pool_type: Text = key_field("Worker pool")
    busy_ms: Integer = count_field(
        "Time that these executions took, all of it counted in the hour in which they began; null where none is known",
        unit="ms",
    )
    mean_concurrency: Real = field("busy_ms in hours: executions at work at a time, on average", ge=0)


class MartErrorDaily(Table):
    """Errors by kind and day, wherever they happened; what has no time is left out."""

    day: Day = key_field("UTC day of the errors")
    error_type: Text = key_field("Kind of error; unknown where the log does not tell", isin=ERROR_TYPES)
    errors: Integer = count_field("Errors of all places", null=False)
    execution_errors: Integer = count_field("Executions that failed with it", null=False)
    tool_errors: Integer = count_field("Tool calls that failed with it", null=False)
    call_errors: Integer = count_field("Model calls that failed with it", null=False)
    agents: Integer = count_field("Different agents that met it", null=False)
    errors_of_day: Integer = count_field("Errors of all kinds on that day: the n of share_ratio", null=False)
    share_ratio: Real = share_field("Share among the day's errors", null=False)
    share_low: Real = share_field("Lower end of the share's 95 % Wilson interval", null=False)
    share_high: Real = share_field("Upper end of the share's 95 % Wilson interval", null=False)


class MartUsageHourly(Usage):
    """Model calls, executions without known calls, their tokens and cost per hour, source and model."""

    day: Day = key_field("UTC day that mart_usage_daily counts them on")
    hour_end_at: Timestamp = key_field(
        "End of the hour, UTC: what happened on the full hour itself counts in the hour that ends there"
    )
    source: Text = key_field("Source kind that calls or executions were read by")
    model: Text = grain_field("Model by the id in the log; null where it names none")
    first_call_at: Timestamp = field("First of them", null=False)
    last_call_at: Timestamp = field("Last of them", null=False)


class MartBranchDaily(Usage):
    """Model calls, executions without known calls, their tokens and cost per day, repository and branch."""

    day: Day = key_field("UTC day of the calls, or on which the executions began")
    repository: Text = grain_field("Repository; null where the log names none")
    branch: Text = grain_field("Branch that was checked out; null where the log names none")
    agents: StringList = field("Agents at work, sorted", null=False)


class MartMetricDaily(Table):
    """One number of one subject per day: what baselines, spikes, drift, trends and forecasts are made from."""

    day: Day = key_field("UTC day; what has no time is left out")
    subject_kind: Text = key_field("What it is a number of", isin=SUBJECT_KINDS)
    subject: Text = key_field(f"Agent, model or tool by name; {EVERYTHING} for all executions together")
    metric: Text = key_field("Name of the number, with its unit")
    form: Text = field(
        "rate: share of n; mean: geometric mean of n values above 0; score: mean of n values of 0 to 1; count; sum",
        null=False,
        isin=METRIC_FORMS,
    )
    n: Integer = count_field("What it is counted over", null=False)
    hits: Integer = count_field("Of a rate: how many of the n; null of others")
    value: Real = field("The number", null=False, ge=0)
    log_variance: Real = field("Variance of the n values' natural logarithms; null but for a mean of two or more", ge=0)


DAILY_MARTS: dict[str, type[Table]] = {
    "mart_repository_daily": MartRepositoryDaily,
    "mart_task_type_daily": MartTaskTypeDaily,
    "mart_pool_hourly": MartPoolHourly,
    "mart_error_daily": MartErrorDaily,
    "mart_usage_hourly": MartUsageHourly,
    "mart_branch_daily": MartBranchDaily,
    "mart_metric_daily": MartMetricDaily,
}

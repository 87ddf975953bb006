"""Contracts of the marts on tokens and money."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    StringList,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
)
from learning_pipeline.contracts.marts_base import Cost, Tokens, grain_field


class MartUsageDaily(Tokens, Cost):
    """Model calls, tokens and cost per day, source and model."""

    day: Day = key_field("UTC day of the calls")
    source: Text = key_field("Source kind that the calls were read by")
    model: Text = grain_field("Model by the id in the log; null where it names none")
    calls: Integer = count_field("Model calls", null=False)
    sessions: Integer = count_field("Sessions that made a call", null=False)
    unpriced_calls: Integer = count_field("Calls whose cost could not be computed; not a part of cost_usd", null=False)


class MartUsageMonthly(Tokens, Cost):
    """Model calls, tokens and cost per month, source and model."""

    month: Day = key_field("First day of the month, UTC")
    source: Text = key_field("Source kind that the calls were read by")
    model: Text = grain_field("Model by the id in the log; null where it names none")
    calls: Integer = count_field("Model calls", null=False)
    active_days: Integer = count_field("Days with a call", unit="days", null=False)
    unpriced_calls: Integer = count_field("Calls whose cost could not be computed; not a part of cost_usd", null=False)


class MartUsageSession(Tokens, Cost):
    """Model calls, tokens and cost per session."""

    source: Text = key_field("Source kind that the calls were read by")
    session_id: Text = grain_field("Session; null for the calls of which the log names none")
    first_call_at: Timestamp = field("First model call", null=False)
    last_call_at: Timestamp = field("Last model call", null=False)
    models: StringList = field("Models that answered, sorted", null=False)
    calls: Integer = count_field("Model calls", null=False)
    unpriced_calls: Integer = count_field("Calls whose cost could not be computed; not a part of cost_usd", null=False)


class MartUnpricedModels(Tokens):
    """Models without a price, and how much they were used: their cost is unknown, not 0."""

    model: Text = grain_field("Model by the id in the log; null where it names none")
    provider: Text = grain_field("Provider of the model")
    calls: Integer = count_field("Model calls without a price", null=False)
    sessions: Integer = count_field("Sessions with such a call", null=False)
    first_day: Day = field("First day of such a call", null=False)
    last_day: Day = field("Last day of such a call", null=False)


class MartCommitCost(Tokens, Cost):
    """What each commit cost; one row without a commit holds all that led to none."""

    commit: Text = grain_field("Commit, or its abbreviation in the log where git does not know it; null: unattributed")
    is_attributed: Flag = field("False in the one row of what no known commit came from", null=False)
    repository: Text = field("Repository of the commit")
    committed_at: Timestamp = field("When it was committed; null where git does not tell")
    subject: Text = field("First line of the commit's message")
    executions: Integer = count_field("Executions behind it; one with several commits is one of each", null=False)
    agents: StringList = field("Agents behind it, sorted", null=False)
    lines_added: Integer = count_field("Lines that the commit added", unit="lines")
    lines_removed: Integer = count_field("Lines that the commit removed", unit="lines")
    is_reverted: Flag = field("Whether a later commit reverts it; null where git does not know the commit")


USAGE_MARTS: dict[str, type[Table]] = {
    "mart_usage_daily": MartUsageDaily,
    "mart_usage_monthly": MartUsageMonthly,
    "mart_usage_session": MartUsageSession,
    "mart_unpriced_models": MartUnpricedModels,
    "mart_commit_cost": MartCommitCost,
}

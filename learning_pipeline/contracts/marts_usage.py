"""Contracts of the marts on tokens and money."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
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
from learning_pipeline.contracts.marts_base import Cost, Tokens, Usage, grain_field


class MartUsageDaily(Usage):
    """Model calls, executions without known calls, their tokens and cost per day, source and model."""

    day: Day = key_field("UTC day of the calls, or on which the executions began")
    source: Text = key_field("Source kind that calls or executions were read by")
    model: Text = grain_field("Model by the id in the log; null where it names none")
    sessions: Integer = count_field("Sessions of the calls and executions", null=False)


class MartUsageMonthly(Usage):
    """Model calls, executions without known calls, their tokens and cost per month, source and model."""

    month: Day = key_field("First day of the month, UTC")
    source: Text = key_field("Source kind that calls or executions were read by")
    model: Text = grain_field("Model by the id in the log; null where it names none")
    active_days: Integer = count_field("Days with a call or such an execution", unit="days", null=False)


class MartUsageSession(Usage):
    """Model calls, executions without known calls, their tokens and cost per session."""

    source: Text = key_field("Source kind that calls or executions were read by")
    session_id: Text = grain_field("Session; null for what the log names none of: a row for each of its days")
    day: Day = key_field("Day on which the session was first seen; of what names none, the day that it was on")
    first_call_at: Timestamp = field("First model call, or start of such an execution", null=False)
    last_call_at: Timestamp = field("Last model call, or start of such an execution", null=False)
    models: StringList = field("Models that answered or worked, sorted", null=False)


class MartUnpricedModels(Tokens):
    """Models without a price, and how much they were used: their cost is unknown, not 0."""

    model: Text = grain_field("Model by the id in the log; null where it names none")
    provider: Text = grain_field("Provider of the model")
    calls: Integer = count_field("Model calls without a price", null=False)
    executions: Integer = count_field(
        "Executions without a price, whose log tells tokens and no model call", null=False
    )
    sessions: Integer = count_field("Sessions with such usage", null=False)
    first_day: Day = field("First day of such usage", null=False)
    last_day: Day = field("Last day of such usage", null=False)


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
    agent_lines: Integer = count_field("Lines of the commit that authorship notes give to agents", unit="lines")
    is_reverted: Flag = field("Whether a later commit reverts it; null where git does not know the commit")
    methods: StringList = field("Methods of the links that its cost comes by, sorted (fct_commit_links)", null=False)
    confidence: Real = share_field("Least confidence of these links; null without any")


USAGE_MARTS: dict[str, type[Table]] = {
    "mart_usage_daily": MartUsageDaily,
    "mart_usage_monthly": MartUsageMonthly,
    "mart_usage_session": MartUsageSession,
    "mart_unpriced_models": MartUnpricedModels,
    "mart_commit_cost": MartCommitCost,
}

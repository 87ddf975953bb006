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
    Usd,
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


class MartBudget(Table):
    """What was spent of each budget in each of its periods, up to the newest day with usage."""

    budget: Text = key_field("Name of the budget, as configured")
    starts_day: Day = key_field("First day of the period, UTC")
    ends_day: Day = field("Last day of the period", null=False)
    period: Text = field("Length of the period; a week begins on Monday", null=False, isin=("day", "week", "month"))
    source: Text = field("Source kind that the budget is for; null for all")
    model: Text = field("Model that the budget is for; null for all")
    limit_usd: Usd = field("What may be spent in a period", unit="USD", null=False, gt=0)
    cost_usd: Usd = field("Computed cost in the period; null where nothing that was used has a price", unit="USD", ge=0)
    usages: Integer = count_field(
        "Model calls, and executions that tell no call: what the cost is the sum of", null=False
    )
    unpriced: Integer = count_field("Of these, those without a price: not a part of cost_usd", null=False)
    spent_ratio: Real = field("Cost by limit, above 1 where it is overspent; null without a cost", unit="ratio", ge=0)
    period_days: Integer = count_field("Days of the period", unit="days", null=False)
    elapsed_days: Integer = count_field("Days of it up to the newest day with usage", unit="days", null=False)
    is_open: Flag = field("Whether the newest day with usage is in it: it may not be over", null=False)
    projected_cost_usd: Usd = field(
        "Of an open period: its cost if it goes on as it did, by days; else null", unit="USD", ge=0
    )
    state: Text = field(
        "critical: the limit is reached; warning: 80 % of it are; null where no cost is known",
        isin=("ok", "warning", "critical"),
    )
    reached_day: Day = field("Day on which the state was reached; null while it is ok")


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
    """What each commit cost; each day has a row without a commit, of all that led to none."""

    commit: Text = grain_field("Commit, or its abbreviation in the log where git does not know it; null: unattributed")
    day: Day = key_field("Day on which the commit, or work on it, was first seen; of what led to none, its own day")
    is_attributed: Flag = field("False in the row that each day has of what no known commit came from", null=False)
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
    "mart_budget": MartBudget,
    "mart_unpriced_models": MartUnpricedModels,
    "mart_commit_cost": MartCommitCost,
}

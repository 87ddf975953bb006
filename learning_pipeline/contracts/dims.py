"""Contracts of the dimensions."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    StringList,
    Table,
    Text,
    Usd,
    count_field,
    field,
    key_field,
)
from learning_pipeline.contracts.vocabulary import AGENT_KINDS, MODEL_TIERS


class DimAgents(Table):
    """An agent, as its executions show it."""

    agent_name: Text = key_field("Agent")
    agent_kind: Text = field("Kind of agent, of its newest execution that names one", isin=AGENT_KINDS)
    agent_version: Text = field("Version, of its newest execution that names one")
    first_day: Day = field("First day on which it ran", null=False)
    last_day: Day = field("Last day on which it ran", null=False)
    executions: Integer = count_field("Executions", null=False)
    models: StringList = field("Models it ran on, sorted", null=False)
    task_types: StringList = field("Kinds of task it was given, sorted", null=False)
    repositories: Integer = count_field("Repositories it worked in", null=False)
    sources: StringList = field("Source kinds that know it, sorted", null=False)


class DimModels(Table):
    """A model, with its price on the newest day of the data."""

    model: Text = key_field("Model by the id in the logs")
    family: Text = field("The model without provider, region and date", null=False)
    provider: Text = field("Who serves it, by the logs, else who makes it")
    model_tier: Text = field("Size class", isin=MODEL_TIERS)
    first_day: Day = field("First day on which it was used", null=False)
    last_day: Day = field("Last day on which it was used", null=False)
    calls: Integer = count_field("Model calls", null=False)
    executions: Integer = count_field("Executions that it did most of the work in", null=False)
    is_priced: Flag = field("Whether it has a price", null=False)
    input_usd_per_mtok: Usd = field("Price of a million uncached input tokens", unit="USD/Mtok")
    output_usd_per_mtok: Usd = field("Price of a million output tokens", unit="USD/Mtok")
    cache_read_usd_per_mtok: Usd = field("Price of a million tokens read from the cache", unit="USD/Mtok")
    cache_write_5m_usd_per_mtok: Usd = field("Price of a million tokens written for five minutes", unit="USD/Mtok")
    cache_write_1h_usd_per_mtok: Usd = field("Price of a million tokens written for an hour", unit="USD/Mtok")
    price_version: Text = field("Version of the price list")


class DimRepositories(Table):
    """A repository that agents or git events name."""

    repository: Text = key_field("Repository")
    remote: Text = field("Remote, of its newest git event that names one")
    first_day: Day = field("First day on which it is seen", null=False)
    last_day: Day = field("Last day on which it is seen", null=False)
    executions: Integer = count_field("Executions in it", null=False)
    agents: Integer = count_field("Agents that worked in it", null=False)
    commits: Integer = count_field("Different commits", null=False)


DIMS: dict[str, type[Table]] = {
    "dim_agents": DimAgents,
    "dim_models": DimModels,
    "dim_repositories": DimRepositories,
}

"""Contracts of the streams that tell of agents themselves: what they are defined to be, and how they are."""

import pandera.polars as pa
import polars as pl

from learning_pipeline.contracts.base import (
    Integer,
    Real,
    StringList,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.stream_base import Stream
from learning_pipeline.contracts.vocabulary import ERROR_TYPES, HEALTH_EVENT_TYPES

SHA256 = r"^[0-9a-f]{64}$"


class AgentDefinitions(Stream):
    """One version of an agent's definition."""

    definition_hash: Text = key_field(
        "SHA-256 of the definition's file; of an agent in a registry of several, of its entry as sorted JSON",
        str_matches=SHA256,
    )
    agent_name: Text = field("Agent that it defines", null=False)
    agent_version: Text = field("Version that it states")
    agent_type: Text = field("Kind of agent, in its own words")
    title: Text = field("Title of the agent")
    domain: Text = field("What it is for")
    model: Text = field("Model that it asks for")
    capabilities: StringList = field("What it can do, as listed")
    triggers: StringList = field("Words that call for it, as listed")
    trigger_patterns: StringList = field("Contexts or patterns that call for it, as listed")
    tools: StringList = field("Tools that it may use, as listed; null where it may use all")
    status: Text = field("Status, in its own words")
    path: Text = field("File that holds it, as in .claude/agents/name.md; else the file's name", null=False)
    definition: Text = field("The whole definition as a JSON object, redacted; null where texts are not kept")
    loaded_at: Timestamp = field(
        "When it says that it was last changed; null where it does not: landed_at tells when it was first read"
    )


class HealthEvents(Stream):
    """One sign of how an agent is."""

    event_id: Text = key_field("Id of the event; derived from what it says where the log has none")
    agent_name: Text = field("Agent", null=False)
    event_type: Text = field("What happened; null where the log's word is not known", isin=HEALTH_EVENT_TYPES)
    status: Text = field("Status, in the log's own words")
    occurred_at: Timestamp = field("When it happened", null=False)
    error_type: Text = field("Kind of error; never null of an error", isin=ERROR_TYPES)
    message: Text = field("What the log said of it, redacted")
    retry_attempt: Integer = count_field("Number of the attempt")
    latency_ms: Integer = count_field("Time the agent took to answer", unit="ms")
    cpu_ratio: Real = share_field("Share of the processor that it used")
    memory_mb: Real = field("Memory that it used", unit="MB", ge=0)

    @pa.dataframe_check
    @classmethod
    def error_has_error_type(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An error says of what kind it is, `unknown` at least."""
        is_error = pl.col("event_type").eq("error").fill_null(False)
        return data.lazyframe.select(pl.col("error_type").is_not_null() | ~is_error)

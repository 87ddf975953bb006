"""Names of what is made in PostgreSQL, and the contracts of its tables."""

import polars as pl

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Real,
    Table,
    Text,
    Timestamp,
    Usd,
    column_comments,
    count_field,
    description,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import RoutingRecommendations
from learning_pipeline.contracts.vocabulary import (
    AGENT_KINDS,
    ERROR_TYPES,
    LABEL_WEIGHTS,
    MODEL_TIERS,
    OUTCOMES,
    TASK_TYPES,
)

SCHEMA = "enhanced_learning"
INTERNAL = "enhanced_learning_internal"
VERSION_TABLE = "schema_version"
OWNER, PUBLISHER, READER = ROLES = ("learning_owner", "learning_publisher", "learning_reader")
DIMENSIONS = 512
MIN_PGVECTOR = (0, 8, 0)  # The first with iterative index scans.


class AgentMetrics(Table):
    """One execution: how it did, and the embedding of its task."""

    execution_id: Text = key_field("Id of the execution")
    agent_name: Text = field("Agent that ran it", null=False)
    agent_kind: Text = field("Kind of agent", isin=AGENT_KINDS)
    model: Text = field("Model that did most of the work, by the id in the log")
    model_tier: Text = field("Size class of the model", isin=MODEL_TIERS)
    task_type: Text = field("Kind of task, one of the documented list", isin=TASK_TYPES)
    repository: Text = field("Repository that the work was in")
    branch: Text = field("Branch that was checked out at the start")
    session_id: Text = field("Session in which it ran")
    timestamp: Timestamp = field("When it began; when it ended, where that is all that is known", null=False)
    day: Day = field("UTC date of the execution's own time", null=False)
    execution_time_ms: pl.Int64 = count_field("Time it took", unit="ms")
    success: Flag = field("True for success; false for failure or timeout; null where that is not known")
    outcome: Text = field("How it ended", null=False, isin=OUTCOMES)
    outcome_source: Text = field("Evidence behind the outcome", null=False, isin=tuple(LABEL_WEIGHTS))
    label_weight: Real = share_field("Weight of the outcome as a label, by its source", null=False)
    error_type: Text = field("Kind of error; never null where success is false", isin=ERROR_TYPES)
    error_message: Text = field("What the error said, redacted")
    context_size: pl.Int64 = count_field("Largest context that one of its model calls was given", unit="tokens")
    tokens_used: pl.Int64 = count_field(
        "Input, output and cache tokens together, as far as they are known", unit="tokens"
    )
    cost_usd: Usd = field("Computed cost; null where a price is not known", unit="USD", ge=0)
    quality_score: Real = share_field("Quality that was measured")
    embedding_version: Text = field("Version of the embedding that made task_embedding")
    task_embedding: pl.Object = field("Embedding of the task's text; null where there is none")


class Publishes(Table):
    """One publish: a whole version of the data, and which of them is the current one."""

    publish_id: Text = key_field("Id that follows from the content: the same data have the same id")
    code_version: Text = field("Version of the program", null=False)
    schema_version: Text = field("Migration that the schema was at", null=False)
    first_day: Day = field("First day with an execution")
    last_day: Day = field("Last day with an execution")
    row_counts: Text = field("JSON object: rows of each table", null=False)
    changes: Text = field("JSON object: rows inserted, updated and deleted in each table", null=False)
    digest: Text = field("Digest of the content", null=False)
    router_version: Text = field("Router behind the recommendations")
    embedding_version: Text = field("Version of the embedding of the tasks")
    state: Text = field("Whether the tables hold it now: current or superseded", null=False)
    started_at: Timestamp = field("When the publish began", null=False)
    finished_at: Timestamp = field("When the load was complete, just before it was committed", null=False)


TABLES: dict[str, type[Table]] = {
    "executions": FctExecutions,
    "agent_metrics": AgentMetrics,
    "routing_recommendations": RoutingRecommendations,
    "publishes": Publishes,
}


def comments() -> dict[str, tuple[str, dict[str, str]]]:
    """Return each table's comment and its columns' comments."""
    return {name: (description(table), column_comments(table)) for name, table in TABLES.items()}

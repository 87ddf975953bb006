"""Contracts of the tables that exist in PostgreSQL only. The others are those of facts and of the router."""

import polars as pl

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    Table,
    Text,
    Timestamp,
    Usd,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.facts import FctAgentDefinitions, FctAgentTransformations, FctRoutingDecisions
from learning_pipeline.contracts.vocabulary import (
    AGENT_KINDS,
    ERROR_TYPES,
    LABEL_WEIGHTS,
    MODEL_TIERS,
    OUTCOMES,
    TASK_TYPES,
)

MODEL_STAGES = ("training", "staging", "production", "retired")
ALERT_STATES = ("ok", "warning", "critical")
AUDIT_EVENTS = ("landing", "training", "promotion", "publish")


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
    correlation_id: Text = field("Id that joins records of one request across systems")
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


class AgentDefinitionVersions(FctAgentDefinitions):
    """One version of an agent's definition; all versions are kept."""


class AgentTransformationEvents(FctAgentTransformations):
    """One step by which an agent became another: its start, its completion or its failure."""


class RouterPerformanceMetrics(FctRoutingDecisions):
    """One choice of an agent or model for a request: how sure, how fast, and what came of it."""


class LearningAnalytics(Table):
    """One measure of one subject on one day."""

    day: Day = key_field("UTC date that it is about; the day of training of a router's measure")
    category: Text = key_field("What it is about: model (one language model), usage (of one source), router")
    subject: Text = key_field("Model, source and model, or router version with what was measured")
    metric_name: Text = key_field("Name of the measure")
    metric_value: Real = field("Value; null where there is too little to tell")
    n: Integer = count_field("Executions, calls or tasks behind the value", null=False)
    interval_low: Real = field("Lower end of the 95 % interval, where there is one")
    interval_high: Real = field("Upper end of the 95 % interval, where there is one")
    timestamp: Timestamp = field("Begin of the day; time of training of a router's measure", null=False)
    metadata: Text = field("JSON object: the keys of the subject, one by one", null=False)


class MlModels(Table):
    """One version of the router that was trained."""

    model_version: Text = key_field("Version: a digest of arrays, names, data and code")
    model_name: Text = field("What the model is for: router", null=False)
    stage: Text = field("Part that it plays now", null=False, isin=MODEL_STAGES)
    reason: Text = field("Why it has that stage", null=False)
    created_at: Timestamp = field("When it was trained", null=False)
    code_version: Text = field("Version of the program that trained it", null=False)
    data_digest: Text = field("Digest of the executions that it learned from", null=False)
    embedding_version: Text = field("Version of the embedding of tasks that belongs to it")
    executions: Integer = count_field("Executions that it was made from")
    labelled: Integer = count_field("Of them, those with an observed outcome")
    held_out: Integer = count_field("Executions that it was judged on")
    first_at: Timestamp = field("Oldest execution that it was made from")
    last_at: Timestamp = field("Newest execution that it was made from")
    parameters: Text = field("JSON object: parameters of the model", null=False)
    metrics: Text = field("JSON object: what it reached on executions that it had not seen", null=False)


class MlPredictions(Table):
    """One prediction of a router version, and what came of it."""

    prediction_id: Text = key_field("Id of the prediction")
    day: Day = field("UTC date of the prediction", null=False)
    predicted_at: Timestamp = field("When it was made", null=False)
    model_version: Text = field("Version of the router; null where none was trained")
    rung: Text = field("Rung of the cold-start ladder that answered", null=False)
    execution_id: Text = field("Execution that it led to")
    correlation_id: Text = field("Id that joins records of one request across systems")
    task_type: Text = field("Kind of task", isin=TASK_TYPES)
    repository: Text = field("Repository that the work is in")
    agent_name: Text = field("Agent that was recommended")
    model: Text = field("Model that was recommended")
    propensity: Real = share_field("Chance with which this candidate was chosen; 1 without exploration")
    success_probability: Real = share_field("Predicted share of successes")
    interval_low: Real = share_field("Lower end of the 90 % interval of success_probability")
    interval_high: Real = share_field("Upper end of the 90 % interval of success_probability")
    expected_cost_usd: Real = field("Expected cost of what was chosen", unit="USD", ge=0)
    expected_duration_ms: Integer = count_field("Expected time of what was chosen", unit="ms")
    is_followed: Flag = field("Whether the execution was given to what was recommended; null where none was found")
    actual_success: Flag = field("What came of it; null where that is not known yet")
    actual_quality: Real = share_field("Graded quality of what came of it")
    actual_cost_usd: Usd = field("What it cost", unit="USD", ge=0)
    actual_duration_ms: Integer = count_field("How long it took", unit="ms")
    brier: Real = share_field("Squared difference of prediction and success; null while either is not known")
    actual_at: Timestamp = field("When the execution whose success is known ended, or began where that is all")


class MlFeatureStore(Table):
    """One feature of one subject, as routing and reports see it now."""

    entity_type: Text = key_field("Kind of subject: agent")
    entity_id: Text = key_field("Name of the subject")
    feature_name: Text = key_field("Name of the feature; its window in days at the end")
    feature_value: Real = field("Value; null where there is too little to tell")
    n: Integer = count_field("Executions behind the value", null=False)
    interval_low: Real = field("Lower end of the 95 % interval, where there is one")
    interval_high: Real = field("Upper end of the 95 % interval, where there is one")
    as_of: Day = key_field("Newest day of all data: the end of the window")


class PerformanceBaselines(Table):
    """What is usual for one agent and metric."""

    agent_name: Text = key_field("Agent")
    metric: Text = key_field("Metric")
    baseline: Real = field("Usual value: a median")
    spread: Real = field("Usual distance from it: a scaled median of absolute deviations")
    n: Integer = count_field("Values behind it", null=False)
    first_day: Day = field("First day of the values")
    last_day: Day = field("Last day of the values")
    usual_low: Real = field("Lower end of what is usual: 3.5 robust standard deviations down", null=False, ge=0)
    usual_high: Real = field("Upper end of what is usual: 3.5 robust standard deviations up", null=False, ge=0)


class Alerts(Table):
    """One rule on one subject: how it stands, and since when."""

    rule: Text = key_field("Name of the rule")
    subject: Text = key_field("What it was evaluated on")
    state: Text = field("How it stands", null=False, isin=ALERT_STATES)
    value: Real = field("Value that was measured; null where there is too little to tell")
    n: Integer = count_field("Events behind the value", null=False)
    unit: Text = field("Unit of value and threshold", null=False)
    threshold: Real = field("Value from which on it is not ok")
    for_hours: Integer = count_field("Hours that it has to hold before it fires", unit="hours", null=False)
    message: Text = field("What it says, in one line")
    since: Timestamp = field("Since when it stands so")
    as_of: Timestamp = field("Full hour after the newest event, by which it was evaluated; null without data")


class AuditLog(Table):
    """One thing that the pipeline did: a landing, a training, a promotion or a publish."""

    event_id: Text = key_field("Id of the event")
    event_type: Text = field("What was done", null=False, isin=AUDIT_EVENTS)
    occurred_at: Timestamp = field("When", null=False)
    day: Day = field("UTC date of it", null=False)
    subject: Text = field("What it was done to: a router version, the id of a publish", null=False)
    detail: Text = field("JSON object: what else is known of it", null=False)


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
    recall: Text = field(
        "JSON object: share of the true 10 nearest tasks that similar_tasks returned when the index was last built "
        "(recall), over how many searches (n) of how many tasks (tasks), with its 95 % interval; null before that"
    )
    state: Text = field("Whether the tables hold it now: current or superseded", null=False)
    started_at: Timestamp = field("When the publish began", null=False)
    finished_at: Timestamp = field("When the load was complete, just before it was committed", null=False)


class Retention(Table):
    """How long the rows of a table are kept in PostgreSQL; the owner changes it with an update."""

    table_name: Text = key_field("Table")
    keep_days: Integer = count_field("Days, by the rows' own day; null: as long as the marts hold them")

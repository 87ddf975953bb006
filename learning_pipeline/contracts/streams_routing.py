"""Contracts of the streams that tell how agents were chosen, changed, asked and judged."""

import pandera.polars as pa
import polars as pl

from learning_pipeline.contracts.base import (
    Flag,
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
from learning_pipeline.contracts.vocabulary import (
    ERROR_TYPES,
    FEEDBACK_TYPES,
    ISSUE_TYPES,
    MODEL_TIERS,
    TRANSFORMATION_EVENT_TYPES,
)


class RoutingDecisions(Stream):
    """One choice of an agent or model for a request."""

    decision_id: Text = key_field("Id of the decision; derived from what it says where the log has none")
    correlation_id: Text = field("Id that joins records of one request across systems")
    session_id: Text = field("Session in which it was made")
    execution_id: Text = field("Execution that it led to")
    decided_at: Timestamp = field("When it was made", null=False)
    request_text: Text = field("What was asked, redacted as configured")
    request_hash: Text = field("SHA-256 of the request's text as it was in the log, or the hash that the log gives")
    selected_agent: Text = field("Agent that was chosen")
    selected_model: Text = field("Model that was chosen, or the surface where the log names only that")
    model_tier: Text = field("Size class of the model", isin=MODEL_TIERS)
    strategy_: Text = field("How it was chosen", alias="strategy")
    confidence: Real = share_field("Confidence of the router in its choice")
    trigger_confidence: Real = share_field("Part of the confidence that comes from triggers")
    context_confidence: Real = share_field("Part of the confidence that comes from the context")
    capability_confidence: Real = share_field("Part of the confidence that comes from capabilities")
    historical_confidence: Real = share_field("Part of the confidence that comes from earlier outcomes")
    propensity: Real = share_field("Probability with which the router would choose this one")
    alternatives: Text = field("JSON list of the others, each an object of agent, confidence and reason")
    candidates_count: Integer = count_field("Candidates there were; the chosen one and the alternatives, if untold")
    cache_hit: Flag = field("Whether the choice came from the cache")
    cache_age_ms: Integer = count_field("Age of the cache's entry", unit="ms")
    fallback: Flag = field("Whether something else had to run than was meant to")
    fallback_reason: Text = field("Why, redacted")
    routing_us: Integer = count_field("Time the choice took", unit="us")
    cache_lookup_us: Integer = count_field("Of it, time in the cache", unit="us")
    trigger_matching_us: Integer = count_field("Of it, time to match triggers", unit="us")
    scoring_us: Integer = count_field("Of it, time to score candidates", unit="us")
    validated_at: Timestamp = field("When the outcome was checked against what really came of it")
    actual_success: Flag = field("Whether it turned out well; null unless it was validated")
    actual_quality: Real = share_field("Quality of what came of it; null unless it was validated")
    expected_agent: Text = field("Agent that should have been chosen")


class AgentTransformations(Stream):
    """One step by which an agent became another: its start, its completion or its failure."""

    event_id: Text = key_field("Id of the event; derived from what it says where the log has none")
    event_type: Text = field("Which step it is", null=False, isin=TRANSFORMATION_EVENT_TYPES)
    correlation_id: Text = field("Id that joins the steps of one transformation")
    session_id: Text = field("Session in which it happened")
    parent_event_id: Text = field("Event that led to it")
    source_agent: Text = field("Agent before")
    target_agent: Text = field("Agent after", null=False)
    reason: Text = field("Why, redacted")
    context_keys: StringList = field("Names of what was handed over, sorted")
    context_bytes: Integer = count_field("Size of what was handed over, as compact JSON", unit="bytes")
    confidence: Real = share_field("Confidence of the router")
    strategy_: Text = field("How the agent was chosen", alias="strategy")
    transformation_ms: Integer = count_field("Time the change took", unit="ms")
    initialization_ms: Integer = count_field("Time the new agent took to get ready", unit="ms")
    total_ms: Integer = count_field("Time from start to completion of the work", unit="ms")
    success: Flag = field("Whether it went well; null where the log does not say")
    error_type: Text = field("Kind of error; never null where success is false", isin=ERROR_TYPES)
    error_message: Text = field("What the error said, redacted")
    quality_score: Real = share_field("Quality that was measured")
    definition_hash: Text = field("Version of the agent's definition: a key of agent_definitions")
    started_at: Timestamp = field("When it began")
    completed_at: Timestamp = field("When it ended")

    @pa.dataframe_check
    @classmethod
    def has_a_time(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A transformation has a start or an end."""
        return data.lazyframe.select(pl.col("started_at").is_not_null() | pl.col("completed_at").is_not_null())

    @pa.dataframe_check
    @classmethod
    def end_is_not_before_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A transformation does not end before it starts."""
        return data.lazyframe.select((pl.col("completed_at") >= pl.col("started_at")).fill_null(True))

    @pa.dataframe_check
    @classmethod
    def failure_has_error_type(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A transformation that failed says what kind of error it was, `unknown` at least."""
        return data.lazyframe.select(pl.col("error_type").is_not_null() | pl.col("success").fill_null(True))


class Interactions(Stream):
    """One agent asks another."""

    interaction_id: Text = key_field("Id of the interaction; derived from what it says where the log has none")
    session_id: Text = field("Session in which it happened")
    workflow_id: Text = field("Workflow that it was a step of")
    source_agent: Text = field("Agent that asked", null=False)
    target_agent: Text = field("Agent that was asked", null=False)
    interaction_type: Text = field("Kind of interaction, in the log's own words")
    requested_at: Timestamp = field("When it was asked", null=False)
    responded_at: Timestamp = field("When it was answered")
    latency_ms: Integer = count_field("Time to the answer", unit="ms")
    success: Flag = field("Whether it was answered well; null where the log does not say")
    retries: Integer = count_field("Attempts before this one")
    message_bytes: Integer = count_field("Size of what was asked", unit="bytes")
    response_bytes: Integer = count_field("Size of the answer", unit="bytes")

    @pa.dataframe_check
    @classmethod
    def answer_is_not_before_question(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An answer does not come before what it answers."""
        return data.lazyframe.select((pl.col("responded_at") >= pl.col("requested_at")).fill_null(True))


class Feedback(Stream):
    """What somebody thought of a piece of work."""

    feedback_id: Text = key_field("Id of the feedback; derived from what it says where the log has none")
    execution_id: Text = field("Execution that it is about")
    correlation_id: Text = field("Request that it is about")
    session_id: Text = field("Session that it is about")
    given_at: Timestamp = field("When it was given", null=False)
    feedback_type: Text = field("Kind of feedback; null where the log does not let it be known", isin=FEEDBACK_TYPES)
    rating: Real = field("Rating, 1 to 5", ge=1, le=5)
    expected_agent: Text = field("Agent that should have been chosen")
    issue_type: Text = field("What was wrong", isin=ISSUE_TYPES)
    comment: Text = field("What was said, redacted as configured")
    author_hash: Text = field("Hash of who gave it")
    visibility: Text = field("Who may see it, in the log's own words")

    @pa.dataframe_check
    @classmethod
    def is_about_something(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Feedback names the execution, request or session that it is about."""
        named = ("execution_id", "correlation_id", "session_id")
        return data.lazyframe.select(pl.any_horizontal(pl.col(name).is_not_null() for name in named))

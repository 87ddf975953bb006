"""Contracts of the event streams in the lake."""

import pandera.polars as pa
import polars as pl

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    ReportedUsd,
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
from learning_pipeline.contracts.stream_base import Stream
from learning_pipeline.contracts.streams_agents import AgentDefinitions, HealthEvents
from learning_pipeline.contracts.streams_routing import AgentTransformations, Feedback, Interactions, RoutingDecisions
from learning_pipeline.contracts.vocabulary import (
    AGENT_KINDS,
    ERROR_TYPES,
    GIT_EVENT_TYPES,
    LABEL_WEIGHTS,
    MODEL_TIERS,
    OUTCOMES,
    TASK_TYPES,
    TOOL_DECISIONS,
    TOOL_KINDS,
    UNDATED,
)

COMMIT = r"^[0-9a-f]{40}$"


class Executions(Stream):
    """One task given to one agent."""

    execution_id: Text = key_field("Id of the execution")
    session_id: Text = field("Session in which it ran")
    parent_execution_id: Text = field("Execution that started this one")
    correlation_id: Text = field("Id that joins records of one request across systems")
    workflow_id: Text = field("Workflow that it was a step of")
    agent_name: Text = field("Agent that ran it", null=False)
    agent_version: Text = field("Version of the agent")
    agent_kind: Text = field("Kind of agent", isin=AGENT_KINDS)
    model: Text = field("Model that did most of the work, by the id in the log")
    provider: Text = field("Provider of the model")
    model_tier: Text = field("Size class of the model", isin=MODEL_TIERS)
    pool_type: Text = field("Worker pool that ran it")
    topology: Text = field("Topology of the swarm that ran it")
    task_type: Text = field("Kind of task, one of the documented list", isin=TASK_TYPES)
    reported_task_type: Text = field("Kind of task in the log's own words")
    task_text: Text = field("What was asked, redacted as configured")
    task_hash: Text = field("SHA-256 of the task's text as it was in the log")
    repository: Text = field("Repository that the work was in")
    branch: Text = field("Branch that was checked out at the start")
    working_dir: Text = field("Working directory at the start")
    project: Text = field("Project that the log names")
    user_hash: Text = field("Hash of the user who asked")
    started_at: Timestamp = field("When it began")
    ended_at: Timestamp = field("When it ended, null while open")
    duration_ms: Integer = count_field("Time it took", unit="ms")
    input_tokens: Integer = count_field("Uncached input tokens", unit="tokens")
    output_tokens: Integer = count_field("Output tokens", unit="tokens")
    cache_read_tokens: Integer = count_field("Input tokens read from the cache", unit="tokens")
    cache_write_tokens: Integer = count_field("Input tokens written to the cache", unit="tokens")
    reasoning_tokens: Integer = count_field("Reasoning tokens, a part of the output", unit="tokens")
    context_tokens: Integer = count_field("Largest context that one of its calls was given", unit="tokens")
    reported_cost_usd: ReportedUsd = field("Cost that the log reported", unit="USD", ge=0)
    estimated_cost_usd: Usd = field("Cost that was estimated beforehand, as the log reported it", unit="USD", ge=0)
    llm_calls: Integer = count_field("Model calls that it made itself")
    tool_calls: Integer = count_field("Tool calls that it made itself")
    tool_errors: Integer = count_field("Tool calls of its own that failed")
    retries: Integer = count_field("Retries")
    files_changed: Integer = count_field("Files changed")
    lines_added: Integer = count_field("Lines added", unit="lines")
    lines_removed: Integer = count_field("Lines removed", unit="lines")
    outcome: Text = field("How it ended", null=False, isin=OUTCOMES)
    success: Flag = field("True for success; false for failure or timeout; null where that is not known")
    outcome_source: Text = field("Evidence behind the outcome", null=False, isin=tuple(LABEL_WEIGHTS))
    label_weight: Real = share_field("Weight of the outcome as a label, by its source", null=False)
    exit_code: Integer = field("Exit code of the run")
    error_type: Text = field("Kind of error; never null where success is false", isin=ERROR_TYPES)
    error_message: Text = field("What the error said, redacted")
    quality_score: Real = share_field("Quality that was measured")
    confidence: Real = share_field("Confidence that the agent or router stated beforehand")
    complexity_score: Real = share_field("Complexity that was stated")
    user_accepted: Flag = field("Whether the user accepted the result")
    user_rating: Real = field("Rating by the user, 1 to 5", ge=1, le=5)
    peak_memory_mb: Real = field("Peak memory", unit="MB", ge=0)
    cpu_time_ms: Integer = count_field("CPU time", unit="ms")
    solution_summary: Text = field("Summary of the solution, redacted")
    evidence: StringList = field(
        "All that the log tells of its end, as outcome_source:outcome, the strongest first; null where that is at most "
        "outcome and outcome_source"
    )

    @pa.dataframe_check
    @classmethod
    def end_is_not_before_start(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An execution does not end before it starts."""
        return data.lazyframe.select((pl.col("ended_at") >= pl.col("started_at")).fill_null(True))

    @pa.dataframe_check
    @classmethod
    def has_a_time(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An execution has a start or an end, or the day of what has no time."""
        return data.lazyframe.select(
            pl.any_horizontal(pl.col("started_at", "ended_at").is_not_null()) | (pl.col("day") == UNDATED)
        )

    @pa.dataframe_check
    @classmethod
    def failure_has_error_type(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An execution that failed says what kind of error it was, `unknown` at least."""
        return data.lazyframe.select(pl.col("error_type").is_not_null() | pl.col("success").fill_null(True))


class LlmCalls(Stream):
    """One request to a model."""

    call_id: Text = key_field("Message id of the response; else a hash of what identifies the call")
    execution_id: Text = field("Execution that made the call; null where the log does not say")
    session_id: Text = field("Session of the call")
    request_id: Text = field("Provider's request id")
    agent_name: Text = field("Agent that made the call")
    is_subagent: Flag = field("Whether a sub-agent made it")
    model: Text = field("Model that answered, by the id in the log")
    provider: Text = field("Provider of the model")
    started_at: Timestamp = field("Time of the first line that tells of the call", null=False)
    usage_at: Timestamp = field("Time of the line whose usage counts; the call's day is its day")
    duration_ms: Integer = count_field("Time the call took", unit="ms")
    input_tokens: Integer = count_field("Uncached input tokens", unit="tokens")
    output_tokens: Integer = count_field("Output tokens", unit="tokens")
    output_tokens_final: Flag = field("False where the output count is only a lower bound")
    cache_read_tokens: Integer = count_field("Input tokens read from the cache", unit="tokens")
    cache_write_5m_tokens: Integer = count_field("Input tokens written to the five-minute cache", unit="tokens")
    cache_write_1h_tokens: Integer = count_field("Input tokens written to the one-hour cache", unit="tokens")
    reasoning_tokens: Integer = count_field("Reasoning tokens, a part of the output", unit="tokens")
    web_searches: Integer = count_field("Web searches that the provider ran")
    service_tier: Text = field("Service tier of the provider")
    stop_reason: Text = field("Why the model stopped")
    is_error: Flag = field("Whether the call failed")
    error_type: Text = field("Kind of error", isin=ERROR_TYPES)
    reported_cost_usd: ReportedUsd = field("Cost that the log reported", unit="USD", ge=0)
    repository: Text = field("Repository that the work was in")
    branch: Text = field("Branch that was checked out")
    project: Text = field("Project that the log names")


class ToolCalls(Stream):
    """One use of a tool by an agent."""

    tool_call_id: Text = key_field("Id of the tool call")
    execution_id: Text = field("Execution that made the call; null where the log does not say")
    session_id: Text = field("Session of the call")
    agent_name: Text = field("Agent that made the call")
    is_subagent: Flag = field("Whether a sub-agent made it")
    tool_name: Text = field("Name of the tool; null where only the result is in the log")
    tool_kind: Text = field("Kind of tool", isin=TOOL_KINDS)
    mcp_server: Text = field("MCP server that offers the tool")
    started_at: Timestamp = field("When it was called, or gave its result; null where no log tells (day 1970-01-01)")
    duration_ms: Integer = count_field("Time the tool took", unit="ms")
    is_error: Flag = field("Whether it failed; null where there is no result")
    error_type: Text = field("Kind of error", isin=ERROR_TYPES)
    exit_code: Integer = field("Exit code of the command")
    decision: Text = field("Whether the user let the tool run", isin=TOOL_DECISIONS)
    input_bytes: Integer = count_field("Size of the tool's input as it is in the log", unit="bytes")
    output_bytes: Integer = count_field("Size of the tool's result as it is in the log", unit="bytes")
    file_path: Text = field("File that the tool was given")
    command_name: Text = field("Program that a shell command starts with, or the skill's name")
    commit_prefix: Text = field(
        "Abbreviated id of the commit that the tool's result says it made", str_matches=r"^[0-9a-f]{7,40}$"
    )


class GitEvents(Stream):
    """One thing that happened in a git repository."""

    event_id: Text = key_field("Id of the event")
    event_type: Text = field("What happened", null=False, isin=GIT_EVENT_TYPES)
    repository: Text = field("Repository")
    remote: Text = field("Remote that was pushed to, or the repository's origin")
    branch: Text = field("Branch")
    commit: Text = field("Commit", str_matches=COMMIT)
    parents: StringList = field("Parents of the commit")
    author_hash: Text = field("Hash of the author's mail address")
    committer_hash: Text = field("Hash of the committer's mail address")
    occurred_at: Timestamp = field(
        "When it happened; of a commit, and of a note on it, the committer's time; null of a note that nothing dates, "
        "whose day is 1970-01-01"
    )
    subject: Text = field("First line of the message, redacted")
    files_changed: Integer = count_field("Files changed")
    lines_added: Integer = count_field("Lines added", unit="lines")
    lines_removed: Integer = count_field("Lines removed", unit="lines")
    is_merge: Flag = field("Whether the commit has several parents")
    reverts_commit: Text = field("Commit that this one reverts", str_matches=COMMIT)
    co_authored_agent: Text = field("Agent that the trailers name as co-author")
    session_id: Text = field("Session that the trailers or the hook name")
    duration_ms: Integer = count_field("Time that the git command took", unit="ms")
    exit_code: Integer = field("Exit code of the git command")


class Quarantine(Table):
    """One line that could not be read, or broke a rule; nothing that was read is lost."""

    reject_id: Text = key_field("Id of the reject")
    source: Text = field("Source kind that read the line", null=False)
    source_file: Text = field("File that holds the line", null=False)
    source_line: Integer = field("Line of that file, from 1", null=False, ge=0)
    byte_offset: Integer = field("Where the line begins in the file", unit="bytes", ge=0)
    reason: Text = field("Why the line was rejected, in words", null=False)
    check: Text = field("Rule that it broke", null=False)
    column: Text = field("Column that broke the rule")
    value: Text = field("Value that broke the rule, redacted")
    raw: Text = field("The line itself, redacted and cut at 4 KiB")
    rejected_at: Timestamp = field("When it was rejected", null=False)
    resolved_at: Timestamp = field("When the line was read after all, or was gone from the file")
    day: Day = field("UTC date of rejected_at", null=False)
    host: Text = field("Machine whose logs these are", null=False)


STREAMS: dict[str, type[Table]] = {
    "executions": Executions,
    "llm_calls": LlmCalls,
    "tool_calls": ToolCalls,
    "routing_decisions": RoutingDecisions,
    "agent_transformations": AgentTransformations,
    "interactions": Interactions,
    "git_events": GitEvents,
    "feedback": Feedback,
    "agent_definitions": AgentDefinitions,
    "health_events": HealthEvents,
    "quarantine": Quarantine,
}

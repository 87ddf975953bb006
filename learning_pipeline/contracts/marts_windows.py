"""Contracts of the marts over the last days, blocks of hours, branches, patterns and errors."""

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
from learning_pipeline.contracts.marts_base import Cost, SuccessRate, Tokens, Usage, grain_field, ms_field
from learning_pipeline.contracts.marts_daily import Work
from learning_pipeline.contracts.vocabulary import ERROR_TYPES, MODEL_TIERS, TASK_TYPES

BLOCK_HOURS = 5
TIER_DAYS, POOL_DAYS, PATTERN_DAYS, ERROR_DAYS = 30, 7, 90, 90
LEAST_USES = 5
RESOLUTIONS = ("retry", "other_model", "other_agent", "unresolved", "not_known")


class MartTierPerformance(Work):
    """How each size class of models did by repository, kind of task and day, over the last 30 days."""

    repository: Text = grain_field("Repository that the work was in")
    model_tier: Text = grain_field("Size class of the model", isin=MODEL_TIERS)
    task_type: Text = grain_field("Kind of task", isin=TASK_TYPES)
    day: Day = key_field("UTC day on which the executions began")


class MartPoolPerformance(Work):
    """How each worker pool did by repository and hour, over the last 7 days."""

    pool_type: Text = key_field("Worker pool")
    repository: Text = grain_field("Repository that the work was in")
    hour_at: Timestamp = key_field("Start of the hour in which the executions began, UTC")


class MartSolutionPattern(SuccessRate, Tokens, Cost):
    """A way of solving that was used 5 times or more in a repository, in the last 90 days."""

    pattern: Text = key_field("Summary of the solution in small letters, numbers and signs left out")
    repository: Text = grain_field("Repository that it was used in")
    example_summary: Text = field("First of the summaries by letters, as in the log, redacted", null=False)
    uses: Integer = count_field("Executions with it", null=False)
    agents: StringList = field("Agents that used it, sorted", null=False)
    task_types: StringList = field("Kinds of task that it was used for, sorted", null=False)
    first_day: Day = field("First day of its use", null=False)
    last_day: Day = field("Last day of its use", null=False)
    success_shrunk: Real = share_field(
        "Success rate pulled towards that of all patterns of the repository: as if 10 more of these had been seen; "
        "null where none is labelled"
    )
    duration_n: Integer = count_field("Executions with a known duration: the n of its percentiles", null=False)
    p50_ms: Real = ms_field("Median duration")
    p95_ms: Real = ms_field("95th percentile of the duration")
    quality_score: Real = share_field("Mean quality of the executions that have one")
    quality_n: Integer = count_field("Executions with a quality: the n of quality_score", null=False)
    cost_n: Integer = count_field("Executions with a computed cost: the n of cost_usd", null=False)


class MartUsageBlock(Usage):
    """Usage per source and block of five hours, as subscriptions count it.

    A block begins at the full hour of its first call, and holds all calls up to five hours later.
    """

    source: Text = key_field("Source kind that calls or executions were read by")
    block_start_at: Timestamp = key_field("Full hour at which the block begins, UTC")
    block_end_at: Timestamp = field("Five hours later", null=False)
    first_call_at: Timestamp = field("First call or execution in it", null=False)
    last_call_at: Timestamp = field("Last call or execution in it", null=False)
    active_ms: Integer = count_field("From first to last", unit="ms", null=False)
    gap_before_ms: Integer = count_field("From the last call of the block before to its first; null of the first block")
    models: StringList = field("Models that answered or worked, sorted", null=False)
    tokens: Integer = count_field("All tokens: input, output, cache reads and writes; null where none is known")
    tokens_per_minute: Real = field("Tokens per active minute; null under a minute", unit="tokens/min", ge=0)
    cost_usd_per_hour: Real = field("Computed cost per active hour; null under a minute", unit="USD/hour", ge=0)
    is_open: Flag = field("Whether the newest call of the source lies in it: more may follow", null=False)
    projected_cost_usd: Usd = field(
        "Of an open block, its cost if it goes on at this rate to its end; null of others", unit="USD", ge=0
    )


class MartBranchCost(Usage):
    """What was spent on each branch; one row without a branch holds what no log names one for."""

    repository: Text = grain_field("Repository; null where the log names none")
    branch: Text = grain_field("Branch that was checked out; null where the log names none: unattributed")
    is_attributed: Flag = field("Whether the branch is known", null=False)
    first_day: Day = field("First day of work on it; null where only git knows it")
    last_day: Day = field("Last day of work on it; null where only git knows it")
    active_days: Integer = count_field("Days with work on it", unit="days", null=False)
    agents: StringList = field("Agents at work on it, sorted", null=False)
    commits: Integer = count_field("Different commits that git events name it for", null=False)
    lines_added: Integer = count_field("Lines that these commits added", unit="lines")
    lines_removed: Integer = count_field("Lines that these commits removed", unit="lines")
    cost_per_commit_usd: Usd = field("Computed cost by commits; null without either", unit="USD", ge=0)


class MartErrorResolution(Table):
    """One execution that failed in the last 90 days, and what came next in its workflow, else in its session."""

    execution_id: Text = key_field("Execution that failed")
    day: Day = field("UTC day on which it began", null=False)
    failed_at: Timestamp = field("When it ended, else began")
    session_id: Text = field("Session")
    workflow_id: Text = field("Workflow that it was a step of")
    agent_name: Text = field("Agent that failed", null=False)
    model: Text = field("Model that did most of the work")
    repository: Text = field("Repository that the work was in")
    task_type: Text = field("Kind of task", isin=TASK_TYPES)
    error_type: Text = field("Kind of error", null=False, isin=ERROR_TYPES)
    resolution: Text = field(
        "What the next success there was: a retry by the same agent and model, the agent on another model, another "
        "agent; unresolved without any; not_known without a session",
        null=False,
        isin=RESOLUTIONS,
    )
    resolved_by_execution_id: Text = field("Next execution there that succeeded")
    resolved_by_agent: Text = field("Its agent")
    attempts: Integer = count_field("Executions of it that failed before that, this one included; null if unresolved")
    recovery_ms: Integer = count_field("From the failure to the end of that success; null if unresolved", unit="ms")


WINDOW_MARTS: dict[str, type[Table]] = {
    "mart_tier_performance": MartTierPerformance,
    "mart_pool_performance": MartPoolPerformance,
    "mart_solution_pattern": MartSolutionPattern,
    "mart_usage_block": MartUsageBlock,
    "mart_branch_cost": MartBranchCost,
    "mart_error_resolution": MartErrorResolution,
}

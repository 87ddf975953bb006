"""Contracts of the marts on agents, models, tools, sessions, git and volume."""

from typing import Any

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
from learning_pipeline.contracts.marts_base import (
    ENOUGH_LABELS,
    TARGET_AGENTS,
    TARGET_EXECUTIONS_PER_DAY,
    TARGET_TASK_TYPES,
    Cost,
    Durations,
    SuccessRate,
    Tokens,
    grain_field,
    ms_field,
)
from learning_pipeline.contracts.vocabulary import OUTCOMES, TASK_TYPES, TOOL_KINDS

LEADERBOARD_WINDOWS = (7, 30, 90)


class MartAgentDaily(SuccessRate, Durations, Tokens, Cost):
    """How each agent did per day, model, kind of task and repository."""

    day: Day = key_field("UTC day on which the executions began")
    agent_name: Text = key_field("Agent")
    model: Text = grain_field("Model that did most of the work")
    task_type: Text = grain_field("Kind of task", isin=TASK_TYPES)
    repository: Text = grain_field("Repository that the work was in")
    executions: Integer = count_field("Executions", null=False)
    llm_calls: Integer = count_field("Model calls")
    tool_calls: Integer = count_field("Tool calls")
    tool_errors: Integer = count_field("Tool calls that failed")
    committed: Integer = count_field("Executions whose work is seen in a commit", null=False)
    quality_score: Real = share_field("Mean quality of the executions that have one")
    quality_n: Integer = count_field("Executions with a quality: the n of quality_score", null=False)
    unpriced_executions: Integer = count_field("Executions without a computed cost", null=False)


class MartModelDaily(SuccessRate, Tokens, Cost):
    """How each model did per day: its calls, the executions that it did most of, and all their tokens and cost."""

    day: Day = key_field("UTC day of the calls, and on which the executions began")
    model: Text = grain_field("Model by the id in the log")
    calls: Integer = count_field("Model calls", null=False)
    unpriced_calls: Integer = count_field("Calls whose cost could not be computed; not a part of cost_usd", null=False)
    unpriced_executions: Integer = count_field(
        "Executions without a model call in the log whose cost could not be computed; not a part of cost_usd",
        null=False,
    )
    answered: Integer = count_field("Calls of which it is known whether they failed: the n of error_rate", null=False)
    errors: Integer = count_field("Calls that failed", null=False)
    error_rate: Real = share_field("Failed among answered calls; null without any")
    error_low: Real = share_field("Lower end of the rate's 95 % Wilson interval")
    error_high: Real = share_field("Upper end of the rate's 95 % Wilson interval")
    call_p50_ms: Real = ms_field("Median duration of a call")
    call_p95_ms: Real = ms_field("95th percentile of the duration of a call")
    executions: Integer = count_field("Executions that the model did most of the work in", null=False)


class MartToolDaily(Table):
    """How each tool did per day."""

    day: Day = key_field("UTC day of the calls")
    tool_name: Text = grain_field("Tool; null where only results are in the log")
    tool_kind: Text = grain_field("Kind of tool", isin=TOOL_KINDS)
    mcp_server: Text = grain_field("MCP server that offers the tool")
    calls: Integer = count_field("Calls of the tool", null=False)
    agents: Integer = count_field("Agents that called it", null=False)
    sessions: Integer = count_field("Sessions that called it", null=False)
    results: Integer = count_field("Calls with a known result: the n of error_rate", null=False)
    errors: Integer = count_field("Calls that failed", null=False)
    error_rate: Real = share_field("Failed among calls with a result; null without any")
    error_low: Real = share_field("Lower end of the rate's 95 % Wilson interval")
    error_high: Real = share_field("Upper end of the rate's 95 % Wilson interval")
    rejected: Integer = count_field("Calls that the user refused", null=False)
    p50_ms: Real = ms_field("Median duration")
    p95_ms: Real = ms_field("95th percentile of the duration")
    p99_ms: Real = ms_field("99th percentile of the duration")
    input_bytes: Integer = count_field("Size of all inputs", unit="bytes")
    output_bytes: Integer = count_field("Size of all results", unit="bytes")


class MartGitDaily(Table):
    """What happened in each repository per day."""

    day: Day = key_field("UTC day of the events")
    repository: Text = grain_field("Repository")
    events: Integer = count_field("Git events", null=False)
    commits: Integer = count_field("Different commits made", null=False)
    agent_commits: Integer = count_field("Of these, commits that name an agent or a session", null=False)
    reverts: Integer = count_field("Different commits that revert another", null=False)
    merges: Integer = count_field("Different commits with several parents", null=False)
    pushes: Integer = count_field("Pushes", null=False)
    authors: Integer = count_field("Authors of commits", null=False)
    files_changed: Integer = count_field("Files changed, by commit")
    lines_added: Integer = count_field("Lines added", unit="lines")
    lines_removed: Integer = count_field("Lines removed", unit="lines")


class MartSession(SuccessRate, Tokens, Cost):
    """One session of one user with agents."""

    session_id: Text = key_field("Session")
    day: Day = field("Day on which it was first seen", null=False)
    repository: Text = field("Repository of its first execution that names one")
    started_at: Timestamp = field("First thing that is known of it; null where nothing in it has a time")
    ended_at: Timestamp = field("Last thing that is known of it; null where nothing in it has a time")
    length_ms: Integer = count_field("From first to last", unit="ms")
    prompts: Integer = count_field("Executions that a person asked for: those of the main agent", null=False)
    executions: Integer = count_field("Executions, of sub-agents too", null=False)
    agents: Integer = count_field("Different agents", null=False)
    llm_calls: Integer = count_field("Model calls", null=False)
    tool_calls: Integer = count_field("Tool calls", null=False)
    tool_results: Integer = count_field("Tool calls with a known result", null=False)
    tool_errors: Integer = count_field("Tool calls that failed", null=False)
    tools: Integer = count_field("Different tools", null=False)
    commits: Integer = count_field("Different commits that its work went into", null=False)
    outcome: Text = field("Outcome of its last execution that no other execution started", isin=OUTCOMES)
    quality_score: Real = share_field("Mean quality of the executions that have one")
    composite_score: Real = share_field(
        "0.6 success rate + 0.2 share of tool calls without error + 0.2 quality, over the parts that are known; "
        "null where the success rate is not"
    )


class MartThroughput(Table):
    """How much was recorded per day and per hour, and how that compares with the targets."""

    period: Text = key_field("Length of the period", isin=("day", "hour"))
    starts_at: Timestamp = key_field("Start of the period")
    executions: Integer = count_field("Executions that began", null=False)
    llm_calls: Integer = count_field("Model calls", null=False)
    tool_calls: Integer = count_field("Tool calls", null=False)
    git_events: Integer = count_field("Git events", null=False)
    agents: Integer = count_field("Agents that ran", null=False)
    task_types: Integer = count_field("Kinds of task that were run", null=False)
    observed_ms: Integer = count_field(
        "Part of the period between the first and the last record", unit="ms", null=False
    )
    executions_per_hour: Real = field(
        "Executions per observed hour; null where less than a tenth of the period was observed", ge=0
    )
    projected_executions_per_day: Real = field("The same rate kept up for 24 hours", ge=0)
    volume_coverage: Real = share_field(
        f"Projection against the target of {TARGET_EXECUTIONS_PER_DAY[0]} to {TARGET_EXECUTIONS_PER_DAY[1]} a day: "
        "share of its lower end, 1 at most"
    )
    agent_coverage: Real = share_field(f"Agents against the target of {TARGET_AGENTS}, 1 at most", null=False)
    task_type_coverage: Real = share_field(f"Kinds of task against the target of {TARGET_TASK_TYPES}", null=False)


class _Leaderboard(Table):
    """Agents side by side, over the last 7, 30 and 90 days of the data."""

    agent_name: Text = key_field("Agent")
    rank: Integer = count_field(
        "1 is best: by lower end of the 30-day success interval, agents with too little evidence behind", null=False
    )
    newest_day: Day = field("Last day of all windows: the newest day with an execution", null=False)
    last_day: Day = field("Last day on which the agent ran", null=False)
    models: StringList = field("Models it ran on in the last 90 days, sorted", null=False)


def _leaderboard() -> type[Table]:
    """Return the contract with the columns of each window."""
    columns: dict[str, tuple[Any, Any]] = {}
    for days in LEADERBOARD_WINDOWS:
        last = f"in the last {days} days"
        columns |= {
            f"executions_{days}d": (Integer, count_field(f"Executions {last}", null=False)),
            f"labelled_{days}d": (Integer, count_field(f"Executions with known success or failure {last}", null=False)),
            f"successes_{days}d": (Integer, count_field(f"Successes {last}", null=False)),
            f"success_rate_{days}d": (Real, share_field(f"Success rate {last}")),
            f"success_low_{days}d": (Real, share_field(f"Lower end of its 95 % Wilson interval {last}")),
            f"success_high_{days}d": (Real, share_field(f"Upper end of its 95 % Wilson interval {last}")),
            f"labelled_before_{days}d": (
                Integer,
                count_field(f"Executions with known success or failure in the {days} days before that", null=False),
            ),
            f"trend_{days}d": (
                Real,
                field(
                    f"Success rate {last} less that of the {days} days before; null where one has none",
                    unit="ratio",
                    ge=-1,
                    le=1,
                ),
            ),
            f"cost_usd_{days}d": (
                Usd,
                field(f"Computed cost {last}; null where no execution has one", unit="USD", ge=0),
            ),
            f"reported_cost_usd_{days}d": (
                ReportedUsd,
                field(f"Cost that the logs reported {last}; null where they did not", unit="USD", ge=0),
            ),
            f"costed_{days}d": (Integer, count_field(f"Executions with a computed cost {last}", null=False)),
            f"cost_per_success_usd_{days}d": (
                Real,
                field(f"Cost of labelled executions that have one, per success of these, {last}", unit="USD", ge=0),
            ),
            f"p50_ms_{days}d": (Real, ms_field(f"Median duration {last}")),
            f"p95_ms_{days}d": (Real, ms_field(f"95th percentile of the duration {last}")),
            f"enough_data_{days}d": (
                Flag,
                field(f"Whether {ENOUGH_LABELS} or more executions are labelled {last}", null=False),
            ),
        }
    body: dict[str, Any] = {name: declared for name, (_, declared) in columns.items()}
    body |= {
        "__annotations__": {name: kind for name, (kind, _) in columns.items()},
        "__doc__": _Leaderboard.__doc__,
        "__module__": __name__,
    }
    return type("MartAgentLeaderboard", (_Leaderboard,), body)


MartAgentLeaderboard = _leaderboard()

WORK_MARTS: dict[str, type[Table]] = {
    "mart_agent_daily": MartAgentDaily,
    "mart_model_daily": MartModelDaily,
    "mart_tool_daily": MartToolDaily,
    "mart_git_daily": MartGitDaily,
    "mart_session": MartSession,
    "mart_throughput": MartThroughput,
    "mart_agent_leaderboard": MartAgentLeaderboard,
}

"""Sections on agents, models, tools, errors and how long things take."""

from learning_pipeline.report.parts import Chart, Question, Section
from learning_pipeline.report.section_usage import DAYS

_RATE = {"rate": "success rate", "low": "95 % from", "high": "to"}
_ERRORS = {"rate": "error rate", "low": "95 % from", "high": "to"}
_BOARD = (
    "agent_name",
    "rank",
    "executions_30d",
    "labelled_30d",
    "successes_30d",
    "trend_30d",
    "cost_per_success_usd_30d",
    "enough_data_30d",
)

AGENTS = """
select agent_name as agent, labelled_30d as labelled, successes_30d as successes, executions_30d as executions,
    trend_30d as trend_ratio, cost_per_success_usd_30d as cost_per_success_usd, enough_data_30d as enough_data
from mart_agent_leaderboard where labelled_30d > 0 order by rank, agent_name limit 25
"""

SUCCESS_PER_DAY = f"""
select date_trunc('week', day)::date as week, sum(labelled)::bigint as labelled, sum(successes)::bigint as successes,
    sum(executions)::bigint as executions
from mart_agent_daily where day > (select max(day) from mart_agent_daily) - {DAYS}
group by all having sum(labelled) > 0 order by week
"""

MODELS = f"""
select coalesce(model, '(no model named)') as model, sum(labelled)::bigint as labelled,
    sum(successes)::bigint as successes, sum(executions)::bigint as executions, sum(cost_usd) as cost_usd
from mart_agent_daily where day > (select max(day) from mart_agent_daily) - {DAYS}
group by all having sum(labelled) > 0 order by labelled desc, model limit 25
"""

COST_PER_SUCCESS = """
select agent_name as agent, cost_per_success_usd_30d as cost_per_success_usd, successes_30d as successes,
    costed_30d as costed
from mart_agent_leaderboard where cost_per_success_usd_30d is not null
order by cost_per_success_usd_30d, agent_name limit 25
"""

TASK_TYPES = f"""
select coalesce(task_type, '(unknown)') as task_type, sum(labelled)::bigint as labelled,
    sum(successes)::bigint as successes, sum(executions)::bigint as executions
from mart_agent_daily where day > (select max(day) from mart_agent_daily) - {DAYS}
group by all having sum(labelled) > 0 order by labelled desc, task_type limit 25
"""

TOOLS = f"""
select coalesce(tool_name, '(no name)') as tool, sum(calls)::bigint as calls, sum(results)::bigint as results,
    sum(errors)::bigint as errors, sum(rejected)::bigint as rejected
from mart_tool_daily where day > (select max(day) from mart_tool_daily) - {DAYS}
group by all having sum(results) > 0 order by calls desc, tool limit 25
"""

MODEL_ERRORS = f"""
select coalesce(model, '(no model named)') as model, sum(calls)::bigint as calls, sum(answered)::bigint as answered,
    sum(errors)::bigint as errors
from mart_model_daily where day > (select max(day) from mart_model_daily) - {DAYS}
group by all having sum(answered) > 0 order by calls desc, model limit 25
"""

ERRORS_PER_DAY = f"""
select day, error_type, errors, execution_errors, tool_errors, call_errors
from mart_error_daily where day > (select max(day) from mart_error_daily) - {DAYS} order by day, error_type
"""

RESOLVED = """
select error_type, count(*) as failures, count(resolved_by_execution_id) as resolved,
    round(median(attempts), 1) as median_attempts, round(median(recovery_ms))::bigint as median_recovery_ms
from mart_error_resolution group by error_type order by failures desc, error_type
"""


def _percentiles(name: str, table: str) -> str:
    """Return the SQL of the percentiles of a table's durations, for the 20 names with the most of them."""
    ends = ", ".join(f"quantile_cont(duration_ms, 0.{q}) as p{q}_ms" for q in (50, 90, 95, 99))
    return f"""
select coalesce({name}, '(no name)') as name, count(*) as n, {ends}
from {table} where duration_ms is not null and day > (select max(day) from {table}) - {DAYS}
group by all order by n desc, name limit 20
"""


def _latency(chart: str, title: str, name: str, table: str, what: str) -> Chart:
    return Chart(
        chart,
        title,
        f"Median, 90th, 95th and 99th percentile of the last {DAYS} days; the 20 with the most {what}. "
        "Where n is below 100, the 99th percentile is hardly more than the longest one.",
        "percentiles",
        "seconds",
        "n",
        f"{what} with a known duration",
        (Question({table: (name, "duration_ms", "day")}, _percentiles(name, table)),),
        x="p50_ms",
        y="name",
    )


COMPARED = Section(
    "compared",
    "Agents and models",
    "Success is an observed outcome: feedback, checks, git, or what the log reports. Open and unknown runs are not in "
    "the rate. The line is the 95 % Wilson interval: where two overlap widely, the data do not tell them apart.",
    (
        Chart(
            "agents",
            "Success rate by agent, last 30 days",
            "In the order of the leaderboard: by the lower end of the interval, too little evidence behind.",
            "intervals",
            "share of labelled executions",
            "labelled",
            "labelled executions",
            (Question({"mart_agent_leaderboard": _BOARD}, AGENTS),),
            x="rate",
            y="agent",
            rate=("successes", "labelled"),
            columns={**_RATE, "trend_ratio": "change against the 30 days before"},
        ),
        Chart(
            "models",
            f"Success rate by model, last {DAYS} days",
            "By the model that did most of the work of an execution.",
            "intervals",
            "share of labelled executions",
            "labelled",
            "labelled executions",
            (
                Question(
                    {"mart_agent_daily": ("day", "model", "labelled", "successes", "executions", "cost_usd")}, MODELS
                ),
            ),
            x="rate",
            y="model",
            rate=("successes", "labelled"),
            columns=_RATE,
        ),
        Chart(
            "task_types",
            f"Success rate by kind of task, last {DAYS} days",
            "An agent that is given the easy tasks looks better than it is: compare within a kind of task.",
            "intervals",
            "share of labelled executions",
            "labelled",
            "labelled executions",
            (Question({"mart_agent_daily": ("day", "task_type", "labelled", "successes", "executions")}, TASK_TYPES),),
            x="rate",
            y="task_type",
            rate=("successes", "labelled"),
            columns=_RATE,
        ),
        Chart(
            "success_per_week",
            "Success rate per week",
            "All agents together; weeks begin on Monday, UTC.",
            "lines",
            "share of labelled executions",
            "labelled",
            "labelled executions",
            (Question({"mart_agent_daily": ("day", "labelled", "successes", "executions")}, SUCCESS_PER_DAY),),
            x="week",
            y="rate",
            rate=("successes", "labelled"),
            columns=_RATE,
        ),
        Chart(
            "cost_per_success",
            "Cost per success by agent, last 30 days",
            "Cost of labelled executions that have one, failures included, for each success.",
            "bars",
            "USD per success",
            "costed",
            "executions with a computed cost",
            (
                Question(
                    {
                        "mart_agent_leaderboard": (
                            "agent_name",
                            "cost_per_success_usd_30d",
                            "successes_30d",
                            "costed_30d",
                        )
                    },
                    COST_PER_SUCCESS,
                ),
            ),
            x="cost_per_success_usd",
            y="agent",
            columns={"costed": "executions with a cost"},
        ),
    ),
)

TOOLS_AND_ERRORS = Section(
    "tools",
    "Tools and errors",
    "A call whose result is not in the log counts neither as an error nor as none.",
    (
        Chart(
            "tool_errors",
            f"Error rate by tool, last {DAYS} days",
            "The 25 tools with the most calls, the most used first.",
            "intervals",
            "share of calls with a result",
            "results",
            "tool calls with a known result",
            (Question({"mart_tool_daily": ("day", "tool_name", "calls", "results", "errors", "rejected")}, TOOLS),),
            x="rate",
            y="tool",
            rate=("errors", "results"),
            columns=_ERRORS,
        ),
        Chart(
            "model_errors",
            f"Error rate of model calls, last {DAYS} days",
            "The most used first.",
            "intervals",
            "share of answered calls",
            "answered",
            "model calls of which it is known whether they failed",
            (Question({"mart_model_daily": ("day", "model", "calls", "answered", "errors")}, MODEL_ERRORS),),
            x="rate",
            y="model",
            rate=("errors", "answered"),
            columns=_ERRORS,
        ),
        Chart(
            "errors_per_day",
            "Errors per day, by type",
            f"Of executions, tool calls and model calls; the last {DAYS} days with one.",
            "stack",
            "errors",
            "errors",
            "errors of executions, tool calls and model calls",
            (
                Question(
                    {
                        "mart_error_daily": (
                            "day",
                            "error_type",
                            "errors",
                            "execution_errors",
                            "tool_errors",
                            "call_errors",
                        )
                    },
                    ERRORS_PER_DAY,
                ),
            ),
            x="day",
            y="errors",
            series="error_type",
        ),
        Chart(
            "errors_resolved",
            "Failures that a later execution made good, by type of error",
            "The same task, workflow or session went on, and succeeded.",
            "intervals",
            "share of failed executions",
            "failures",
            "failed executions",
            (
                Question(
                    {
                        "mart_error_resolution": (
                            "error_type",
                            "resolved_by_execution_id",
                            "attempts",
                            "recovery_ms",
                        )
                    },
                    RESOLVED,
                ),
            ),
            x="rate",
            y="error_type",
            rate=("resolved", "failures"),
            columns={"rate": "share made good", "low": "95 % from", "high": "to"},
        ),
    ),
)

LATENCY = Section(
    "latency",
    "Latency",
    "Percentiles are of single durations, never averages of other percentiles.",
    (
        _latency("latency_agents", "Duration of executions, by agent", "agent_name", "fct_executions", "executions"),
        _latency("latency_models", "Duration of model calls, by model", "model", "fct_llm_calls", "calls"),
        _latency("latency_tools", "Duration of tool calls, by tool", "tool_name", "fct_tool_calls", "calls"),
    ),
)

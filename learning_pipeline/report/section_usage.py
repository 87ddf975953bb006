"""Sections on money and tokens."""

from learning_pipeline.report.parts import Chart, Question, Section

# Days that time series show, back from the newest day.
DAYS = 90
_USAGE = ("day", "model", "calls", "executions", "cost_usd", "unpriced_calls", "unpriced_executions")
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")

COST_PER_DAY = f"""
with recent as (
    select * from mart_usage_daily where day > (select max(day) from mart_usage_daily) - {DAYS}
), most as (
    select model from recent group by model order by sum(cost_usd) desc nulls last, model limit 6
)
select day,
    case when model is null then '(no model named)' when model in (from most) then model else '(others)' end as model,
    sum(cost_usd) as cost_usd,
    sum(calls + executions - unpriced_calls - unpriced_executions)::bigint as priced,
    sum(unpriced_calls + unpriced_executions)::bigint as unpriced
from recent group by all having sum(cost_usd) is not null order by day, model
"""

TOKENS_PER_DAY = f"""
with recent as (
    select * from mart_usage_daily where day > (select max(day) from mart_usage_daily) - {DAYS}
)
select day, replace(replace(kind, '_tokens', ''), '_', ' ') as kind, tokens, usages from (
    unpivot (
        select day, {", ".join(f"sum({name})::bigint as {name}" for name in _TOKENS)},
            sum(calls + executions)::bigint as usages
        from recent group by day
    ) on {", ".join(_TOKENS)} into name kind value tokens
) order by day, kind
"""

COST_PER_MODEL = """
select coalesce(model, '(no model named)') as model, sum(cost_usd) as cost_usd,
    sum(calls + executions)::bigint as usages, sum(unpriced_calls + unpriced_executions)::bigint as unpriced,
    sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens, sum(cache_write_tokens)::bigint as cache_write_tokens
from mart_usage_daily group by all order by cost_usd desc nulls last, usages desc, model limit 25
"""

COST_PER_MONTH = """
select month, sum(cost_usd) as cost_usd, sum(calls + executions)::bigint as usages,
    sum(unpriced_calls + unpriced_executions)::bigint as unpriced,
    sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens, sum(cache_write_tokens)::bigint as cache_write_tokens
from mart_usage_monthly group by month order by month desc
"""

COST_PER_COMMIT = """
select case when is_attributed then left(commit, 12) else '(led to no commit)' end as commit,
    coalesce(any_value(repository), '(unknown)') as repository, sum(executions)::bigint as executions,
    sum(cost_usd) as cost_usd, any_value(lines_added) as lines_added, any_value(lines_removed) as lines_removed,
    any_value(is_reverted) as is_reverted
from mart_commit_cost where cost_usd is not null
group by mart_commit_cost.commit, is_attributed
order by is_attributed, cost_usd desc, 1, repository limit 20
"""

COST_PER_BRANCH = """
select case when is_attributed then coalesce(repository, '?') || ': ' || branch
    else coalesce(repository || ': ', '') || '(branch unknown)' end as branch,
    cost_usd, (calls + executions)::bigint as usages, commits, cost_per_commit_usd, active_days
from mart_branch_cost where cost_usd is not null
order by is_attributed, cost_usd desc, branch, repository limit 20
"""

BUDGETS = """
select budget, starts_day, ends_day, coalesce(model, source, '(all)') as of_what, cost_usd, limit_usd, spent_ratio,
    state, usages, unpriced, elapsed_days, period_days, projected_cost_usd
from mart_budget order by starts_day desc, budget limit 60
"""

BLOCKS = """
select block_start_at, source, cost_usd, tokens, (calls + executions)::bigint as usages, tokens_per_minute,
    cost_usd_per_hour, is_open, projected_cost_usd
from mart_usage_block order by block_start_at desc, source limit 60
"""

USAGE = Section(
    "usage",
    "Cost and tokens",
    "Cost is computed at the prices of each event's own day. What has no price is counted, never taken for 0.",
    (
        Chart(
            "cost_per_day",
            "Cost per day, by model",
            f"The last {DAYS} days of the data; the six models that cost most, the others together.",
            "stack",
            "USD",
            "priced",
            "priced model calls, and priced executions that tell no call",
            (Question({"mart_usage_daily": _USAGE}, COST_PER_DAY),),
            x="day",
            y="cost_usd",
            series="model",
            columns={"priced": "priced calls and executions", "unpriced": "without a price"},
        ),
        Chart(
            "tokens_per_day",
            "Tokens per day, by kind",
            "Tokens that are read from a cache are counted apart from those that are not.",
            "stack",
            "tokens",
            "usages",
            "model calls, and executions that tell no call",
            (Question({"mart_usage_daily": ("day", *_TOKENS, "calls", "executions")}, TOKENS_PER_DAY),),
            x="day",
            y="tokens",
            series="kind",
            columns={"usages": "calls and executions that day"},
            n_once="day",
        ),
        Chart(
            "cost_per_model",
            "Cost by model, all time",
            "The 25 models that cost most. A model without a bar has no known price.",
            "bars",
            "USD",
            "usages",
            "model calls, and executions that tell no call",
            (Question({"mart_usage_daily": (*_USAGE, *_TOKENS)}, COST_PER_MODEL),),
            x="cost_usd",
            y="model",
            columns={"usages": "calls and executions", "unpriced": "of these without a price"},
        ),
        Chart(
            "cost_per_commit",
            "Cost by commit",
            "The commits that cost most, after what led to no commit.",
            "bars",
            "USD",
            "executions",
            "executions; one with several commits counts for each",
            (
                Question(
                    {
                        "mart_commit_cost": (
                            "commit",
                            "is_attributed",
                            "repository",
                            "executions",
                            "cost_usd",
                            "lines_added",
                            "lines_removed",
                            "is_reverted",
                        )
                    },
                    COST_PER_COMMIT,
                ),
            ),
            x="cost_usd",
            y="commit",
        ),
        Chart(
            "cost_per_branch",
            "Cost by branch",
            "The branches that cost most, after what no log names a branch for.",
            "bars",
            "USD",
            "usages",
            "model calls, and executions that tell no call",
            (
                Question(
                    {
                        "mart_branch_cost": (
                            "repository",
                            "branch",
                            "is_attributed",
                            "cost_usd",
                            "calls",
                            "executions",
                            "commits",
                            "cost_per_commit_usd",
                            "active_days",
                        )
                    },
                    COST_PER_BRANCH,
                ),
            ),
            x="cost_usd",
            y="branch",
            columns={"usages": "calls and executions"},
        ),
        Chart(
            "cost_per_month",
            "Cost and tokens by month",
            "All sources together.",
            "table",
            "USD and tokens",
            "usages",
            "model calls, and executions that tell no call",
            (
                Question(
                    {"mart_usage_monthly": ("month", "calls", "executions", "cost_usd", "unpriced_calls", *_TOKENS)},
                    COST_PER_MONTH,
                ),
            ),
            columns={"usages": "calls and executions", "unpriced": "of these without a price"},
        ),
        Chart(
            "budgets",
            "Budgets",
            "What was spent of each budget in each of its own periods, the newest first; an open period is projected.",
            "table",
            "USD",
            "",  # a call counts in every budget that it belongs to: periods are counted
            "periods of budgets",
            (
                Question(
                    {
                        "mart_budget": (
                            "budget",
                            "starts_day",
                            "ends_day",
                            "cost_usd",
                            "limit_usd",
                            "spent_ratio",
                            "state",
                        )
                    },
                    BUDGETS,
                ),
            ),
            none="none: no budget is configured.",
            columns={
                "usages": "calls and executions",
                "unpriced": "of these without a price",
                "of_what": "of",
                "spent_ratio": "share of the limit",
            },
        ),
        Chart(
            "blocks",
            "Five-hour blocks, as subscriptions count them",
            "The newest 60; a block begins at the full hour of its first call.",
            "table",
            "USD and tokens",
            "usages",
            "model calls, and executions that tell no call",
            (
                Question(
                    {"mart_usage_block": ("block_start_at", "source", "tokens", "projected_cost_usd", "is_open")},
                    BLOCKS,
                ),
            ),
            columns={"usages": "calls and executions", "cost_usd_per_hour": "USD per hour"},
        ),
    ),
)

"""The numbers at the top of the page."""

from learning_pipeline.report.parts import Figure, Question

FIGURES = (
    Figure(
        "Executions",
        "count",
        Question(
            {"mart_agent_daily": ("day", "executions", "agent_name")},
            "select sum(executions)::bigint as value, count(distinct agent_name) || ' agents, ' "
            "|| coalesce(min(day) filter (where day > '1970-01-01') || ' to ' || max(day), 'undated') as note "
            "from mart_agent_daily",
        ),
    ),
    Figure(
        "Success rate",
        "rate",
        Question(
            {"mart_agent_daily": ("labelled", "successes")},
            "select sum(successes)::bigint as k, sum(labelled)::bigint as n, 'labelled executions' as note "
            "from mart_agent_daily",
        ),
    ),
    Figure(
        "Cost",
        "usd",
        Question(
            {"mart_usage_daily": ("cost_usd", "calls", "executions", "unpriced_calls", "unpriced_executions")},
            "select sum(cost_usd) as value, 'of ' || format('{:,}', sum(calls + executions)::bigint) || ' calls and "
            "executions, ' || format('{:,}', sum(unpriced_calls + unpriced_executions)::bigint) || ' without a price' "
            "as note from mart_usage_daily",
        ),
    ),
    Figure(
        "Tokens",
        "count",
        Question(
            {"mart_usage_daily": ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")},
            "select (coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) + "
            "coalesce(sum(cache_read_tokens), 0) + coalesce(sum(cache_write_tokens), 0))::bigint as value, "
            "format('{:,}', sum(output_tokens)::bigint) || ' of them output' as note from mart_usage_daily",
        ),
    ),
    Figure(
        "Sessions",
        "count",
        Question(
            {"mart_session": ("prompts",)},
            "select count(*) as value, format('{:,}', sum(prompts)::bigint) || ' prompts' as note from mart_session",
        ),
    ),
    Figure(
        "Tool error rate",
        "rate",
        Question(
            {"mart_tool_daily": ("errors", "results")},
            "select sum(errors)::bigint as k, sum(results)::bigint as n, 'tool calls with a result' as note "
            "from mart_tool_daily",
        ),
    ),
    Figure(
        "Lines read",
        "count",
        Question(
            {"mart_data_quality": ("lines_read", "quarantined", "source")},
            "select sum(lines_read)::bigint as value, format('{:,}', sum(quarantined)::bigint) || ' in quarantine, ' "
            "|| count(distinct source) || ' sources' as note from mart_data_quality",
        ),
    ),
    Figure(
        "Newest event",
        "text",
        Question(
            {"mart_freshness": ("newest_event_at", "measured_at")},
            "select strftime(max(newest_event_at), '%Y-%m-%d %H:%M') as value, 'UTC; tables put together ' "
            "|| strftime(max(measured_at), '%Y-%m-%d %H:%M') as note from mart_freshness",
        ),
    ),
)

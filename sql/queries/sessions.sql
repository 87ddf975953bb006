-- The fifty newest sessions: length, prompts, agents, tools, tokens, cost, outcome
select
    session_id,
    started_at,
    round(length_ms / 60000, 1) as minutes,
    repository,
    prompts,
    agents,
    tool_calls,
    tool_errors,
    output_tokens,
    round(cost_usd, 2) as cost_usd,
    commits,
    outcome,
    round(composite_score, 2) as composite_score
from mart_session
order by started_at desc, session_id
limit 50;

-- What authorship notes say of agents and models: each prompt once, its lines accepted and written over by people
select
    agent_name,
    model,
    count(*) as prompts,
    sum(commits) as commits,
    sum(dangling_commits) as dangling_commits,
    sum(accepted_lines) as accepted_lines,
    sum(overridden_lines) as overridden_lines,
    count(accepted_ratio) as n,
    round(avg(accepted_ratio), 3) as mean_accepted_ratio
from mart_prompt_attribution
group by agent_name, model
order by accepted_lines desc nulls last;

-- The functions' bodies are parsed here, not at each call: no search path can give their names another meaning.

create function enhanced_learning.recommend_agent(
    task_type text,
    repository text default null,
    max_cost_usd numeric default null,
    k integer default 3
)
returns table (
    rank bigint,
    agent_name text,
    model text,
    success_probability double precision,
    interval_low double precision,
    interval_high double precision,
    n bigint,
    expected_cost_usd double precision,
    expected_duration_ms bigint,
    utility double precision,
    matched_task_type text,
    matched_repository text,
    router_version text
)
language sql stable rows 3
set search_path = pg_catalog, pg_temp
begin atomic
    with scope as (
        select r.task_type, r.repository
        from enhanced_learning.routing_recommendations as r
        where
            (r.task_type = recommend_agent.task_type or r.task_type = 'other')
            and (r.repository = recommend_agent.repository or r.repository is null)
        order by r.task_type = recommend_agent.task_type desc nulls last, r.repository is null
        limit 1
    )
    select
        row_number() over (order by r.rank),
        r.agent_name, r.model, r.success_probability, r.interval_low, r.interval_high, r.n,
        r.expected_cost_usd, r.expected_duration_ms, r.utility, r.task_type, r.repository, r.router_version
    from enhanced_learning.routing_recommendations as r
    inner join scope on r.task_type = scope.task_type and r.repository is not distinct from scope.repository
    where recommend_agent.max_cost_usd is null or r.expected_cost_usd <= recommend_agent.max_cost_usd
    order by r.rank
    limit greatest(coalesce(recommend_agent.k, 3), 0);
end;

comment on function enhanced_learning.recommend_agent(text, text, numeric, integer) is
'The k best candidates for a kind of task. Looked up for the repository, then for all repositories; a kind of task '
'without recommendations is answered by those for "other", and by no row where there are none. With max_cost_usd, '
'candidates whose expected cost is higher or not known are left out. matched_* say what was found.';

create function enhanced_learning.similar_tasks(
    embedding vector,
    k integer default 10,
    min_similarity double precision default 0.7,
    repository text default null,
    since timestamptz default null
)
returns table (
    execution_id text,
    similarity double precision,
    agent_name text,
    model text,
    task_type text,
    repository_name text,
    success boolean,
    outcome text,
    executed_at timestamptz,
    execution_time_ms bigint,
    cost_usd numeric,
    embedding_version text,
    task_text text
)
language sql stable rows 10
set search_path = pg_catalog, pg_temp
set hnsw.iterative_scan = relaxed_order
set hnsw.ef_search = 100
begin atomic
    -- The index works in half precision: it proposes more than k, and exact distances decide among them.
    with proposed as materialized (
        select m.execution_id, 1 - (m.task_embedding <=> similar_tasks.embedding) as similarity
        from enhanced_learning.agent_metrics as m
        where
            m.task_embedding is not null
            and (similar_tasks.repository is null or m.repository = similar_tasks.repository)
            and (similar_tasks.since is null or m."timestamp" >= similar_tasks.since)
        order by m.task_embedding::halfvec(512) <=> similar_tasks.embedding::halfvec(512)
        limit greatest(least(coalesce(similar_tasks.k, 10), 1000), 0) * 2 + 20
    )
    select
        p.execution_id, p.similarity, m.agent_name, m.model, m.task_type, m.repository, m.success, m.outcome,
        m."timestamp", m.execution_time_ms, m.cost_usd, m.embedding_version, e.task_text
    from proposed as p
    inner join enhanced_learning.agent_metrics as m on m.execution_id = p.execution_id
    left join enhanced_learning.executions as e on e.execution_id = p.execution_id
    -- A vector of zeros has no direction: its similarity is NaN, which counts as the greatest number.
    where p.similarity >= coalesce(similar_tasks.min_similarity, -1) and p.similarity <> 'NaN'
    order by p.similarity desc, p.execution_id
    limit greatest(least(coalesce(similar_tasks.k, 10), 1000), 0);
end;

comment on function enhanced_learning.similar_tasks(vector, integer, double precision, text, timestamptz) is
'The k past tasks nearest to an embedding (512 dimensions, made by the embedding version of agent_metrics) by cosine '
'similarity, of one repository and since a time where these are given. At most 1000.';

drop function enhanced_learning.similar_tasks(vector, integer, double precision, text, timestamptz);
drop function enhanced_learning_internal.analyze_tables();
drop function enhanced_learning_internal.drop_old_indexes();
drop function enhanced_learning_internal.index_embeddings(text);
drop function enhanced_learning_internal.drop_partitions(date);
drop function enhanced_learning_internal.make_partitions(date[]);
drop table enhanced_learning.retention;
alter table enhanced_learning.publishes drop column recall;
drop index enhanced_learning.agent_metrics_failed;
alter table enhanced_learning.agent_metrics drop column correlation_id;

do $$
declare
    old record;
begin
    for old in
        select i.indexname from pg_indexes as i
        where i.schemaname = 'enhanced_learning' and i.indexname like 'agent\_metrics\_embedding\_%'
    loop
        execute format('drop index enhanced_learning.%I', old.indexname);
    end loop;
end
$$;

alter table enhanced_learning.executions rename to executions_by_month;
drop index
    enhanced_learning.executions_started_at, enhanced_learning.executions_day, enhanced_learning.executions_agent,
    enhanced_learning.executions_session, enhanced_learning.executions_correlation, enhanced_learning.executions_failed;
alter table enhanced_learning.executions_by_month drop constraint executions_pkey;
delete from enhanced_learning_internal.published_parts;

create table enhanced_learning.executions (
    source text not null,
    source_file text not null,
    source_line bigint not null,
    landed_at timestamptz not null,
    day date not null,
    host text not null,
    attributes jsonb,
    execution_id text primary key,
    session_id text,
    parent_execution_id text,
    correlation_id text,
    workflow_id text,
    agent_name text not null,
    agent_version text,
    agent_kind text,
    model text,
    provider text,
    model_tier text,
    pool_type text,
    topology text,
    task_type text,
    reported_task_type text,
    task_text text,
    task_hash text,
    repository text,
    branch text,
    working_dir text,
    project text,
    user_hash text,
    started_at timestamptz,
    ended_at timestamptz,
    duration_ms bigint,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    context_tokens bigint,
    reported_cost_usd numeric(38, 12),
    estimated_cost_usd numeric(38, 12),
    llm_calls bigint,
    tool_calls bigint,
    tool_errors bigint,
    retries bigint,
    files_changed bigint,
    lines_added bigint,
    lines_removed bigint,
    outcome text not null,
    success boolean,
    outcome_source text not null,
    label_weight double precision not null,
    exit_code bigint,
    error_type text,
    error_message text,
    quality_score double precision,
    confidence double precision,
    complexity_score double precision,
    user_accepted boolean,
    user_rating double precision,
    peak_memory_mb double precision,
    cpu_time_ms bigint,
    solution_summary text,
    cost_usd numeric(38, 12),
    price_version text,
    committed boolean,
    reverted boolean,
    commits text[],
    evidence text[],
    is_stuck boolean not null
);

create index executions_started_at on enhanced_learning.executions (started_at);
create index executions_day on enhanced_learning.executions (day);
create index executions_agent on enhanced_learning.executions (agent_name, started_at);
create index executions_session on enhanced_learning.executions (session_id);
create index executions_correlation on enhanced_learning.executions (correlation_id) where correlation_id is not null;
create index executions_failed on enhanced_learning.executions (started_at, error_type) where success is false;

insert into enhanced_learning.executions (
    source, source_file, source_line, landed_at, day, host, attributes, execution_id, session_id,
    parent_execution_id, correlation_id, workflow_id, agent_name, agent_version, agent_kind, model, provider,
    model_tier, pool_type, topology, task_type, reported_task_type, task_text, task_hash, repository, branch,
    working_dir, project, user_hash, started_at, ended_at, duration_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, context_tokens, reported_cost_usd,
    estimated_cost_usd, llm_calls, tool_calls, tool_errors, retries, files_changed, lines_added,
    lines_removed, outcome, success, outcome_source, label_weight, exit_code, error_type, error_message,
    quality_score, confidence, complexity_score, user_accepted, user_rating, peak_memory_mb, cpu_time_ms,
    solution_summary, evidence, is_stuck, cost_usd, price_version, committed, reverted, commits
)
select
    source, source_file, source_line, landed_at, day, host, attributes, execution_id, session_id,
    parent_execution_id, correlation_id, workflow_id, agent_name, agent_version, agent_kind, model, provider,
    model_tier, pool_type, topology, task_type, reported_task_type, task_text, task_hash, repository, branch,
    working_dir, project, user_hash, started_at, ended_at, duration_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, context_tokens, reported_cost_usd,
    estimated_cost_usd, llm_calls, tool_calls, tool_errors, retries, files_changed, lines_added,
    lines_removed, outcome, success, outcome_source, label_weight, exit_code, error_type, error_message,
    quality_score, confidence, complexity_score, user_accepted, user_rating, peak_memory_mb, cpu_time_ms,
    solution_summary, evidence, is_stuck, cost_usd, price_version, committed, reverted, commits
from enhanced_learning.executions_by_month;
drop table enhanced_learning.executions_by_month;

-- Publishers may not alter tables; this builds the one index that is built after the first load.
create function enhanced_learning_internal.index_embeddings() returns void
language plpgsql security definer
set search_path from current
as $$
begin
    create index if not exists agent_metrics_embedding on enhanced_learning.agent_metrics
        using hnsw ((task_embedding::halfvec(512)) halfvec_cosine_ops);
end
$$;
revoke all on function enhanced_learning_internal.index_embeddings() from public;

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

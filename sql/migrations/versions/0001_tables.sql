-- The published tables. Their columns are those of the contracts (learning_pipeline/contracts, and
-- learning_pipeline/publish/tables.py); the comments come from there after every upgrade.

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
    commits text[]
);

create index executions_started_at on enhanced_learning.executions (started_at);
create index executions_day on enhanced_learning.executions (day);
create index executions_agent on enhanced_learning.executions (agent_name, started_at);
create index executions_session on enhanced_learning.executions (session_id);
create index executions_correlation on enhanced_learning.executions (correlation_id) where correlation_id is not null;
create index executions_failed on enhanced_learning.executions (started_at, error_type) where success is false;

-- One row an execution: how it did, and the embedding of its task. The index on the embedding is built by
-- the first publish, after its load (enhanced_learning_internal.index_embeddings).
create table enhanced_learning.agent_metrics (
    execution_id text primary key,
    agent_name text not null,
    agent_kind text,
    model text,
    model_tier text,
    task_type text,
    repository text,
    branch text,
    session_id text,
    "timestamp" timestamptz not null,
    day date not null,
    execution_time_ms bigint,
    success boolean,
    outcome text not null,
    outcome_source text not null,
    label_weight double precision not null,
    error_type text,
    error_message text,
    context_size bigint,
    tokens_used bigint,
    cost_usd numeric(38, 12),
    quality_score double precision,
    embedding_version text,
    task_embedding vector(512),
    constraint embedding_has_version check ((task_embedding is null) = (embedding_version is null))
) with (fillfactor = 85);  -- Room for a new outcome beside the old row, so that no index is touched.

create index agent_metrics_timestamp on enhanced_learning.agent_metrics ("timestamp");
create index agent_metrics_day on enhanced_learning.agent_metrics (day);
create index agent_metrics_agent on enhanced_learning.agent_metrics (agent_name, "timestamp");
create index agent_metrics_session on enhanced_learning.agent_metrics (session_id);
create index agent_metrics_task_type on enhanced_learning.agent_metrics (task_type, "timestamp");
create index agent_metrics_repository on enhanced_learning.agent_metrics (repository, "timestamp");

create table enhanced_learning.routing_recommendations (
    task_type text not null,
    repository text,
    rank bigint not null,
    agent_name text not null,
    model text,
    n bigint not null,
    success_probability double precision,
    interval_low double precision,
    interval_high double precision,
    expected_cost_usd double precision,
    expected_duration_ms bigint,
    utility double precision not null,
    router_version text not null,
    constraint routing_recommendations_place unique nulls not distinct (task_type, repository, rank)
);

create table enhanced_learning.publishes (
    publish_id uuid primary key,
    code_version text not null,
    schema_version text not null,
    first_day date,
    last_day date,
    row_counts jsonb not null,
    changes jsonb not null,
    digest text not null,
    router_version text,
    embedding_version text,
    state text not null check (state in ('current', 'superseded')),
    started_at timestamptz not null,
    finished_at timestamptz not null
);

create unique index publishes_current on enhanced_learning.publishes (state) where state = 'current';
create index publishes_finished_at on enhanced_learning.publishes (finished_at);

-- What each published day was made from: only days whose digest differs are loaded again.
create table enhanced_learning_internal.published_parts (
    part text primary key,
    digest text not null
);

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

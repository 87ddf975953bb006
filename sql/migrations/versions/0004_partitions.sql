-- Executions are kept by month of their day: a touched day concerns one partition, an old month is dropped whole.
-- What was published is published again: its parts have other names now.

drop function enhanced_learning.similar_tasks(vector, integer, double precision, text, timestamptz);
drop index if exists enhanced_learning.agent_metrics_embedding;
drop function enhanced_learning_internal.index_embeddings();
delete from enhanced_learning_internal.published_parts;

alter table enhanced_learning.executions rename to executions_flat;
drop index
    enhanced_learning.executions_started_at, enhanced_learning.executions_day, enhanced_learning.executions_agent,
    enhanced_learning.executions_session, enhanced_learning.executions_correlation, enhanced_learning.executions_failed;
alter table enhanced_learning.executions_flat drop constraint executions_pkey;

create table enhanced_learning.executions (
    source text not null,
    source_file text not null,
    source_line bigint not null,
    landed_at timestamptz not null,
    day date not null,
    host text not null,
    attributes jsonb,
    execution_id text not null,
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
    reported_cost_usd numeric(38, 24),
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
    evidence text[],
    is_stuck boolean not null,
    cost_usd numeric(38, 12),
    price_version text,
    committed boolean,
    reverted boolean,
    commits text[],
    primary key (execution_id, day)
) partition by range (day);

create index executions_started_at on enhanced_learning.executions (started_at);
create index executions_day on enhanced_learning.executions (day);
create index executions_agent on enhanced_learning.executions (agent_name, started_at);
create index executions_session on enhanced_learning.executions (session_id);
create index executions_correlation on enhanced_learning.executions (correlation_id) where correlation_id is not null;
create index executions_failed on enhanced_learning.executions (started_at, error_type) where success is false;
create index executions_open on enhanced_learning.executions (started_at) where outcome = 'open';
create index executions_commits on enhanced_learning.executions using gin (commits) where commits is not null;
create index executions_attributes on enhanced_learning.executions using gin (attributes jsonb_path_ops)
where attributes is not null;

alter table enhanced_learning.agent_metrics add column correlation_id text;
create index agent_metrics_correlation on enhanced_learning.agent_metrics (correlation_id)
where correlation_id is not null;
create index agent_metrics_failed on enhanced_learning.agent_metrics ("timestamp", agent_name) where success is false;

alter table enhanced_learning.publishes add column recall jsonb;

create table enhanced_learning.retention (
    table_name text primary key,
    keep_days bigint check (keep_days > 0)
);
insert into enhanced_learning.retention values
('executions', null), ('agent_metrics', null), ('publishes', 730);

-- Makes the partitions of these months that are missing, in each table that has partitions. A new partition is
-- attached when it is complete, which hinders neither readers nor writers of the table.
create function enhanced_learning_internal.make_partitions(months date[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    parent record;
    month date;
    partition_name text;
    made integer := 0;
begin
    for parent in
        select c.relname from pg_partitioned_table as p
        inner join pg_class as c on c.oid = p.partrelid
        where c.relnamespace = 'enhanced_learning'::regnamespace order by 1
    loop
        foreach month in array months loop
            month := date_trunc('month', month);
            partition_name := parent.relname || to_char(month, '_YYYY_MM');
            continue when to_regclass(format('enhanced_learning.%I', partition_name)) is not null;
            execute format(
                'create table enhanced_learning.%I (like enhanced_learning.%I including all)',
                partition_name, parent.relname
            );
            execute format(
                'alter table enhanced_learning.%I attach partition enhanced_learning.%I for values from (%L) to (%L)',
                parent.relname, partition_name, month, (month + interval '1 month')::date
            );
            execute format(
                'comment on table enhanced_learning.%I is %L',
                partition_name, format('Rows of %s of the month from %s on', parent.relname, month)
            );
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;
comment on function enhanced_learning_internal.make_partitions(date[]) is
'Makes the partitions of these months that are missing, and returns how many it made.';

-- Drops the partitions whose last day is older than the table's retention allows.
create function enhanced_learning_internal.drop_partitions(today date) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    old record;
    dropped integer := 0;
begin
    for old in
        select c.relname
        from enhanced_learning.retention as r
        inner join pg_inherits as i on i.inhparent = to_regclass(format('enhanced_learning.%I', r.table_name))
        inner join pg_class as c on c.oid = i.inhrelid
        where
            r.keep_days is not null
            and substring(
                pg_get_expr(c.relpartbound, c.oid) from $re$TO \('([^']+)'\)$re$
            )::date <= today - r.keep_days::integer
    loop
        execute format('drop table enhanced_learning.%I', old.relname);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
comment on function enhanced_learning_internal.drop_partitions(date) is
'Drops the partitions that hold only rows older than retention says, and returns how many it dropped.';

-- Each version of the embedding has an index of its own, built after its rows are there. So a new version is
-- loaded without touching the index of the old one, which readers use until the new version is committed.
create function enhanced_learning_internal.index_embeddings(version text) returns boolean
language plpgsql security definer
set search_path from current
as $$
declare
    index_name text := 'agent_metrics_embedding_' || left(md5(version), 12);
begin
    if to_regclass(format('enhanced_learning.%I', index_name)) is not null then
        return false;
    end if;
    execute format(
        'create index %I on enhanced_learning.agent_metrics using hnsw '
        '((task_embedding::halfvec(512)) halfvec_cosine_ops) with (m = 24, ef_construction = 128) '
        'where embedding_version = %L',
        index_name, version
    );
    execute format('comment on index enhanced_learning.%I is %L', index_name, 'Tasks of embedding version ' || version);
    return true;
end
$$;
comment on function enhanced_learning_internal.index_embeddings(text) is
'Builds the index of this embedding version where it is missing, and says whether it did.';

create function enhanced_learning_internal.drop_old_indexes() returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    old record;
    dropped integer := 0;
begin
    for old in
        select i.indexname from pg_indexes as i
        where
            i.schemaname = 'enhanced_learning' and i.tablename = 'agent_metrics'
            and i.indexname like 'agent\_metrics\_embedding\_%'
            and i.indexname not in (
                select 'agent_metrics_embedding_' || left(md5(p.embedding_version), 12)
                from enhanced_learning.publishes as p
                where p.state = 'current' and p.embedding_version is not null
            )
    loop
        execute format('drop index enhanced_learning.%I', old.indexname);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
comment on function enhanced_learning_internal.drop_old_indexes() is
'Drops the indexes of embedding versions that are not published any more, and returns how many there were.';

create function enhanced_learning_internal.analyze_tables() returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    analyze (skip_locked) enhanced_learning.executions, enhanced_learning.agent_metrics;
end
$$;
comment on function enhanced_learning_internal.analyze_tables() is 'Gives the planner the figures of what was loaded.';

select enhanced_learning_internal.make_partitions(array(
    select distinct date_trunc('month', e.day)::date from enhanced_learning.executions_flat as e
));
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
from enhanced_learning.executions_flat;
drop table enhanced_learning.executions_flat;

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
language plpgsql stable rows 10
set search_path from current
set hnsw.iterative_scan = relaxed_order
set hnsw.ef_search = 200
set hnsw.max_scan_tuples = 10000000
set hnsw.scan_mem_multiplier = 64
as $$
#variable_conflict use_column
declare
    -- Where fewer rows than this pass the filters, they are all compared; else the index proposes. To compare n of
    -- N rows takes time like n, to find 20 of them by the index like N / n: both are equal near 4 sqrt(N).
    few integer;
    wanted constant integer := greatest(least(coalesce(k, 10), 1000), 0);
    version text;
    filters text;
    found_rows integer;
begin
    -- The index belongs to one version of the embedding; vectors of different versions cannot be compared.
    select p.embedding_version into version from enhanced_learning.publishes as p where p.state = 'current';
    if version is null or embedding is null or wanted = 0 then
        return;
    end if;
    -- The planner has to see the version to use its index. Nothing else of the query is text from outside.
    filters := format('m.embedding_version = %L', version);
    if similar_tasks.repository is not null or since is not null then
        if similar_tasks.repository is not null then
            filters := filters || ' and m.repository = $3';
        end if;
        if since is not null then
            filters := filters || ' and m."timestamp" >= $4';
        end if;
        select least(greatest(4 * sqrt(greatest(c.reltuples, 0)), 200), 4000)::integer into few
        from pg_class as c where c.oid = 'enhanced_learning.agent_metrics'::regclass;
        execute format(
            'select count(*) from (select from enhanced_learning.agent_metrics as m where %s limit %s) as f',
            filters, few
        ) into found_rows using embedding, min_similarity, similar_tasks.repository, since;
    end if;
    -- The index works in half precision, which cannot tell similarities apart that differ by less than about 0.0002:
    -- it proposes more than k, and exact distances decide among them.
    return query execute format(
        $query$
        with proposed as materialized (
            select
                m.execution_id, m.day, 1 - (m.task_embedding <=> $1) as similarity, m.agent_name, m.model, m.task_type,
                m.repository, m.success, m.outcome, m."timestamp", m.execution_time_ms, m.cost_usd, m.embedding_version
            from enhanced_learning.agent_metrics as m
            where %s
            order by %s
            limit %s
        )
        select
            p.execution_id, p.similarity, p.agent_name, p.model, p.task_type, p.repository, p.success, p.outcome,
            p."timestamp", p.execution_time_ms, p.cost_usd, p.embedding_version, e.task_text
        from (
            -- A vector of zeros has no direction: its similarity is NaN, which counts as the greatest number.
            select * from proposed where similarity >= coalesce($2, -1) and similarity <> 'NaN'
            order by similarity desc, execution_id
            limit %s
        ) as p
        left join enhanced_learning.executions as e on e.execution_id = p.execution_id and e.day = p.day
        order by p.similarity desc, p.execution_id
        $query$,
        filters,
        case
            when found_rows < few then '(m.task_embedding <=> $1) + 0'
            else 'm.task_embedding::halfvec(512) <=> $1::halfvec(512)'
        end,
        wanted * 4 + 10,
        wanted
    ) using embedding, min_similarity, similar_tasks.repository, since;
end
$$;

comment on function enhanced_learning.similar_tasks(vector, integer, double precision, text, timestamptz) is
'The k past tasks nearest to an embedding (512 dimensions, made by the published embedding version) by cosine '
'similarity, of one repository and since a time where these are given: k of them wherever so many are at least as '
'similar as asked for. At most 1000.';

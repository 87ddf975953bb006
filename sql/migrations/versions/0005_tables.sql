-- What else live systems read. The columns are those of the contracts, from which the comments come.

create table enhanced_learning.agent_definitions (
    source text not null,
    source_file text not null,
    source_line bigint not null,
    landed_at timestamptz not null,
    day date not null,
    host text not null,
    attributes jsonb,
    definition_hash text not null,
    agent_name text not null,
    agent_version text,
    agent_type text,
    title text,
    domain text,
    model text,
    capabilities text[],
    triggers text[],
    trigger_patterns text[],
    tools text[],
    status text,
    path text not null,
    definition jsonb,
    loaded_at timestamptz,
    primary key (definition_hash)
);

create index agent_definitions_agent on enhanced_learning.agent_definitions (agent_name, loaded_at);
create index agent_definitions_capabilities on enhanced_learning.agent_definitions using gin (capabilities);
create index agent_definitions_triggers on enhanced_learning.agent_definitions using gin (triggers);
create index agent_definitions_definition on enhanced_learning.agent_definitions using gin (definition jsonb_path_ops);

create table enhanced_learning.agent_transformation_events (
    source text not null,
    source_file text not null,
    source_line bigint not null,
    landed_at timestamptz not null,
    day date not null,
    host text not null,
    attributes jsonb,
    event_id text not null,
    event_type text not null,
    correlation_id text,
    session_id text,
    parent_event_id text,
    source_agent text,
    target_agent text not null,
    reason text,
    context_keys text[],
    context_bytes bigint,
    confidence double precision,
    strategy text,
    transformation_ms bigint,
    initialization_ms bigint,
    total_ms bigint,
    success boolean,
    error_type text,
    error_message text,
    quality_score double precision,
    definition_hash text,
    started_at timestamptz,
    completed_at timestamptz,
    primary key (event_id, day)
) partition by range (day);

create index agent_transformation_events_started_at on enhanced_learning.agent_transformation_events (started_at);
create index agent_transformation_events_agent on enhanced_learning.agent_transformation_events
(target_agent, started_at);
create index agent_transformation_events_correlation on enhanced_learning.agent_transformation_events (correlation_id)
where correlation_id is not null;
create index agent_transformation_events_failed on enhanced_learning.agent_transformation_events
(started_at, error_type) where success is false;
create index agent_transformation_events_context_keys on enhanced_learning.agent_transformation_events
using gin (context_keys) where context_keys is not null;

create table enhanced_learning.router_performance_metrics (
    source text not null,
    source_file text not null,
    source_line bigint not null,
    landed_at timestamptz not null,
    day date not null,
    host text not null,
    attributes jsonb,
    decision_id text not null,
    correlation_id text,
    session_id text,
    execution_id text,
    decided_at timestamptz not null,
    request_text text,
    request_hash text,
    selected_agent text,
    selected_model text,
    model_tier text,
    strategy text,
    confidence double precision,
    trigger_confidence double precision,
    context_confidence double precision,
    capability_confidence double precision,
    historical_confidence double precision,
    propensity double precision,
    alternatives jsonb,
    candidates_count bigint,
    cache_hit boolean,
    cache_age_ms bigint,
    fallback boolean,
    fallback_reason text,
    routing_us bigint,
    cache_lookup_us bigint,
    trigger_matching_us bigint,
    scoring_us bigint,
    validated_at timestamptz,
    actual_success boolean,
    actual_quality double precision,
    expected_agent text,
    primary key (decision_id, day)
) partition by range (day);

create index router_performance_metrics_decided_at on enhanced_learning.router_performance_metrics (decided_at);
create index router_performance_metrics_agent on enhanced_learning.router_performance_metrics
(selected_agent, decided_at);
create index router_performance_metrics_correlation on enhanced_learning.router_performance_metrics (correlation_id)
where correlation_id is not null;
create index router_performance_metrics_validated on enhanced_learning.router_performance_metrics
(decided_at, strategy) where actual_success is not null;
create index router_performance_metrics_alternatives on enhanced_learning.router_performance_metrics
using gin (alternatives jsonb_path_ops) where alternatives is not null;

create table enhanced_learning.learning_analytics (
    day date not null,
    category text not null,
    subject text not null,
    metric_name text not null,
    metric_value double precision,
    n bigint not null,
    interval_low double precision,
    interval_high double precision,
    "timestamp" timestamptz not null,
    metadata jsonb not null
) partition by range (day);

create index learning_analytics_subject on enhanced_learning.learning_analytics (subject, metric_name, day);
create index learning_analytics_metric on enhanced_learning.learning_analytics (category, metric_name, day);
create index learning_analytics_metadata on enhanced_learning.learning_analytics using gin (metadata jsonb_path_ops);

create table enhanced_learning.ml_models (
    model_version text not null,
    model_name text not null,
    stage text not null,
    reason text not null,
    created_at timestamptz not null,
    code_version text not null,
    data_digest text not null,
    embedding_version text,
    executions bigint,
    labelled bigint,
    held_out bigint,
    first_at timestamptz,
    last_at timestamptz,
    parameters jsonb not null,
    metrics jsonb not null,
    primary key (model_version),
    check (stage in ('training', 'staging', 'production', 'retired'))
);

create index ml_models_created_at on enhanced_learning.ml_models (created_at);
create unique index ml_models_production on enhanced_learning.ml_models (model_name) where stage = 'production';
create index ml_models_metrics on enhanced_learning.ml_models using gin (metrics jsonb_path_ops);

create table enhanced_learning.ml_predictions (
    prediction_id text not null,
    day date not null,
    predicted_at timestamptz not null,
    model_version text not null,
    execution_id text,
    correlation_id text,
    task_type text,
    repository text,
    agent_name text,
    model text,
    success_probability double precision,
    actual_success boolean,
    actual_at timestamptz,
    primary key (prediction_id, day)
) partition by range (day);

create index ml_predictions_predicted_at on enhanced_learning.ml_predictions (predicted_at);
create index ml_predictions_agent on enhanced_learning.ml_predictions (agent_name, predicted_at);
create index ml_predictions_correlation on enhanced_learning.ml_predictions (correlation_id)
where correlation_id is not null;
create index ml_predictions_waiting on enhanced_learning.ml_predictions (predicted_at) where actual_success is null;

create table enhanced_learning.ml_feature_store (
    entity_type text not null,
    entity_id text not null,
    feature_name text not null,
    feature_value double precision,
    n bigint not null,
    interval_low double precision,
    interval_high double precision,
    as_of date not null,
    primary key (entity_type, entity_id, feature_name)
);

create index ml_feature_store_feature on enhanced_learning.ml_feature_store (feature_name, feature_value);

create table enhanced_learning.performance_baselines (
    agent_name text not null,
    metric text not null,
    baseline double precision,
    spread double precision,
    n bigint not null,
    first_day date,
    last_day date,
    primary key (agent_name, metric)
);

create table enhanced_learning.alerts (
    rule text not null,
    subject text not null,
    state text not null,
    value double precision,
    threshold double precision,
    message text,
    since timestamptz,
    primary key (rule, subject),
    check (state in ('ok', 'warning', 'critical'))
);

create index alerts_raised on enhanced_learning.alerts (since) where state <> 'ok';

create table enhanced_learning.audit_log (
    event_id text not null,
    event_type text not null,
    occurred_at timestamptz not null,
    day date not null,
    subject text not null,
    detail jsonb not null,
    primary key (event_id, day)
) partition by range (day);

create index audit_log_occurred_at on enhanced_learning.audit_log (occurred_at);
create index audit_log_event_type on enhanced_learning.audit_log (event_type, occurred_at);
create index audit_log_detail on enhanced_learning.audit_log using gin (detail jsonb_path_ops);

insert into enhanced_learning.retention values
('agent_transformation_events', null), ('router_performance_metrics', null), ('learning_analytics', null),
('ml_predictions', null), ('audit_log', 730);

-- Alerts, baselines and predictions with all that their marts know; features by the day that they are of.

-- What is loaded whole is loaded again, with the new columns, by the next publish: its parts are forgotten, and the
-- current version does not count as whole until then.
delete from enhanced_learning.alerts;
delete from enhanced_learning.performance_baselines;
delete from enhanced_learning.ml_predictions;
delete from enhanced_learning_internal.published_parts
where part in ('alerts', 'performance_baselines') or part like 'ml\_predictions/%';
update enhanced_learning.publishes
set row_counts = row_counts - array['alerts', 'performance_baselines', 'ml_predictions']
where state = 'current';

alter table enhanced_learning.alerts
add column n bigint not null,
add column unit text not null,
add column for_hours bigint not null,
add column as_of timestamptz;

alter table enhanced_learning.performance_baselines
add column usual_low double precision not null,
add column usual_high double precision not null;

alter table enhanced_learning.ml_predictions
alter column model_version drop not null,
add column rung text not null,
add column propensity double precision,
add column interval_low double precision,
add column interval_high double precision,
add column expected_cost_usd double precision,
add column expected_duration_ms bigint,
add column is_followed boolean,
add column actual_quality double precision,
add column actual_cost_usd numeric(38, 12),
add column actual_duration_ms bigint,
add column brier double precision;

create index ml_predictions_execution on enhanced_learning.ml_predictions (execution_id)
where execution_id is not null;

alter table enhanced_learning.ml_feature_store drop constraint ml_feature_store_pkey;
alter table enhanced_learning.ml_feature_store add primary key (entity_type, entity_id, feature_name, as_of);

alter table enhanced_learning.ml_feature_store drop constraint ml_feature_store_pkey;
alter table enhanced_learning.ml_feature_store add primary key (entity_type, entity_id, feature_name);

delete from enhanced_learning.alerts;
delete from enhanced_learning.performance_baselines;
delete from enhanced_learning.ml_predictions;
delete from enhanced_learning_internal.published_parts
where part in ('alerts', 'performance_baselines') or part like 'ml\_predictions/%';
update enhanced_learning.publishes
set row_counts = row_counts - array['alerts', 'performance_baselines', 'ml_predictions']
where state = 'current';

drop index enhanced_learning.ml_predictions_execution;
alter table enhanced_learning.ml_predictions
alter column model_version set not null,
drop column rung,
drop column propensity,
drop column interval_low,
drop column interval_high,
drop column expected_cost_usd,
drop column expected_duration_ms,
drop column is_followed,
drop column actual_quality,
drop column actual_cost_usd,
drop column actual_duration_ms,
drop column brier;

alter table enhanced_learning.performance_baselines
drop column usual_low,
drop column usual_high;

alter table enhanced_learning.alerts
drop column n,
drop column unit,
drop column for_hours,
drop column as_of;

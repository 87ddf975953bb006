alter table enhanced_learning.executions add column evidence text[], add column is_stuck boolean;

alter table enhanced_learning.executions drop column evidence, drop column is_stuck;

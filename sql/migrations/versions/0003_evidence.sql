alter table enhanced_learning.executions
    add column evidence text[],
    add column is_stuck boolean not null default false;
-- Only the rows that were there before this revision do without a value of their own.
alter table enhanced_learning.executions alter column is_stuck drop default;

drop function enhanced_learning_internal.index_embeddings();
drop table enhanced_learning_internal.published_parts;
drop table enhanced_learning.publishes;
drop table enhanced_learning.routing_recommendations;
drop table enhanced_learning.agent_metrics;
drop table enhanced_learning.executions;

drop function enhanced_learning.similar_tasks(vector, integer, double precision, text, timestamptz);
drop function enhanced_learning.recommend_agent(text, text, numeric, integer);

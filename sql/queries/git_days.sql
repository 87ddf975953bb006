-- Git per day and repository: commits, those by agents, reverts, lines
select day, repository, commits, agent_commits, reverts, merges, pushes, authors, lines_added, lines_removed
from mart_git_daily
order by day desc, commits desc, repository
limit 100;

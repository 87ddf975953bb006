-- Where every line went, by source and day of landing
select source, day, files, lines_read, event_lines, duplicates, quarantined, ignored, is_conserved
from mart_data_quality
order by day desc, source;

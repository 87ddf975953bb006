-- Every table: what one row of it is, its grain, rows and newest day
select d.table_name, any_value(d.table_meaning) as one_row_is, any_value(d.grain) as grain, any_value(f.rows) as rows, any_value(f.newest_day) as newest_day
from mart_data_dictionary as d
left join mart_freshness as f using (table_name)
where d.table_kind <> 'internal'
group by d.table_name
order by d.table_name;

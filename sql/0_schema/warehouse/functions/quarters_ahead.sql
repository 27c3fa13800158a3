-- The quarters that forecasts and pipelines are about on each day: its own (place 1) and the next (place 2).
create or replace view ops.quarters_ahead as
select day, 1 as place, quarter, quarter_start, quarter_end
from ops.calendar
union all
select c.day, 2 as place, n.quarter, n.quarter_start, n.quarter_end
from ops.calendar as c
inner join ops.calendar as n on n.day = c.quarter_end + 1;
comment on view ops.quarters_ahead is 'The quarters that each day looks at: its own (place 1) and the next (place 2).';

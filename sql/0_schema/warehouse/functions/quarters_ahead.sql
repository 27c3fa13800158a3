-- The quarters that forecasts and pipelines are about on each day: its own (place 1) and the next (place 2). Plain joins
-- only: a day that another relation names is then looked up, where a union of the two places reads the whole calendar.
create or replace view ops.quarters_ahead as
select c.day, a.place, n.quarter, n.quarter_start, n.quarter_end
from ops.calendar as c
cross join lateral (values (1, c.day), (2, c.quarter_end + 1)) as a (place, starts)
inner join ops.calendar as n on n.day = a.starts;
comment on view ops.quarters_ahead is 'The quarters that each day looks at: its own (place 1) and the next (place 2).';

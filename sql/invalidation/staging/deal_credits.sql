-- A share of a deal, while it was so: in the results of the quarter, the year and the window around the deal's
-- closing.
select
    c.tenant_id,
    c.side,
    'staging.rep_closings' as dataset,
    row(c.opportunity_id, c.rep_id, c.share_from, c.share_to)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) * ops.valid_days(
        greatest(i.d_from, (q.quarter_start - interval '3 months')::date),
        least(i.d_to, greatest(k.closed_day, k.closed_on) + :rep_closings_days + 1)
    ) as days
from pg_temp.changed_rows as c
inner join staging.deal_intervals as i
    on c.tenant_id = i.tenant_id and c.opportunity_id = i.opportunity_id and i.status <> 'open'
cross join
    lateral (
        select
            (i.closed_at at time zone (select ops.timezone()))::date as closed_day,
            coalesce(i.close_date, (i.closed_at at time zone (select ops.timezone()))::date) as closed_on
    ) as k
left join ops.calendar as q on k.closed_on = q.day

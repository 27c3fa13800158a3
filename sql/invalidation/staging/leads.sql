-- A lead counts at months' ends until a year after the beginning of the quarter in which it was created; that a deal
-- comes from it, for as long as the deal counts: until a year after the beginning of the deal's quarter, or of that of
-- the last lead that became it.
with leads as (
    select
        c.*,
        q.quarter_start
    from pg_temp.changed_rows as c
    inner join ops.calendar as q on c.created_on = q.day
),

deals as (
    select
        d.tenant_id,
        d.opportunity_id,
        max(q.quarter_start) as last_quarter
    from (
        select
            i.tenant_id,
            i.opportunity_id,
            (i.opened_at at time zone (select ops.timezone()))::date as day
        from staging.deal_intervals as i
        where (i.tenant_id, i.opportunity_id) in (select
            c.tenant_id,
            c.opportunity_id
        from pg_temp.changed_rows as c)
        union all
        select
            l.tenant_id,
            l.opportunity_id,
            l.created_on as day
        from staging.leads as l
        where (l.tenant_id, l.opportunity_id) in (select
            c.tenant_id,
            c.opportunity_id
        from pg_temp.changed_rows as c)
    ) as d
    inner join ops.calendar as q on d.day = q.day
    group by d.tenant_id, d.opportunity_id
)

select
    c.tenant_id,
    c.side,
    'analytics.source_funnel' as dataset,
    r.content,
    ops.month_ends(
        greatest(c.d_from, r.since), least(c.d_to, greatest(r.last_quarter, c.quarter_start) + :source_funnel_days + 1)
    ) as days
from leads as c
left join deals as d on c.tenant_id = d.tenant_id and c.opportunity_id = d.opportunity_id
cross join
    lateral (
        values
        (row(c.lead_id, 'lead', c.lead_source, c.created_at)::text, c.d_from, c.quarter_start),
        (
            row(c.lead_id, 'deal', c.lead_source, c.created_at, c.converted_at, c.opportunity_id)::text, c.converted_on,
            d.last_quarter
        )
    ) as r (content, since, last_quarter)
where r.since is not null

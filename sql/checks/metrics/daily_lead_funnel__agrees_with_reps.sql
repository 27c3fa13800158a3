-- Detects: days on which the lead funnel counts other created deals than the reps' pipeline does.
-- Why: both count the same deals, one by source and one by owner; whoever puts them side by side must find one sum.
-- A row means: a tenant's day with two sums.
with by_source as (
    select
        m.tenant_id,
        m.metric_date,
        m.known_as_of,
        sum(m.opportunities_created) as deals
    from metrics.daily_lead_funnel as m
    group by m.tenant_id, m.metric_date, m.known_as_of
),

by_rep as (
    select
        m.tenant_id,
        m.metric_date,
        m.known_as_of,
        sum(m.opportunities_created) as deals
    from metrics.rep_daily_pipeline as m
    group by m.tenant_id, m.metric_date, m.known_as_of
)

select
    l.tenant_id,
    l.metric_date,
    coalesce(s.deals, 0) as deals_by_source,
    coalesce(r.deals, 0) as deals_by_rep
from metrics.run_log as l
left join by_source as s
    on l.tenant_id = s.tenant_id and l.metric_date = s.metric_date and l.known_as_of = s.known_as_of
left join by_rep as r
    on l.tenant_id = r.tenant_id and l.metric_date = r.metric_date and l.known_as_of = r.known_as_of
where coalesce(s.deals, 0) <> coalesce(r.deals, 0)

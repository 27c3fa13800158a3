-- Detects: days whose won deals or revenue differ from those that the dashboards are built from.
-- Why: two ways lead from the history to a won deal, the functions of schema metrics and staging.deal_intervals; a
-- reader must not find two numbers.
-- A row means: a tenant's day, by what is known now, with two numbers or sums of won deals.
with won as (
    select
        i.tenant_id,
        c.day as metric_date,
        count(*) as deals,
        coalesce(sum(i.amount), 0) as revenue
    from staging.deal_intervals as i
    cross join
        lateral (
            select (i.closed_at at time zone (select ops.timezone()))::date as day
        ) as c
    where i.status = 'won' and c.day >= i.d_from and c.day < i.d_to
    group by i.tenant_id, c.day
),

counted as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.closed_won_opportunities) as deals,
        sum(m.revenue_won) as revenue
    from metrics.rep_daily_pipeline as m
    group by m.tenant_id, m.metric_date
)

select
    d.tenant_id,
    d.snapshot_date as metric_date,
    coalesce(m.deals, 0) as closed_won_opportunities,
    coalesce(w.deals, 0) as won_in_dashboards,
    coalesce(m.revenue, 0) as revenue_won,
    coalesce(w.revenue, 0) as revenue_in_dashboards
from ops.partition_ledger as d
inner join ops.table_ledger as t on d.tenant_id = t.tenant_id and t.dataset = 'staging.deal_intervals'
-- The days have been compared with what the table was built from.
inner join ops.table_ledger as n
    on d.tenant_id = n.tenant_id and t.known_as_of = n.known_as_of and n.dataset = 'metrics.stale_days'
left join ops.stale_partitions as q
    on d.dataset = q.dataset and d.tenant_id = q.tenant_id and d.snapshot_date = q.snapshot_date
left join counted as m on d.tenant_id = m.tenant_id and d.snapshot_date = m.metric_date
left join won as w on d.tenant_id = w.tenant_id and d.snapshot_date = w.metric_date
where
    d.dataset = 'metrics.rep_daily_pipeline' and d.cut_at is null and d.known_as_of <= t.known_as_of
    and q.dataset is null
    and (coalesce(m.deals, 0), coalesce(m.revenue, 0)) <> (coalesce(w.deals, 0), coalesce(w.revenue, 0))

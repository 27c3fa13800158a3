-- Deals that stand too long in their stage.
with listed as (
    select
        tenant_id,
        snapshot_date,
        owner_id,
        count(*) as stuck_count
    from dashboard.stuck_deals_view
    group by tenant_id, snapshot_date, owner_id
)

select
    s.tenant_id,
    s.snapshot_date,
    'stuck deals: analytics.pipeline_health_summary, dashboard.stuck_deals_view' as what,
    s.stuck_count::text as one,
    coalesce(sum(l.stuck_count), 0)::text as other
from analytics.pipeline_health_summary as s
inner join ops.partition_ledger as w
    on
        s.tenant_id = w.tenant_id and s.snapshot_date = w.snapshot_date and s.known_as_of = w.known_as_of
        and w.dataset = 'dashboard.stuck_deals_view'
left join listed as l on s.tenant_id = l.tenant_id and s.snapshot_date = l.snapshot_date
where s.dimension = 'overall'
group by s.tenant_id, s.snapshot_date, s.stuck_count
union all
select
    i.tenant_id,
    i.snapshot_date,
    'stuck deals of ' || i.rep_id || ': ai.coaching_inputs, dashboard.stuck_deals_view' as what,
    i.inputs ->> 'stuck_deals' as one,
    coalesce(l.stuck_count, 0)::text as other
from ai.coaching_inputs as i
inner join ops.partition_ledger as w
    on
        i.tenant_id = w.tenant_id and i.snapshot_date = w.snapshot_date and i.known_as_of = w.known_as_of
        and w.dataset = 'dashboard.stuck_deals_view'
left join listed as l
    on i.tenant_id = l.tenant_id and i.snapshot_date = l.snapshot_date and i.rep_id = l.owner_id

-- Open deals, and what they are worth.
with deals as (
    select
        tenant_id,
        snapshot_date,
        min(known_as_of) as known_as_of,
        count(*) as deals_count,
        count(stage_id) as in_stage_count,
        sum(amount) as amount
    from staging.deal_days
    group by tenant_id, snapshot_date
)

select
    d.tenant_id,
    d.snapshot_date,
    'open deals and money: staging.deal_days, analytics.pipeline_health_summary' as what,
    concat_ws(' / ', d.deals_count, trim_scale(d.amount)) as one,
    concat_ws(' / ', s.deals_count, trim_scale(s.amount)) as other
from deals as d
inner join analytics.pipeline_health_summary as s
    on
        d.tenant_id = s.tenant_id and d.snapshot_date = s.snapshot_date and d.known_as_of = s.known_as_of
        and s.dimension = 'overall'
union all
select
    d.tenant_id,
    d.snapshot_date,
    'open deals: staging.deal_days, dashboard.health_distribution' as what,
    d.deals_count::text as one,
    h.deals_count::text as other
from deals as d
inner join dashboard.health_distribution as h
    on
        d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.known_as_of = h.known_as_of
        and h.quarter = 'All' and h.team_id = 'All' and h.segment = 'All' and h.region = 'All'
union all
select
    d.tenant_id,
    d.snapshot_date,
    'open deals and money: staging.deal_days, analytics.rep_performance' as what,
    concat_ws(' / ', d.deals_count, trim_scale(case when p.has_money then d.amount end)) as one,
    concat_ws(' / ', p.deals_count, trim_scale(p.amount)) as other
from deals as d
inner join (
    select
        tenant_id,
        snapshot_date,
        min(known_as_of) as known_as_of,
        count(open_amount) > 0 as has_money,
        sum(open_deals_count) as deals_count,
        sum(open_amount) as amount
    from analytics.rep_performance
    group by tenant_id, snapshot_date
) as p on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.known_as_of = p.known_as_of
union all
select
    d.tenant_id,
    d.snapshot_date,
    'open deals in a stage: staging.deal_days, dashboard.stage_velocity' as what,
    d.in_stage_count::text as one,
    v.deals_count::text as other
from deals as d
inner join (
    select
        tenant_id,
        snapshot_date,
        min(known_as_of) as known_as_of,
        sum(deals_in_stage) as deals_count
    from dashboard.stage_velocity
    where team_id = 'All' and segment = 'All' and region = 'All'
    group by tenant_id, snapshot_date
) as v on d.tenant_id = v.tenant_id and d.snapshot_date = v.snapshot_date and d.known_as_of = v.known_as_of

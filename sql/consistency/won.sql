-- Deals won on the day, and money won in the quarter.
with reps as (
    select
        tenant_id,
        snapshot_date,
        min(known_as_of) as known_as_of,
        sum(won_today_count) as won_today_count,
        sum(quarter_won_amount) as quarter_won_amount
    from analytics.rep_performance
    group by tenant_id, snapshot_date
),

daily as (
    select
        tenant_id,
        metric_date,
        min(known_as_of) as known_as_of,
        sum(closed_won_opportunities) as won_count
    from metrics.rep_daily_pipeline
    group by tenant_id, metric_date
),

kpis as (
    select
        k.tenant_id,
        k.snapshot_date,
        k.known_as_of,
        k.closed_won_amount,
        k.ai_forecast,
        k.quarter
    from dashboard.dashboard_kpis as k
    inner join ops.calendar as c on k.snapshot_date = c.day and k.quarter = c.quarter
    where k.team_id = 'All' and k.segment = 'All' and k.region = 'All'
)

select
    r.tenant_id,
    r.snapshot_date,
    'won on the day: analytics.rep_performance, metrics.rep_daily_pipeline' as what,
    trim_scale(r.won_today_count)::text as one,
    trim_scale(coalesce(d.won_count, 0))::text as other
from reps as r
inner join metrics.run_log as l
    on r.tenant_id = l.tenant_id and r.snapshot_date = l.metric_date and r.known_as_of = l.known_as_of
left join daily as d on r.tenant_id = d.tenant_id and r.snapshot_date = d.metric_date
union all
select
    k.tenant_id,
    k.snapshot_date,
    'money won in the quarter: dashboard.dashboard_kpis, analytics.rep_performance' as what,
    trim_scale(k.closed_won_amount)::text as one,
    trim_scale(coalesce(r.quarter_won_amount, case when k.closed_won_amount is not null then 0 end))::text as other
from kpis as k
left join reps as r
    on k.tenant_id = r.tenant_id and k.snapshot_date = r.snapshot_date
where r.known_as_of is null or k.known_as_of = r.known_as_of
union all
select
    k.tenant_id,
    k.snapshot_date,
    'money won, and the forecast: dashboard.dashboard_kpis, dashboard.forecast_history' as what,
    concat_ws(' / ', trim_scale(k.closed_won_amount), trim_scale(k.ai_forecast)) as one,
    concat_ws(' / ', trim_scale(h.cumulative_closed), trim_scale(h.cumulative_forecast)) as other
from kpis as k
inner join dashboard.forecast_history as h
    on
        k.tenant_id = h.tenant_id and k.snapshot_date = h.snapshot_date and k.quarter = h.quarter
        and k.known_as_of = h.known_as_of and h.as_of_date = h.snapshot_date
        and h.team_id = 'All' and h.segment = 'All' and h.region = 'All'

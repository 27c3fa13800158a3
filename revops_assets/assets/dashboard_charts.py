"""Charts of the main dashboards and of the record of forecasts and scores, as previews of their newest day."""

from revops_assets.datasets.charts import Chart

WHOLE_COMPANY = "snapshot_date = :day and team_id = 'All' and segment = 'All' and region = 'All'"
KPIS = Chart(
    "money",
    f"""
    select k.tenant_id, k.quarter as label, v.series, v.value
    from dashboard.dashboard_kpis as k
    cross join lateral (values
        ('target', k.quarter_target), ('forecast', k.ai_forecast), ('commit', k.commit_amount),
        ('won', k.closed_won_amount)
    ) as v (series, value)
    where {WHOLE_COMPANY} order by k.tenant_id, k.quarter
    """,
)
HISTORY = Chart(
    "money",
    f"""
    select h.tenant_id, format('%s, week %s', h.quarter, h.week_number) as label, v.series, v.value
    from dashboard.forecast_history as h
    cross join lateral (values
        ('target', h.cumulative_target), ('forecast', h.cumulative_forecast), ('won', h.cumulative_closed)
    ) as v (series, value)
    where {WHOLE_COMPANY} and h.quarter = (select c.quarter from ops.calendar as c where c.day = :day)
    order by h.tenant_id, h.week_number
    """,
)
VELOCITY = Chart(
    "days in stage",
    f"""
    select s.tenant_id, s.stage_name as label, v.series, v.value
    from dashboard.stage_velocity as s
    cross join lateral (values ('on average', s.avg_duration_days), ('expected', s.benchmark_days)) as v (series, value)
    where {WHOLE_COMPANY} order by s.tenant_id, s.pipeline_id, s.stage_order
    """,
)
HEALTH = Chart(
    "open deals",
    f"""
    select d.tenant_id, v.label, 'deals' as series, v.value
    from dashboard.health_distribution as d
    cross join lateral (values
        ('healthy', d.healthy_count), ('monitor', d.monitor_count), ('at risk', d.at_risk_count),
        ('critical', d.critical_count)
    ) as v (label, value)
    where {WHOLE_COMPANY} and d.quarter = 'All' order by d.tenant_id
    """,
)
REPS = Chart(
    "share of quota, year to date",
    """
    select p.tenant_id, p.rep_name as label, 'attainment' as series, p.ytd_attainment as value
    from dashboard.rep_performance_view as p
    where snapshot_date = :day order by p.tenant_id, p.overall_rank
    """,
)

# Of the newest day that has rows: a quarter's last, a month's last.
RECORD = Chart(
    "error over eight quarters (WAPE), by week",
    """
    select r.tenant_id, format('week %s', r.week_number) as label, r.method as series, r.wape as value
    from analytics.forecast_record as r
    where r.snapshot_date = (
            select max(n.snapshot_date) from analytics.forecast_record as n where n.snapshot_date <= :day
        )
        and r.team_id = 'All' and r.segment = 'All' and r.region = 'All' and r.method in ('ai', 'default', 'learned')
    order by r.tenant_id, r.week_number, r.method
    """,
)
RELIABILITY = Chart(
    "share won, by tenths of the score",
    """
    select c.tenant_id, format('%s, tenth %s', c.score, c.tenth) as label, v.series, v.value
    from analytics.score_calibration as c
    cross join lateral (values ('said', c.mean_score), ('came', c.won_share)) as v (series, value)
    where c.snapshot_date = (
            select max(n.snapshot_date) from analytics.score_calibration as n where n.snapshot_date <= :day
        )
        and c.tenth > 0 and c.days_before = 30
    order by c.tenant_id, c.score, c.tenth
    """,
)
CALLERS = Chart(
    "error over eight quarters (WAPE), by rep",
    """
    select r.tenant_id, r.rep_name as label, r.kind as series, r.wape as value
    from analytics.caller_record as r
    where r.snapshot_date = (
            select max(n.snapshot_date) from analytics.caller_record as n where n.snapshot_date <= :day
        )
        and r.rep_id <> 'All' and r.week_number = 0 and r.wape is not null
    order by r.tenant_id, r.rep_name, r.kind
    """,
)

CHARTS = {
    "analytics.caller_record": CALLERS,
    "analytics.forecast_record": RECORD,
    "analytics.score_calibration": RELIABILITY,
    "dashboard.forecast_history": HISTORY,
    "dashboard.dashboard_kpis": KPIS,
    "dashboard.stage_velocity": VELOCITY,
    "dashboard.health_distribution": HEALTH,
    "dashboard.rep_performance_view": REPS,
}

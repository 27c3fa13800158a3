"""Tier 4: what dashboards show, as of each day; every dataset keeps its contract."""

from revops_assets.charts import Chart
from revops_assets.look_back import LookBack
from revops_assets.sql_asset import sql_daily

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

ASSETS = [
    sql_daily(
        "dashboard.forecast_history",
        deps=["analytics.forecast_confidence"],
        looks_back_on={"analytics.forecast_confidence": LookBack.WEEKS_OF_THE_QUARTER},
        chart=HISTORY,
    ),
    sql_daily(
        "dashboard.dashboard_kpis",
        deps=["analytics.forecast_confidence", "dashboard.forecast_history"],
        looks_back_on=dict.fromkeys(
            ["dashboard.forecast_history", "analytics.forecast_confidence"], LookBack.SEVEN_DAYS
        ),
        chart=KPIS,
    ),
    sql_daily("dashboard.stage_velocity", deps=["analytics.stage_velocity"], chart=VELOCITY),
    sql_daily(
        "dashboard.stuck_deals_view",
        deps=[
            "analytics.deals_stuck_in_process",
            "analytics.deal_priorities",
            "staging.deal_days",
            "staging.accounts",
            "reference.risk_flags",
        ],
    ),
    sql_daily(
        "dashboard.health_distribution",
        deps=["staging.deal_days", "enriched.deal_health_scores"],
        looks_back_on=dict.fromkeys(["staging.deal_days", "enriched.deal_health_scores"], LookBack.SEVEN_DAYS),
        chart=HEALTH,
    ),
    sql_daily("dashboard.rep_performance_view", deps=["analytics.rep_performance"], chart=REPS),
    sql_daily(
        "dashboard.rep_driver_comparison",
        deps=["analytics.rep_drivers", "analytics.rep_performance", "staging.closing_facts", "reference.rep_metrics"],
    ),
    sql_daily(
        "dashboard.rep_activity_metrics",
        deps=["analytics.rep_performance", "staging.activities", "staging.rep_days"],
    ),
    sql_daily(
        "dashboard.next_best_actions",
        deps=[
            "analytics.deal_priorities",
            "analytics.flag_outcomes",
            "staging.deal_days",
            "staging.accounts",
            "staging.activities",
            "staging.thresholds",
            "enriched.deal_health_scores",
            "dashboard.rep_activity_metrics",
        ],
    ),
]

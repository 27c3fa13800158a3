"""Tier 4: what dashboards show, as of each day; every dataset keeps its contract."""

from revops_assets.look_back import LookBack
from revops_assets.sql_asset import sql_daily

ASSETS = [
    sql_daily(
        "dashboard.forecast_history",
        deps=["analytics.forecast_confidence"],
        looks_back_on={"analytics.forecast_confidence": LookBack.WEEKS_OF_THE_QUARTER},
    ),
    sql_daily(
        "dashboard.dashboard_kpis",
        deps=["analytics.forecast_confidence", "dashboard.forecast_history"],
        looks_back_on={"dashboard.forecast_history": LookBack.SEVEN_DAYS},
    ),
    sql_daily("dashboard.stage_velocity", deps=["analytics.stage_velocity"]),
    sql_daily(
        "dashboard.stuck_deals_view",
        deps=[
            "analytics.deals_stuck_in_process",
            "enriched.deal_people",
            "staging.deal_days",
            "staging.accounts",
            "reference.risk_flags",
        ],
    ),
    sql_daily(
        "dashboard.health_distribution",
        deps=["staging.deal_days", "enriched.deal_health_scores"],
        looks_back_on=dict.fromkeys(["staging.deal_days", "enriched.deal_health_scores"], LookBack.SEVEN_DAYS),
    ),
    sql_daily("dashboard.rep_performance_view", deps=["analytics.rep_performance"]),
    sql_daily(
        "dashboard.rep_driver_comparison",
        deps=["analytics.rep_drivers", "analytics.rep_performance", "staging.closing_facts", "reference.rep_metrics"],
    ),
    sql_daily("dashboard.rep_activity_metrics", deps=["analytics.rep_performance", "staging.activities"]),
    sql_daily(
        "dashboard.next_best_actions",
        deps=[
            "staging.deal_days",
            "staging.accounts",
            "staging.activities",
            "enriched.deal_health_scores",
            "enriched.deal_people",
            "dashboard.rep_activity_metrics",
            "reference.priority_weights",
            "reference.risk_flags",
        ],
    ),
]

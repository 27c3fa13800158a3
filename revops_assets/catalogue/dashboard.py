"""Tier 4: what dashboards show, as of each day; every dataset keeps its contract."""

from revops_assets.catalogue.dataset import LookBack, daily

DATASETS = [
    daily(
        "dashboard.forecast_history",
        deps=["analytics.forecast_confidence"],
        looks_back_on={"analytics.forecast_confidence": LookBack.WEEKS_OF_THE_QUARTER},
    ),
    daily(
        "dashboard.dashboard_kpis",
        deps=["analytics.forecast_confidence", "dashboard.forecast_history"],
        looks_back_on=dict.fromkeys(
            ["dashboard.forecast_history", "analytics.forecast_confidence"], LookBack.SEVEN_DAYS
        ),
    ),
    daily("dashboard.stage_velocity", deps=["analytics.stage_velocity"]),
    daily(
        "dashboard.stuck_deals_view",
        deps=[
            "analytics.deals_stuck_in_process",
            "analytics.deal_priorities",
            "staging.deal_days",
            "staging.accounts",
            "reference.risk_flags",
        ],
    ),
    daily(
        "dashboard.health_distribution",
        deps=["staging.deal_days", "staging.thresholds", "enriched.deal_health_scores"],
        looks_back_on=dict.fromkeys(["staging.deal_days", "enriched.deal_health_scores"], LookBack.SEVEN_DAYS),
    ),
    daily("dashboard.rep_performance_view", deps=["analytics.rep_performance"]),
    daily(
        "dashboard.rep_driver_comparison",
        deps=[
            "analytics.rep_drivers",
            "analytics.rep_performance",
            "staging.closing_facts",
            "staging.thresholds",
            "reference.rep_metrics",
        ],
    ),
    daily(
        "dashboard.rep_activity_metrics",
        deps=["analytics.rep_performance", "staging.activities", "staging.rep_days", "staging.thresholds"],
    ),
    daily(
        "dashboard.next_best_actions",
        deps=[
            "analytics.deal_priorities",
            "analytics.flag_outcomes",
            "analytics.best_times",
            "staging.deal_days",
            "staging.accounts",
            "staging.thresholds",
            "enriched.deal_health_scores",
            "dashboard.rep_activity_metrics",
        ],
    ),
]

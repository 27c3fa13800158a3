"""Tier 3: core analytics, as of each day."""

from revops_assets.sql_asset import sql_daily

ASSETS = [
    sql_daily("analytics.pipeline_health_summary", deps=["staging.deal_days", "enriched.deal_health_scores"]),
    sql_daily(
        "analytics.deals_stuck_in_process",
        deps=["staging.deal_days", "enriched.deal_health_scores", "reference.thresholds"],
    ),
]

"""Tier 2: judgements on deals as of each day."""

from revops_assets.assets.staging import LOOK_BACK_DAYS
from revops_assets.sql_asset import sql_daily

ASSETS = [
    sql_daily(
        "enriched.health_rules",
        deps=[
            "reference.health_bands",
            "reference.health_weights",
            "reference.health_categories",
            "reference.risk_flags",
            "reference.thresholds",
            "staging.evidence",
        ],
        look_back_days=LOOK_BACK_DAYS,
    ),
    sql_daily(
        "enriched.deal_health_scores",
        deps=[
            "staging.deal_days",
            "staging.stage_benchmarks",
            "staging.stage_medians",
            "reference.stage_benchmarks",
            "enriched.health_rules",
        ],
    ),
]

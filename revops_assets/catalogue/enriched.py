"""Tier 2: judgements on deals as of each day."""

from revops_assets.catalogue.dataset import LookBack, daily

DATASETS = [
    daily(
        "enriched.health_rules",
        deps=[
            "reference.health_bands",
            "reference.health_weights",
            "reference.health_categories",
            "reference.risk_flags",
            "staging.coverage_dates",
        ],
    ),
    daily(
        "enriched.stage_rules",
        deps=[
            "staging.pipeline_stages",
            "staging.visit_facts",
            "staging.stage_benchmarks",
            "staging.stage_medians",
            "staging.stage_survival",
            "staging.thresholds",
            "reference.stage_benchmarks",
        ],
        looks_back_on={"staging.stage_survival": LookBack.LAST_WEEK},
    ),
    daily(
        "enriched.deal_health_scores",
        deps=["staging.deal_days", "staging.thresholds", "enriched.stage_rules", "enriched.health_rules"],
        looks_back_on=dict.fromkeys(
            ["staging.deal_days", "staging.thresholds", "enriched.stage_rules", "enriched.health_rules"],
            LookBack.SEVEN_DAYS,
        ),
    ),
    daily(
        "enriched.deal_forecasts",
        deps=["staging.deal_days", "enriched.deal_health_scores", "reference.forecast_weights"],
    ),
    daily("enriched.deal_people", deps=["staging.deal_contacts", "staging.deal_days", "staging.contacts"]),
]

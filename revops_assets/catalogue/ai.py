"""Tier 5: coaching insights, from all dashboards; what became of them and of next best actions."""

from revops_assets.catalogue.dataset import LookBack, daily

DATASETS = [
    daily(
        "ai.coaching_inputs",
        deps=[
            "dashboard.dashboard_kpis",
            "dashboard.forecast_history",
            "dashboard.stage_velocity",
            "dashboard.health_distribution",
            "dashboard.rep_performance_view",
            "dashboard.rep_driver_comparison",
            "dashboard.rep_activity_metrics",
            "dashboard.next_best_actions",
            "dashboard.stuck_deals_view",
            "reference.rep_metrics",
        ],
        looks_back_on={"dashboard.rep_driver_comparison": LookBack.LAST_WEEK},
    ),
    daily(
        "ai.action_outcomes",
        deps=["dashboard.next_best_actions", "staging.activities", "staging.deal_intervals"],
        looks_back_on={"dashboard.next_best_actions": LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS},
    ),
    daily("ai.rep_coaching_insights", deps=["ai.coaching_inputs"]),
    daily(
        "ai.insight_outcomes",
        deps=[
            "ai.action_outcomes",
            "ai.rep_coaching_insights",
            "dashboard.rep_driver_comparison",
            "staging.closing_facts",
        ],
        looks_back_on=dict.fromkeys(
            ["ai.rep_coaching_insights", "dashboard.rep_driver_comparison"], LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS
        ),
    ),
]

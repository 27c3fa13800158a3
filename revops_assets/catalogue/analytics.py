"""Tier 3: core analytics, as of each day."""

from revops_assets.catalogue.dataset import LookBack, daily

DATASETS = [
    daily(
        "analytics.deal_priorities",
        deps=[
            "staging.deal_days",
            "staging.thresholds",
            "enriched.deal_forecasts",
            "enriched.deal_health_scores",
            "enriched.deal_people",
            "enriched.health_rules",
            "reference.forecast_weights",
            "reference.priority_weights",
            "reference.risk_flags",
        ],
    ),
    daily(
        "analytics.flag_outcomes",
        deps=["staging.deal_intervals", "staging.deal_days", "enriched.deal_health_scores"],
        looks_back_on=dict.fromkeys(["staging.deal_days", "enriched.deal_health_scores"], LookBack.QUARTERS_SINCE_OVER),
    ),
    daily(
        "analytics.win_rates",
        deps=["enriched.deal_health_scores", "staging.deal_intervals", "staging.thresholds"],
        looks_back_on={"enriched.deal_health_scores": LookBack.MONTHS_OF_A_WEEK_THAT_ENDS},
    ),
    daily(
        "analytics.win_probability",
        deps=[
            "analytics.win_rates",
            "enriched.deal_forecasts",
            "enriched.deal_health_scores",
            "staging.deal_days",
            "staging.deal_intervals",
            "staging.thresholds",
        ],
        looks_back_on={"analytics.win_rates": LookBack.LAST_WEEK},
    ),
    daily("analytics.logistic_models", deps=["staging.deal_intervals", "staging.thresholds"]),
    daily(
        "analytics.logistic_probability",
        deps=["analytics.logistic_models", "staging.deal_days", "staging.deal_intervals"],
        looks_back_on={"analytics.logistic_models": LookBack.LAST_MONTH},
    ),
    daily(
        "analytics.score_calibration",
        deps=[
            "analytics.logistic_probability",
            "analytics.win_probability",
            "enriched.deal_health_scores",
            "staging.closing_facts",
        ],
        looks_back_on={
            "analytics.logistic_probability": LookBack.PAST_WEEKS_OF_A_MONTH_THAT_ENDS,
            "analytics.win_probability": LookBack.PAST_WEEKS,
            "enriched.deal_health_scores": LookBack.PAST_WEEKS,
        },
    ),
    daily(
        "analytics.learned_health_weights",
        deps=["enriched.deal_health_scores", "enriched.health_rules", "staging.closing_facts", "staging.thresholds"],
        looks_back_on={"enriched.deal_health_scores": LookBack.PAST_WEEKS_OF_A_MONTH_THAT_ENDS},
    ),
    daily("analytics.best_times", deps=["analytics.deal_priorities", "staging.activities", "staging.thresholds"]),
    daily(
        "analytics.pipeline_health_summary",
        deps=["analytics.deal_priorities", "staging.deal_days", "enriched.deal_health_scores"],
    ),
    daily(
        "analytics.deals_stuck_in_process",
        deps=["analytics.deal_priorities", "staging.deal_days", "enriched.deal_health_scores", "staging.thresholds"],
    ),
    daily(
        "analytics.forecast_lines",
        deps=[
            "enriched.deal_forecasts",
            "staging.deal_days",
            "staging.rep_closings",
            "staging.rep_days",
            "staging.coverage_dates",
        ],
    ),
    daily(
        "analytics.forecast_methods",
        deps=[
            "analytics.forecast_lines",
            "analytics.win_probability",
            "staging.accounts",
            "staging.deal_days",
            "staging.deal_intervals",
            "staging.rep_days",
            "staging.source_coverage",
            "staging.thresholds",
        ],
    ),
    daily(
        "analytics.forecast_backtest",
        deps=["analytics.forecast_lines", "analytics.forecast_methods"],
        looks_back_on={"analytics.forecast_methods": LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS},
    ),
    daily(
        "analytics.forecast_errors",
        deps=["analytics.forecast_backtest", "staging.thresholds"],
        looks_back_on={"analytics.forecast_backtest": LookBack.PAST_QUARTERS},
    ),
    daily("analytics.forecast_targets", deps=["staging.quota_days", "staging.rep_days"]),
    daily(
        "analytics.forecast_confidence",
        deps=[
            "analytics.forecast_lines",
            "analytics.forecast_methods",
            "analytics.forecast_errors",
            "analytics.forecast_targets",
            "staging.thresholds",
            "reference.forecast_risk",
        ],
        looks_back_on={"analytics.forecast_errors": LookBack.LAST_QUARTER},
    ),
    daily(
        "analytics.forecast_record",
        deps=["analytics.forecast_backtest", "analytics.forecast_confidence"],
        looks_back_on={
            "analytics.forecast_confidence": LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS,
            "analytics.forecast_record": LookBack.PAST_QUARTERS,
        },
    ),
    daily(
        "analytics.forecast_calls",
        deps=["analytics.forecast_confidence", "staging.forecast_calls", "staging.rep_closings", "staging.rep_days"],
    ),
    daily(
        "analytics.caller_record",
        deps=["analytics.forecast_calls", "analytics.forecast_record"],
        looks_back_on={
            "analytics.forecast_calls": LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS,
            "analytics.caller_record": LookBack.PAST_QUARTERS,
        },
    ),
    daily(
        "analytics.swing_deals",
        deps=[
            "staging.deal_days",
            "staging.thresholds",
            "enriched.deal_health_scores",
            "enriched.deal_forecasts",
            "analytics.forecast_confidence",
        ],
    ),
    daily(
        "analytics.rep_results",
        deps=[
            "staging.coverage_dates",
            "staging.deal_intervals",
            "staging.deal_days",
            "staging.quota_days",
            "staging.rep_closings",
            "staging.rep_days",
            "enriched.deal_health_scores",
        ],
    ),
    daily(
        "analytics.quota_pacing",
        deps=[
            "staging.coverage_dates",
            "staging.deal_intervals",
            "staging.quota_days",
            "staging.rep_closings",
            "staging.rep_days",
            "staging.source_coverage",
        ],
    ),
    daily(
        "analytics.coverage_needed",
        deps=[
            "staging.coverage_dates",
            "staging.deal_days",
            "staging.deal_intervals",
            "staging.quota_days",
            "staging.rep_closings",
            "staging.rep_days",
            "staging.source_coverage",
        ],
    ),
    daily(
        "analytics.pipeline_generation",
        deps=[
            "staging.coverage_dates",
            "staging.deal_intervals",
            "staging.quota_days",
            "staging.rep_closings",
            "staging.rep_days",
        ],
    ),
    daily(
        "analytics.cohort_conversion",
        deps=["staging.accounts", "staging.deal_intervals", "staging.pipeline_stages", "staging.visit_facts"],
    ),
    daily("analytics.source_funnel", deps=["staging.deal_intervals", "staging.leads"]),
    daily("analytics.push_report", deps=["staging.deal_intervals", "staging.rep_days"]),
    daily(
        "analytics.rep_performance",
        deps=["analytics.rep_results", "staging.thresholds", "reference.rep_tiers"],
        looks_back_on={"analytics.rep_performance": LookBack.LAST_QUARTER},
    ),
    daily(
        "analytics.rep_drivers",
        deps=["staging.activities", "staging.deal_days", "enriched.health_rules", "analytics.rep_performance"],
    ),
    daily("analytics.top_performer_patterns", deps=["analytics.rep_drivers", "analytics.rep_performance"]),
    daily("analytics.stage_durations", deps=["staging.visit_facts", "staging.accounts", "staging.rep_days"]),
    daily(
        "analytics.stage_velocity",
        deps=[
            "analytics.stage_durations",
            "staging.deal_days",
            "staging.thresholds",
            "enriched.stage_rules",
        ],
    ),
    daily(
        "analytics.process_bottlenecks",
        deps=["staging.visit_facts", "staging.deal_days", "enriched.stage_rules", "reference.delay_levels"],
    ),
    daily("analytics.rework_analysis", deps=["staging.visit_facts"]),
    daily(
        "analytics.process_variants",
        deps=[
            "staging.closing_facts",
            "staging.coverage_dates",
            "staging.stage_visits",
            "staging.thresholds",
            "enriched.stage_rules",
        ],
    ),
    daily(
        "analytics.pipeline_changes",
        deps=["staging.deal_days", "staging.pipeline_moves", "staging.rep_days"],
        looks_back_on={"staging.deal_days": LookBack.LAST_WEEK},
    ),
]

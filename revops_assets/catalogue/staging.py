"""Staging: CRM records as they were at any time, from every version that loads left; and as of every day."""

from revops_assets.catalogue.dataset import daily, full_refresh, view

DATASETS = [
    full_refresh(
        "staging.pipeline_stages",
        deps=["crm.pipeline_stages", "crm.opportunities", "crm.opportunity_history", "crm.loads"],
    ),
    view(
        "staging.stage_events",
        deps=["crm.opportunities", "crm.opportunity_history", "crm.loads", "staging.pipeline_stages"],
    ),
    full_refresh("staging.deal_gaps", deps=["crm.opportunities", "crm.opportunity_history", "crm.loads"]),
    full_refresh("staging.deal_visits", deps=["staging.stage_events", "staging.pipeline_stages"]),
    view("staging.stage_visits", deps=["staging.deal_visits"]),
    full_refresh("staging.stage_directory", deps=["staging.stage_visits", "staging.pipeline_stages", "crm.pipelines"]),
    full_refresh("staging.stage_benchmarks", deps=["crm.stage_benchmarks", "crm.loads", "staging.pipeline_stages"]),
    full_refresh("staging.quotas", deps=["crm.quotas", "crm.loads"]),
    full_refresh(
        "staging.exchange_rates", deps=["crm.exchange_rates", "crm.opportunities", "reference.exchange_rates"]
    ),
    full_refresh("staging.forecast_calls", deps=["crm.forecast_calls", "staging.exchange_rates"]),
    full_refresh("staging.activities", deps=["crm.activities"]),
    full_refresh(
        "staging.deal_events",
        deps=[
            "crm.opportunities",
            "crm.opportunity_history",
            "crm.loads",
            "staging.deal_visits",
            "staging.exchange_rates",
        ],
    ),
    view("staging.contact_roles", deps=["crm.opportunity_contacts", "crm.loads"]),
    view("staging.deal_engagement", deps=["staging.activities", "staging.contact_roles"]),
    full_refresh(
        "staging.deal_intervals",
        deps=[
            "staging.deal_visits",
            "staging.deal_gaps",
            "staging.deal_events",
            "staging.deal_engagement",
            "staging.exchange_rates",
        ],
    ),
    full_refresh("staging.deal_credits", deps=["crm.opportunity_splits", "crm.opportunities", "crm.loads"]),
    full_refresh("staging.reps", deps=["crm.reps", "crm.loads", "staging.deal_intervals", "staging.deal_credits"]),
    full_refresh("staging.leads", deps=["crm.leads", "crm.lead_history", "crm.loads"]),
    full_refresh("staging.accounts", deps=["crm.accounts", "crm.loads"]),
    full_refresh("staging.contacts", deps=["crm.contacts", "crm.loads"]),
    full_refresh("staging.deal_contacts", deps=["staging.activities", "staging.contact_roles"]),
    full_refresh(
        "staging.closing_facts",
        deps=["staging.deal_intervals", "staging.activities", "staging.deal_visits", "staging.pipeline_stages"],
    ),
    full_refresh("staging.source_coverage", deps=["staging.deal_intervals"]),
    view("staging.coverage_dates", deps=["staging.source_coverage"]),
    full_refresh(
        "staging.metric_input_days",
        deps=[
            "crm.orders",
            "crm.subscriptions",
            "crm.subscription_changes",
            "crm.tickets",
            "crm.user_events",
            "crm.infra_costs",
            "crm.accounts",
            "crm.products",
            "crm.opportunities",
            "crm.opportunity_history",
            "crm.loads",
        ],
    ),
    full_refresh("staging.visit_facts", deps=["staging.stage_visits", "staging.deal_intervals"]),
    full_refresh(
        "staging.pipeline_moves",
        deps=[
            "staging.deal_visits",
            "staging.deal_gaps",
            "staging.deal_events",
            "staging.deal_intervals",
            "staging.exchange_rates",
            "staging.reps",
        ],
    ),
    daily("staging.thresholds", deps=["reference.thresholds"]),
    daily("staging.rep_days", deps=["staging.reps"]),
    daily("staging.quota_days", deps=["staging.quotas", "reference.quotas"]),
    daily(
        "staging.deal_days",
        deps=["staging.deal_intervals", "staging.pipeline_stages", "staging.rep_days", "staging.accounts"],
    ),
    daily("staging.rep_closings", deps=["staging.deal_intervals", "staging.deal_credits", "staging.accounts"]),
    daily("staging.stage_medians", deps=["staging.visit_facts"]),
    daily("staging.stage_survival", deps=["staging.visit_facts"]),
]

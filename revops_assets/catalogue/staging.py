"""Staging: CRM records as they were at any time, from every version that loads left; and as of every day."""

from revops_assets.catalogue.dataset import daily, view, whole

DATASETS = [
    whole(
        "staging.pipeline_stages",
        deps=["crm.pipeline_stages", "crm.opportunities", "crm.opportunity_history", "crm.loads"],
    ),
    view(
        "staging.stage_events",
        deps=["crm.opportunities", "crm.opportunity_history", "crm.loads", "staging.pipeline_stages"],
    ),
    whole("staging.deal_gaps", deps=["crm.opportunities", "crm.opportunity_history", "crm.loads"]),
    whole("staging.deal_stays", deps=["staging.stage_events", "staging.pipeline_stages"]),
    view("staging.stage_visits", deps=["staging.deal_stays"]),
    whole("staging.stage_directory", deps=["staging.stage_visits", "staging.pipeline_stages", "crm.pipelines"]),
    whole("staging.stage_benchmarks", deps=["crm.stage_benchmarks", "crm.loads", "staging.pipeline_stages"]),
    whole("staging.quotas", deps=["crm.quotas", "crm.loads"]),
    whole("staging.exchange_rates", deps=["crm.exchange_rates", "crm.opportunities", "reference.exchange_rates"]),
    whole("staging.activities", deps=["crm.activities"]),
    whole(
        "staging.deal_events",
        deps=[
            "crm.opportunities",
            "crm.opportunity_history",
            "crm.loads",
            "staging.deal_stays",
            "staging.exchange_rates",
        ],
    ),
    view("staging.contact_roles", deps=["crm.opportunity_contacts", "crm.loads"]),
    view("staging.deal_engagement", deps=["staging.activities", "staging.contact_roles"]),
    whole(
        "staging.deal_intervals",
        deps=[
            "staging.deal_stays",
            "staging.deal_gaps",
            "staging.deal_events",
            "staging.deal_engagement",
            "staging.exchange_rates",
        ],
    ),
    whole("staging.deal_credits", deps=["crm.opportunity_splits", "crm.opportunities", "crm.loads"]),
    whole("staging.reps", deps=["crm.reps", "crm.loads", "staging.deal_intervals", "staging.deal_credits"]),
    whole("staging.accounts", deps=["crm.accounts", "crm.loads"]),
    whole("staging.contacts", deps=["crm.contacts", "crm.loads"]),
    whole("staging.deal_contacts", deps=["staging.activities", "staging.contact_roles"]),
    whole(
        "staging.closing_facts",
        deps=["staging.deal_intervals", "staging.activities", "staging.deal_stays", "staging.pipeline_stages"],
    ),
    whole("staging.evidence", deps=["staging.deal_intervals"]),
    whole("staging.visit_facts", deps=["staging.stage_visits", "staging.deal_intervals"]),
    whole(
        "staging.pipeline_moves",
        deps=[
            "staging.deal_stays",
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
]

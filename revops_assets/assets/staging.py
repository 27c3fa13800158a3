"""Staging: CRM records as they were at any time, from every version that loads left; and as of every day."""

from revops_assets.sql_asset import sql_daily, sql_table, sql_view

ASSETS = [
    sql_table(
        "staging.pipeline_stages",
        deps=["crm.pipeline_stages", "crm.opportunities", "crm.opportunity_history", "crm.loads"],
    ),
    sql_view(
        "staging.stage_events",
        deps=["crm.opportunities", "crm.opportunity_history", "crm.loads", "staging.pipeline_stages"],
    ),
    sql_table("staging.deal_gaps", deps=["crm.opportunities", "crm.opportunity_history", "crm.loads"]),
    sql_table("staging.deal_stays", deps=["staging.stage_events", "staging.pipeline_stages"]),
    sql_view("staging.stage_visits", deps=["staging.deal_stays"]),
    sql_table("staging.stage_directory", deps=["staging.stage_visits", "staging.pipeline_stages", "crm.pipelines"]),
    sql_table("staging.stage_benchmarks", deps=["crm.stage_benchmarks", "crm.loads", "staging.pipeline_stages"]),
    sql_table("staging.quotas", deps=["crm.quotas", "crm.loads"]),
    sql_table("staging.exchange_rates", deps=["crm.exchange_rates", "crm.opportunities", "reference.exchange_rates"]),
    sql_table("staging.activities", deps=["crm.activities"]),
    sql_table(
        "staging.deal_events",
        deps=[
            "crm.opportunities",
            "crm.opportunity_history",
            "crm.loads",
            "staging.deal_stays",
            "staging.exchange_rates",
        ],
    ),
    sql_view("staging.contact_roles", deps=["crm.opportunity_contacts", "crm.loads"]),
    sql_view("staging.deal_engagement", deps=["staging.activities", "staging.contact_roles"]),
    sql_table(
        "staging.deal_intervals",
        deps=[
            "staging.deal_stays",
            "staging.deal_gaps",
            "staging.deal_events",
            "staging.deal_engagement",
            "staging.exchange_rates",
        ],
    ),
    sql_table("staging.deal_credits", deps=["crm.opportunity_splits", "crm.opportunities", "crm.loads"]),
    sql_table("staging.reps", deps=["crm.reps", "crm.loads", "staging.deal_intervals", "staging.deal_credits"]),
    sql_table("staging.accounts", deps=["crm.accounts", "crm.loads"]),
    sql_table("staging.contacts", deps=["crm.contacts", "crm.loads"]),
    sql_table("staging.deal_contacts", deps=["staging.activities", "staging.contact_roles"]),
    sql_table(
        "staging.closing_facts",
        deps=["staging.deal_intervals", "staging.activities", "staging.deal_stays", "staging.pipeline_stages"],
    ),
    sql_table("staging.evidence", deps=["staging.deal_intervals"]),
    sql_table("staging.visit_facts", deps=["staging.stage_visits", "staging.deal_intervals"]),
    sql_table(
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
    sql_daily("staging.thresholds", deps=["reference.thresholds"]),
    sql_daily("staging.rep_days", deps=["staging.reps"]),
    sql_daily("staging.quota_days", deps=["staging.quotas", "reference.quotas"]),
    sql_daily(
        "staging.deal_days",
        deps=["staging.deal_intervals", "staging.pipeline_stages", "staging.rep_days", "staging.accounts"],
    ),
    sql_daily("staging.rep_closings", deps=["staging.deal_intervals", "staging.deal_credits", "staging.accounts"]),
    sql_daily("staging.stage_medians", deps=["staging.visit_facts"]),
]

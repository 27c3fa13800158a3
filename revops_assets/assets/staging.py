"""Staging: CRM records as they were at any time, from every version that loads left."""

from revops_assets.sql_asset import sql_table, sql_view

ASSETS = [
    sql_table("staging.pipeline_stages", deps=["crm.pipeline_stages", "crm.opportunities", "crm.loads"]),
    sql_view(
        "staging.stage_events",
        deps=["crm.opportunities", "crm.opportunity_history", "crm.loads", "staging.pipeline_stages"],
    ),
    sql_table("staging.deal_stays", deps=["staging.stage_events", "staging.pipeline_stages"]),
    sql_view("staging.stage_visits", deps=["staging.deal_stays"]),
    sql_table("staging.stage_directory", deps=["staging.stage_visits", "staging.pipeline_stages", "crm.pipelines"]),
]

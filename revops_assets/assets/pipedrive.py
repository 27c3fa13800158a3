"""The Pipedrive wing: eight models from raw export to the monthly sales funnel, and the table of its steps."""

from revops_assets.reference import reference_table
from revops_assets.sql_asset import sql_table, sql_view

ASSETS = [
    sql_view("pipedrive.stg_activity", deps=["pipedrive_raw.activity"]),
    sql_view("pipedrive.stg_activity_types", deps=["pipedrive_raw.activity_types"]),
    sql_view("pipedrive.stg_deal_changes", deps=["pipedrive_raw.deal_changes"]),
    sql_view("pipedrive.stg_stages", deps=["pipedrive_raw.stages"]),
    sql_view("pipedrive.stg_users", deps=["pipedrive_raw.users"]),
    sql_table(
        "pipedrive.int_completed_activities",
        deps=["pipedrive.stg_activity", "pipedrive.stg_activity_types"],
    ),
    sql_table(
        "pipedrive.int_deal_stage_history",
        deps=["pipedrive.stg_deal_changes", "pipedrive.stg_stages"],
    ),
    reference_table(
        "reference.funnel_steps", "Steps of the monthly sales funnel, kept in sql/reference/funnel_steps.csv."
    ),
    sql_table(
        "pipedrive.rep_sales_funnel_monthly",
        deps=[
            "pipedrive.int_completed_activities",
            "pipedrive.int_deal_stage_history",
            "reference.funnel_steps",
        ],
        params=lambda warehouse: {"timezone": warehouse.settings.timezone},
    ),
]

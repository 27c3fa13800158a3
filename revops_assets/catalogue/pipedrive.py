"""The Pipedrive wing: eight models from raw export to the monthly sales funnel."""

from revops_assets.catalogue.dataset import full_refresh, view

DATASETS = [
    view("pipedrive.stg_activity", deps=["pipedrive_raw.activity"]),
    view("pipedrive.stg_activity_types", deps=["pipedrive_raw.activity_types"]),
    view("pipedrive.stg_deal_changes", deps=["pipedrive_raw.deal_changes"]),
    view("pipedrive.stg_stages", deps=["pipedrive_raw.stages"]),
    view("pipedrive.stg_users", deps=["pipedrive_raw.users"]),
    full_refresh(
        "pipedrive.int_completed_activities",
        deps=["pipedrive.stg_activity", "pipedrive.stg_activity_types"],
    ),
    full_refresh(
        "pipedrive.int_deal_stage_history",
        deps=["pipedrive.stg_deal_changes", "pipedrive.stg_stages"],
    ),
    full_refresh(
        "pipedrive.rep_sales_funnel_monthly",
        deps=[
            "pipedrive.int_completed_activities",
            "pipedrive.int_deal_stage_history",
            "reference.funnel_steps",
        ],
    ),
]

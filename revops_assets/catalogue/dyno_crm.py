"""The stage velocity report's published relations. (The report itself is run, not built: assets/dyno_crm.py.)"""

from revops_assets.catalogue.dataset import view

DATASETS = [
    view("dyno_crm.pipeline_stage", deps=["staging.stage_directory", "staging.pipeline_stages"]),
    view("dyno_crm.deal_pipeline_stage_state", deps=["staging.stage_directory", "staging.stage_visits"]),
]

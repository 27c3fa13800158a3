"""Daily metrics: tables that functions of the database compute straight from the CRM."""

from revops_assets.catalogue.dataset import Dataset

LEADS = ("crm.leads", "crm.lead_history")
OPPORTUNITIES = (
    "crm.opportunities",
    "crm.opportunity_history",
    "crm.opportunity_splits",
    "crm.pipeline_stages",
    "crm.exchange_rates",
)
# What each table is computed from, besides crm.loads.
READ = {
    "metrics.daily_lead_funnel": (*LEADS, *OPPORTUNITIES),
    "metrics.lead_stage_snapshot": LEADS,
    "metrics.rep_daily_activity": ("crm.activities", "crm.reps"),
    "metrics.rep_daily_pipeline": (*OPPORTUNITIES, "crm.reps"),
}
RUN_LOG = "metrics.run_log"
STALE_DAYS = "metrics.stale_days"
DEPS = {**{table: ("crm.loads", *deps) for table, deps in READ.items()}, RUN_LOG: ("crm.loads", *READ)}

DATASETS = [
    *(
        Dataset(table, "daily", deps, made_by="functions", day_column="metric_date", is_behind_history=False)
        for table, deps in DEPS.items()
    ),
    Dataset(
        STALE_DAYS,
        "full_refresh",
        tuple(sorted({dep for deps in DEPS.values() for dep in deps} - DEPS.keys())),
        made_by="functions",
    ),
]

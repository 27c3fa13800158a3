"""What Dagster shows and runs of the catalogue: an asset for each dataset, and those that are none."""

from __future__ import annotations

import dagster as dg

from revops_assets.assets import dyno_crm, metrics, registry
from revops_assets.assets.daily import daily_dataset
from revops_assets.assets.dashboard_charts import CHARTS
from revops_assets.assets.full_refresh import full_refresh_table
from revops_assets.assets.reference_tables import dated_reference_table, reference_table
from revops_assets.assets.view import view
from revops_assets.catalogue import CATALOGUE
from revops_assets.datasets.dated_reference import topics

# What comes before a dataset and is none itself.
AFTER = {"semantic.metric_values": (registry.TABLE,)}
FUNNEL_STEPS = ("reference.funnel_steps", "Steps of the monthly sales funnel, kept in sql/reference/funnel_steps.csv.")


def all_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """An asset for each dataset of the catalogue, the funnel's steps, the stage velocity report, the registry."""
    made: list[dg.AssetsDefinition | dg.AssetSpec] = [dated_reference_table(topic) for topic in topics()]
    for table, dataset in CATALOGUE.items():
        if dataset.made_by != "select":
            continue
        if dataset.built == "daily":
            made.append(daily_dataset(dataset, CHARTS.get(table), AFTER.get(table, ())))
        else:
            made.append(full_refresh_table(dataset) if dataset.built == "full_refresh" else view(dataset))
    wings = [
        metrics.daily_metrics,
        metrics.stale_days,
        dyno_crm.stage_velocity,
        registry.metric_definitions,
        registry.table_profiles,
    ]
    return [*made, reference_table(*FUNNEL_STEPS), *wings]

"""What Dagster shows and runs of the catalogue: an asset for each dataset, and those that are none."""

from __future__ import annotations

from revops_assets.assets import dyno_crm, metrics
from revops_assets.assets.daily import daily_dataset
from revops_assets.assets.dashboard_charts import CHARTS
from revops_assets.assets.made import Made
from revops_assets.assets.reference_tables import dated_reference_table, reference_table
from revops_assets.assets.view import view
from revops_assets.assets.whole import whole_table
from revops_assets.catalogue import CATALOGUE
from revops_assets.datasets.dated_reference import topics
from revops_assets.insights.answers import answers_of_model

# What is laid out for a dataset before it is written.
BEFORE_WRITE = {"ai.rep_coaching_insights": answers_of_model}
FUNNEL_STEPS = ("reference.funnel_steps", "Steps of the monthly sales funnel, kept in sql/reference/funnel_steps.csv.")


def make_all() -> list[Made]:
    """An asset for each dataset of the catalogue, the funnel's steps, and the stage velocity report."""
    made = [dated_reference_table(topic) for topic in topics()]
    for table, dataset in CATALOGUE.items():
        if dataset.made_by != "select":
            continue
        if dataset.built == "daily":
            made.append(daily_dataset(dataset, BEFORE_WRITE.get(table), CHARTS.get(table)))
        else:
            made.append(whole_table(dataset) if dataset.built == "whole" else view(dataset))
    return [*made, *metrics.MADE, reference_table(*FUNNEL_STEPS), Made(dyno_crm.stage_velocity)]

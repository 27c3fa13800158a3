"""`revops funnel`: build the wing in one environment, compare the two."""

from __future__ import annotations

from typing import Any

from revops_assets.settings import Settings
from revops_assets.warehouse import databases

# The published one-session comparison: both environments' reports, read in the prod warehouse.
COMPARISON = """
select
    tenant_id,
    month,
    funnel_step,
    coalesce(d.kpi_name, p.kpi_name) as kpi_name,
    d.deals_count as dev,
    p.deals_count as prod,
    (d.kpi_name, d.deals_count) is distinct from (p.kpi_name, p.deals_count) as differs
from public_pipedrive_analytics.rep_sales_funnel_monthly as d
full join prod_pipedrive_analytics.rep_sales_funnel_monthly as p using (tenant_id, month, funnel_step)
order by tenant_id, month, funnel_step
"""


def compare(settings: Settings) -> list[dict[str, Any]]:
    """Every line of the report with its count in dev and in prod; `differs` marks those that are not the same."""
    with (
        databases.connect(settings.for_env("prod"), "warehouse") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(COMPARISON)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

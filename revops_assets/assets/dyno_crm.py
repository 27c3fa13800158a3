"""The stage velocity report."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.datasets.charts import as_metadata, bars
from revops_assets.errors import RevopsError
from revops_assets.reports.stage_velocity import (
    Report,
    find_pipeline,
    find_stage,
    find_tenant,
    instant,
    pipelines,
    read_report,
    run_stage_velocity_report,
)
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.resource import POOL, Warehouse

COLUMNS = [
    "stage_name", "completed_count", "avg_duration_days", "median_duration_days", "p90_duration_days", "current_count",
    "avg_current_age_days", "median_current_age_days", "p90_current_age_days",
]  # fmt: skip


class StageVelocityConfig(dg.Config):
    """Which reports a run makes. Without a tenant: every pipeline's, as of the day's beginning, once a day and load."""

    tenant: str = Field(default="", description="Slug or UUID; empty: every pipeline of every tenant")
    pipeline: str = Field(default="", description="Name, source id or UUID; empty: every pipeline of the tenant")
    stage: str = Field(default="", description="Name, source id or UUID of the only stage to report on")
    period_start: str = Field(default="", description="Visits that began from this instant on, as in 2024-07-01T00:00Z")
    period_end: str = Field(default="", description="... and before this one")
    as_of: str = Field(default="", description="Instant reported on; empty: the beginning of today, business time")


@dg.multi_asset(
    name="dyno_crm__stage_velocity",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            asset_key("dyno_crm.report_stage_velocity_fact"),
            deps=[asset_key(table) for table in
                  ("staging.stage_directory", "staging.stage_visits", "staging.pipeline_stages")],
            group_name="dyno_crm",
            owners=OWNERS,
            kinds={"postgres", "sql", "table"},
            description="Stage velocity: how long deals stay in each stage of a pipeline, how old present visits are."
            "\n\nGrain: run, pipeline and stage; every run stays readable as it was issued.",
            metadata={"dagster/table_name": "dyno_crm.report_stage_velocity_fact"},
        )
    ],
)  # fmt: skip
def stage_velocity(
    context: dg.AssetExecutionContext, config: StageVelocityConfig, warehouse: Warehouse
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Run the reports that the configuration asks for."""
    as_of = instant("as_of", config.as_of) or _today(warehouse.settings.timezone)
    with warehouse.transaction() as sqlalchemy_connection:
        connection = driver_connection(sqlalchemy_connection)
        chosen: list[tuple[UUID, UUID]]
        if config.tenant:
            tenant = find_tenant(connection, config.tenant)
            chosen = [
                (tenant, UUID(str(found["pipeline_id"])))
                for found in pipelines(connection)
                if UUID(str(found["tenant_id"])) == tenant
            ]
            if config.pipeline:
                chosen = [(tenant, find_pipeline(connection, tenant, config.pipeline))]
        elif config.pipeline or config.stage:
            raise RevopsError("a pipeline or a stage needs its tenant: set tenant, too")
        else:
            chosen = [
                (UUID(str(found["tenant_id"])), UUID(str(found["pipeline_id"]))) for found in pipelines(connection)
            ]
        is_daily = not (config.tenant or config.period_start or config.period_end)
        reports = []
        for tenant, pipeline in chosen:
            run_id = run_stage_velocity_report(
                connection,
                tenant,
                pipeline,
                instant("period_start", config.period_start),
                instant("period_end", config.period_end),
                find_stage(connection, tenant, pipeline, config.stage) if config.stage else None,
                as_of,
                _run_key(connection, tenant, pipeline, as_of) if is_daily else None,
            )
            reports.append(read_report(connection, run_id))
    context.log.info(f"{len(reports)} reports as of {as_of.isoformat()}")
    yield dg.MaterializeResult(metadata=_metadata(reports, as_of, warehouse.database))


def _run_key(connection: Any, tenant: UUID, pipeline: UUID, as_of: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select max(known_as_of) from staging.stage_directory where tenant_uuid = %s::uuid", (str(tenant),)
        )
        [(known_as_of,)] = cursor.fetchall()
    return f"{tenant}/{pipeline}/{as_of.isoformat()}/{known_as_of}"


def _metadata(reports: list[Report], as_of: datetime, database: str) -> dict[str, Any]:
    """Each report as a table, and a picture of the typical visits."""
    shown: dict[str, Any] = {
        "dagster/row_count": sum(len(report.rows) for report in reports),
        "reports": len(reports),
        "as_of": as_of.isoformat(),
        "database": database,
    }
    for report in reports:
        name = f"{report.header['tenant']}: {report.header['pipeline']}"
        table = "\n".join(
            f"| {' | '.join('' if value is None else str(value) for value in line)} |"
            for line in [COLUMNS, ["---"] * len(COLUMNS), *([row[column] for column in COLUMNS] for row in report.rows)]
        )
        left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in report.excluded.items())
        shown[name] = dg.MetadataValue.md(f"run `{report.header['id']}`\n\n{table}\n\nvisits left out: {left_out}")
        medians = {"median_duration_days": "completed visits", "median_current_age_days": "present visits, so far"}
        chart = bars(report.rows, "stage_name", medians, "median days")
        shown[f"{name}, chart"] = as_metadata(chart)
    return shown


def _today(timezone: str) -> datetime:
    zone = ZoneInfo(timezone)
    return datetime.combine(datetime.now(zone).date(), time(), zone)

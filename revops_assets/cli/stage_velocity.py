"""`revops stage-velocity`: run the report, read a stored run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from revops_assets.reports.stage_velocity import Report

stage_velocity = typer.Typer(no_args_is_help=True, help="How long deals stay in the stages of a pipeline.")
app.add_typer(stage_velocity, name="stage-velocity")

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table")]


@stage_velocity.command("run")
def run_command(
    tenant: Annotated[str, typer.Option(help="Slug or UUID")],
    pipeline: Annotated[str, typer.Option(help="Name, source id or UUID")],
    stage: Annotated[str | None, typer.Option(help="Only this stage: name, source id or UUID")] = None,
    period_start: Annotated[str | None, typer.Option(help="Visits that began from this instant on")] = None,
    period_end: Annotated[str | None, typer.Option(help="... and before this one")] = None,
    as_of: Annotated[str | None, typer.Option(help="Instant reported on, as in 2024-07-01T00:00Z; default now")] = None,
    json: Json = False,
) -> None:
    """Run and store the report; what it reads is built first where it is missing or older than the newest load."""
    from revops_assets.reports.stage_velocity import (
        find_pipeline,
        find_stage,
        find_tenant,
        instant,
        read_report,
        run_stage_velocity_report,
    )
    from revops_assets.warehouse import databases

    settings = get_settings()
    instants = [instant(*option) for option in
                (("--period-start", period_start), ("--period-end", period_end), ("--as-of", as_of))]  # fmt: skip
    _bring_up_to_date(settings)
    with databases.connect(settings, "warehouse") as connection:
        tenant_id = find_tenant(connection, tenant)
        pipeline_id = find_pipeline(connection, tenant_id, pipeline)
        stage_id = find_stage(connection, tenant_id, pipeline_id, stage) if stage else None
        run_id = run_stage_velocity_report(
            connection, tenant_id, pipeline_id, instants[0], instants[1], stage_id, instants[2]
        )
        report = read_report(connection, run_id)
    _print(report, json)


@stage_velocity.command("show")
def show_command(run_id: Annotated[str, typer.Argument(help="Id of a stored run")], json: Json = False) -> None:
    """Show a stored run as it was issued."""
    from revops_assets.reports.stage_velocity import read_report
    from revops_assets.warehouse import databases

    with databases.connect(get_settings(), "warehouse") as connection:
        report = read_report(connection, run_id)
    _print(report, json)


def _bring_up_to_date(settings: Settings) -> None:
    """Build the stage visits unless they already show the newest load."""
    from revops_assets.orchestration.runs import dagster_instance, run_job
    from revops_assets.warehouse import databases

    with databases.connect(settings, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select coalesce((select max(known_as_of) from staging.stage_directory), 0)"
            " < (select coalesce(max(load_seq), 0) from crm_remote.loads)"
        )
        [(is_behind,)] = cursor.fetchall()
    if is_behind:
        with dagster_instance(settings) as instance:
            run_job(settings, "stage_visits", settings.env, instance)


def _print(report: Report, json: bool) -> None:
    from revops_assets.cli.show import console, print_json, print_table

    header = report.header
    if json:
        print_json({"run": header, "stages": report.rows, "excluded": report.excluded})
        return
    parameters = header["parameters"]
    console.print(
        f"Run {header['id']}: {header['tenant']}, {header['pipeline']}, as of {parameters['as_of']}", markup=False
    )
    if header["period_start"] or header["period_end"]:
        console.print(
            f"Visits that began from {header['period_start'] or 'ever'} to before {header['period_end'] or 'then'}"
        )
    print_table(
        ["stage", "completed>", "mean days>", "median>", "90 %>", "present>", "mean age>", "median>", "90 %>"],
        [[_short(value) for name, value in row.items() if name != "stage_id"] for row in report.rows],
    )
    left_out = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in report.excluded.items() if count)
    console.print(f"Visits left out: {left_out or 'none'}")


def _short(value: object) -> object:
    """Days with two digits; what is stored has four."""
    return value if value is None or isinstance(value, (str, int)) else float(str(value))

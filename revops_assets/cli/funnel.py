"""`revops funnel`: the Pipedrive monthly sales funnel, in dev and prod."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from revops_assets.orchestration.runs import RunResult

funnel = typer.Typer(no_args_is_help=True, help="The Pipedrive monthly sales funnel.")
app.add_typer(funnel, name="funnel")


class EnvName(StrEnum):
    """The two warehouses."""

    dev = "dev"
    prod = "prod"


@funnel.command("build")
def build_command(
    env: Annotated[EnvName | None, typer.Option(help="Which warehouse; default: REVOPS_ENV")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Build the funnel from the newest export and run its checks."""
    from revops_assets.orchestration.runs import dagster_instance, run_job

    settings = get_settings()
    with dagster_instance(settings) as instance:
        result = run_job(settings, "funnel", env.value if env else settings.env, instance)
    finish(result, json)


def finish(result: RunResult, json: bool) -> None:
    """Print a run; exit with status 1 if a check failed as an error."""
    from revops_assets.cli.show import print_json

    if json:
        print_json(
            {
                "run_id": result.run_id,
                "env": result.env,
                "assets": result.assets,
                "checks": result.checks,
                "done_before": result.done_before,
            }
        )
    else:
        print_run(result)
    if result.failed_checks:
        raise typer.Exit(1)


def print_run(result: RunResult) -> None:
    """What a run made and what its checks say, for people."""
    from revops_assets.cli.show import console, print_table

    if result.done_before:
        console.print(
            f"Built before by run {result.run_id}, of the same records, reference data, SQL and settings: it stands."
        )
        return
    print_table(
        [f"{result.env}: table", "rows>"],
        [(name, values.get("dagster/row_count")) for name, values in result.assets.items()],
    )
    print_checks(result)


def print_checks(result: RunResult) -> None:
    """What a run's checks say, for people."""
    from revops_assets.cli.show import console

    passed = sum(check["passed"] for check in result.checks)
    console.print(f"Checks: {passed} of {len(result.checks)} passed (run {result.run_id}).")
    for check in result.checks:
        if not check["passed"]:
            kind = "FAILED" if check["severity"] == "ERROR" else "warning"
            console.print(f"  {kind}: {check['asset']} {check['check']}: {check['offending_rows']} rows")


@funnel.command("compare")
def compare_command(
    all_rows: Annotated[
        bool, typer.Option("--all", help="Every line of the report, not only those that differ")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Show the report of both environments side by side and say where they differ."""
    from revops_assets.cli.show import console, print_json, print_table
    from revops_assets.reports.funnel import compare

    rows = compare(get_settings())
    if json:
        print_json(rows)
        return
    steps: dict[tuple[str, Decimal, str], list[int]] = {}
    for row in rows:
        total = steps.setdefault((row["tenant_id"], row["funnel_step"], row["kpi_name"]), [0, 0])
        total[0] += row["dev"] or 0
        total[1] += row["prod"] or 0
    print_table(
        ["tenant", "step, all months", "dev>", "prod>"],
        [(tenant, name, *total) for (tenant, _, name), total in sorted(steps.items())],
    )
    differing = [row for row in rows if row["differs"]]
    shown = rows if all_rows else differing
    if shown:
        console.print()
        print_table(
            ["tenant", "month", "step", "dev>", "prod>", "differs"],
            [(r["tenant_id"], r["month"], r["kpi_name"], r["dev"], r["prod"], r["differs"]) for r in shown],
        )
    verdict = f"{len(differing)} of them differ" if differing else "dev and prod agree in every line"
    console.print(f"{len(rows)} lines (tenant, month, step); {verdict}.")

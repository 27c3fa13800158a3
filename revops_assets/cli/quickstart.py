"""`revops quickstart`: from one's own export to the dashboards, in one command."""

from __future__ import annotations

import os
import sys
import webbrowser
from datetime import date, timedelta
from pathlib import Path
from threading import Timer
from typing import Annotated

import typer

from revops_assets.cli import app, if_interrupted
from revops_assets.errors import RevopsError
from revops_assets.settings import Settings, get_settings

# The last day that the records of a tenant tell of.
NEWEST = """
select max(at)::date from (
    select max(changed_at) as at from crm.opportunity_history where tenant_id = %(tenant)s and changed_at < now()
    union all select max(modified_at) from crm.opportunities where tenant_id = %(tenant)s and modified_at < now()
    union all select max(created_at) from crm.opportunities where tenant_id = %(tenant)s and created_at < now()
) as t
"""


@app.command("quickstart")
def quickstart_command(
    directory: Annotated[Path, typer.Argument(help="Folder with your CRM's export")],
    tenant: Annotated[str, typer.Option(help="Slug of your company")] = "default",
    mapping: Annotated[list[str] | None, typer.Option(help="As of `revops load`")] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days to build")] = 90,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboards on 127.0.0.1")] = 8321,
    serve: Annotated[bool, typer.Option(help="Serve the dashboards and open them")] = True,
) -> None:
    """Load your export, build its last 90 days, and open the dashboards. Says what it does as it goes."""
    from revops_assets.cli.db import upgrade_command
    from revops_assets.cli.funnel import print_checks
    from revops_assets.cli.load import print_load
    from revops_assets.cli.serve import serve_command
    from revops_assets.cli.show import Progress, console
    from revops_assets.diagnostics.aftermath import look_after
    from revops_assets.loading.load import choose_mappings, load_all
    from revops_assets.orchestration.runs import DASHBOARDS, dagster_instance, run_assets

    settings = get_settings()
    mappings = choose_mappings(directory, mapping)
    if_interrupted("what was done until then stays; the same command goes on")
    console.rule("1 Databases: a source that your records go into, a warehouse that is built of them", align="left")
    upgrade_command()

    names = ", ".join(one.name for one in mappings)
    console.rule(f"2 Load {directory} for {tenant}, read as {names}: all of it or nothing", align="left")
    with Progress("files", "records") as tell:
        results = load_all(settings, directory, mappings, tenant, tell=tell)
    look_after(settings, results)
    for result in results:
        print_load(result)

    first, last = _days(settings, tenant, days)
    console.rule(f"3 Build {first} to {last}: every day as it was at its end, with its checks", align="left")
    with dagster_instance(settings) as instance, Progress("datasets") as tell:
        built = run_assets(settings, DASHBOARDS, (first, last), instance, tenants=[tenant], tell=tell)
    rows = sum(int(values.get("dagster/row_count") or 0) for values in built.assets.values())
    console.print(f"{len(built.assets)} datasets, {rows:,} rows")
    print_checks(built)

    console.rule("4 Dashboards", align="left")
    address = f"http://127.0.0.1:{port}/pipeline?tenant={tenant}&day={last}"
    if serve:
        print(f"{address} (Ctrl-C ends it; `revops up` keeps them up to date with every load)", flush=True)
        if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            # A browser of the terminal would stand in the server's way; the others wait until it answers.
            Timer(2.0, webbrowser.open, (address,)).start()
        serve_command("127.0.0.1", port)
    else:
        print(f"revops serve --port {port}    then {address}")
    if built.failed_checks:
        raise typer.Exit(1)


def _days(settings: Settings, tenant: str, count: int) -> tuple[date, date]:
    """The days to build: those up to the last full one that the records tell of."""
    from revops_assets.scenario.calendar import yesterday
    from revops_assets.warehouse import databases

    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(NEWEST, {"tenant": tenant})
        [(newest,)] = cursor.fetchall()
    if newest is None:
        raise RevopsError(f"the export has no deals of {tenant}: there is nothing to build; `revops doctor` says more")
    last: date = min(newest, yesterday(settings.timezone))
    if last < settings.first_day:
        raise RevopsError(
            f"the records end on {last}, before the first day that is built: set REVOPS_FIRST_DAY={last.year}-01-01"
            " and run it again"
        )
    return max(last - timedelta(days=count - 1), settings.first_day), last

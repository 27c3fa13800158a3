"""`revops demo`: the first look."""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta
from pathlib import Path

import typer

from revops_assets.cli import app
from revops_assets.settings import Settings, get_settings


@app.command("demo")
def demo_command() -> None:
    """Generate two companies, load them, build everything in dev and prod, and say what came out."""
    from revops_assets.assets.scenario import TENANTS, ScenarioConfig, folder, write_exports
    from revops_assets.cli.db import upgrade_command
    from revops_assets.cli.funnel import print_run
    from revops_assets.cli.load import print_load
    from revops_assets.cli.show import Progress, console
    from revops_assets.loading.load import load_directory
    from revops_assets.loading.mapping_file import read_mapping
    from revops_assets.orchestration.runs import DASHBOARDS, dagster_instance, run_assets, run_job
    from revops_assets.reports.funnel import compare
    from revops_assets.scenario.calendar import yesterday

    started = time.monotonic()
    settings = get_settings()
    console.rule("1 Databases", align="left")
    upgrade_command()

    console.rule("2 Two generated companies' CRM exports", align="left")
    rows = write_exports(settings, ScenarioConfig())
    for tenant, (shape, _) in TENANTS.items():
        print(f"{folder(settings, tenant)}: {sum(rows[tenant].values()):,} records in {shape}'s shape")

    console.rule("3 Load", align="left")
    with Progress("files", "records") as tell:
        loads = {
            tenant: load_directory(settings, folder(settings, tenant), read_mapping(shape), tenant, tell=tell)
            for tenant, (shape, _) in TENANTS.items()
        }
    for load in loads.values():
        print_load(load)

    console.rule("4 Build and check", align="left")
    with dagster_instance(settings) as instance, Progress("datasets") as tell:
        results = [run_job(settings, "funnel", env, instance, tell) for env in ("dev", "prod")]
        velocity = run_job(settings, "stage_velocity", "dev", instance, tell)
        newest = yesterday(settings.timezone)
        week = (newest - timedelta(days=6), newest)
        built = run_assets(settings, DASHBOARDS, week, instance, tell=tell, skip_current=True)
    print_run(results[0])
    print_run(velocity)
    print_run(built)

    lines = [line for line in compare(settings) if line["tenant_id"] == "pipeco"]
    differing = sum(line["differs"] for line in lines)
    runs = [*results, velocity, built]
    failed = sum(len(result.failed_checks) for result in runs)
    warned = sum(not check["passed"] for result in runs for check in result.checks) - failed
    revops = Path(sys.argv[0])
    revops = revops.relative_to(Path.cwd()) if revops.is_relative_to(Path.cwd()) else revops
    console.rule("Summary", align="left")
    for name, load in loads.items():
        console.print(
            f"Loaded   {load.rows_read:,} records of tenant {name} ({load.source}), {load.rows_rejected:,} rejected:"
            f" {load.rows_inserted:,} new in crm, {load.rows_updated:,} updated, {load.rows_unchanged:,} as they were"
        )
    console.print(
        f"Built    {len(results[0].assets)} tables in dev and prod; pipeco's funnel has {len(lines)} lines,"
        f" {differing} of which differ between the two\n"
        f"         {_stage_visits(settings):,} stage visits, a stage velocity report for each pipeline (dev)\n"
        f"         every dashboard, each rep's coaching and the daily metrics of the seven days up to {newest} (dev)\n"
        f"{_headline(settings, newest)}"
        f"{_metric(settings, newest)}"
        f"Checked  {sum(len(result.checks) for result in runs)} checks: {failed} failed, {warned} warnings"
        f" (steps that grow where a funnel should narrow are worth a look)\n"
        f"Took     {time.monotonic() - started:.1f} s; PostgreSQL keeps running until `{revops} db stop`\n"
    )
    _print_next(str(revops), newest)
    if failed:
        raise typer.Exit(1)


def _print_next(revops: str, newest: date) -> None:
    """What to try now."""
    from revops_assets.cli.show import console

    calls = {
        "make up": "dashboards on http://127.0.0.1:8321, the asset graph on :3000",
        f"{revops} quickstart DIR": "your own export, up to the dashboards",
        f"{revops} materialize --from {newest - timedelta(days=60)} --to {newest}": "any past days, exactly",
        f"{revops} funnel compare": "the funnel, dev beside prod",
        f"{revops} stage-velocity run --tenant acme --pipeline default": "how long deals stay where",
        f"{revops} daily-metrics backfill --days 365": "a year of leads, activities, pipeline: SQL only",
        f"{revops} metrics run mrr --tenant acme": "a business metric; `metrics list` says what each means",
    }
    width = max(map(len, calls))
    for index, (call, what) in enumerate(calls.items()):
        console.print(f"{'' if index else 'Next':8} {call:{width}}  {what}")


def _stage_visits(settings: Settings) -> int:
    """How many visits of deals to stages the reports are made of."""
    from revops_assets.warehouse import databases

    with databases.connect(settings.for_env("dev"), "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from staging.stage_visits")
        [(count,)] = cursor.fetchall()
    return int(count)


def _metric(settings: Settings, day: date) -> str:
    """One business metric of the generated company, from the registry."""
    from revops_assets.registry import store
    from revops_assets.registry.run import run
    from revops_assets.warehouse import databases

    dev = settings.for_env("dev")
    with databases.engine(dev, "warehouse").connect() as connection:
        count = len(store.list_all(connection))
        metric = store.get(connection, "revenue/mrr").metric
    values = run(dev, metric, "acme", day)
    (month, mrr) = values.result.rows[-1]
    return f"         {count} business metrics; {metric.display_name.lower()} in {month:%B %Y}: ${mrr:,.0f}\n"


def _headline(settings: Settings, day: date) -> str:
    """What the first dashboard of the generated company says."""
    from revops_assets.warehouse import databases

    with databases.connect(settings.for_env("dev"), "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select quarter, dashboard.currency(closed_won_amount), dashboard.currency(quarter_target),"
            " dashboard.currency(ai_forecast), risk_level from dashboard.dashboard_kpis as k"
            " where tenant_id = 'acme' and snapshot_date = %s"
            " and team_id = 'All' and segment = 'All' and region = 'All'"
            " and quarter = (select c.quarter from ops.calendar as c where c.day = %s)",
            (day, day),
        )
        [(quarter, won, target, forecast, risk)] = cursor.fetchall()
        cursor.execute(
            "select a.action_type || coalesce(' ' || a.contact_name, ''), a.opportunity_name, a.action_reason"
            " from dashboard.next_best_actions as a where a.tenant_id = 'acme' and a.snapshot_date = %s"
            " order by a.priority_score desc, a.opportunity_id limit 1",
            (day,),
        )
        [(action, deal, reason)] = cursor.fetchall()
    return (
        f"Says     acme, {quarter}: {won} won of {target}, forecast {forecast}, risk {risk}\n"
        f"         most pressing: {deal} ({action})\n         {reason}\n"
    )

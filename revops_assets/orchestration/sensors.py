"""Sensors: what runs because something happened. They keep no cursor: what there is to do stands in the databases."""

from __future__ import annotations

import stat
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.spec import asset_key
from revops_assets.catalogue import FULL_REFRESHES
from revops_assets.datasets.partitions import partition_ends
from revops_assets.errors import RevopsError, on_one_line
from revops_assets.invalidation.plan import plan
from revops_assets.invalidation.run_tags import ENV_TAG, PRIORITY_TAG, TENANTS_TAG
from revops_assets.invalidation.stale import mark_running_days
from revops_assets.loading import manifest
from revops_assets.loading.load import known_exports, landed, unreadable_id
from revops_assets.orchestration.alerts import Alert, raise_alerts
from revops_assets.orchestration.jobs import daily_job, load_export_job, refresh_job, reruns_job, scenario_job
from revops_assets.settings import Settings
from revops_assets.untrusted.regular_files import shown
from revops_assets.warehouse import databases

# What a run was started for: a second one is not started while there is one, nor soon after it failed.
WORK_TAG = "revops/work"
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60, 3600
# A manifest that cannot be read may still be on its way for this long.
SETTLED_SECONDS = 60
DEPTH = 3
# While one of these runs, what is due is still changing.
BUILDING = {job.name for job in (daily_job, refresh_job, reruns_job, scenario_job)}

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNDER_WAY = [status for status in dg.DagsterRunStatus if status not in ENDED]
NEWEST_LOADS = "select tenant_id, max(load_seq) from crm_remote.changing_loads group by tenant_id"
WRITTEN = """
select tenant_id, min(known_as_of) from ops.table_ledger where dataset = any(:tables)
group by tenant_id having count(*) = :count
"""


def next_attempt(instance: dg.DagsterInstance, work: str) -> str | dg.SkipReason:
    """The run key of the next run for a piece of work; or why it has to wait: one is under way, or failed just now."""
    records = instance.get_run_records(dg.RunsFilter(tags={WORK_TAG: work}), limit=50)
    for record in records:
        if record.dagster_run.status not in ENDED:
            return dg.SkipReason(f"{work}: run {record.dagster_run.run_id} is under way")
    if records:
        pause = min(PAUSE_SECONDS * 2 ** (len(records) - 1), LONGEST_PAUSE_SECONDS)
        ended = max(record.end_time or 0 for record in records)
        if (left := ended + pause - time.time()) > 0:
            return dg.SkipReason(f"{work}: the last run did not do it; the next in {left:.0f} s")
    return f"{work}:{len(records)}"


def exports_due(settings: Settings) -> tuple[dict[str, Path], list[str]]:
    """Complete exports of the landing zone, neither loaded nor quarantined, by hash; and what is on its way."""
    known = known_exports(settings)
    due: dict[str, Path] = {}
    waiting: list[str] = []
    paths = [path for depth in range(1, DEPTH + 1) for path in settings.landing.glob("*/" * depth + manifest.NAME)]
    for folder in sorted(path.parent for path in paths):
        try:
            found = landed(settings, folder)
        except RevopsError as error:
            if _may_be_written_to(folder / manifest.NAME):
                waiting.append(str(error))
            elif ("default", sha256 := unreadable_id(folder)) not in known:
                due.setdefault(sha256, Path(shown(folder)))
            continue
        if (found.tenant, found.sha256) in known:
            continue
        if missing := found.missing(folder):
            waiting.append(f"{folder}: {', '.join(missing)} not there yet")
        else:
            due.setdefault(found.sha256, folder)
    return due, waiting


def _may_be_written_to(path: Path) -> bool:
    """Whether a manifest that cannot be read may still be on its way, or is already gone again."""
    try:
        found = path.lstat()
    except OSError:
        return True
    return stat.S_ISREG(found.st_mode) and abs(time.time() - found.st_mtime) < SETTLED_SECONDS


def tables_due(connection: sa.Connection) -> tuple[int, tuple[str, ...] | None] | None:
    """The newest load that what is built by full refresh has not seen, and of which tenants; None for all of them."""
    newest = {tenant: seq for tenant, seq in connection.execute(sa.text(NEWEST_LOADS))}
    of_all = newest.pop(None, -1)
    given = {"tables": sorted(FULL_REFRESHES), "count": len(FULL_REFRESHES)}
    written = {tenant: seq for tenant, seq in connection.execute(sa.text(WRITTEN), given)}
    stale = tuple(sorted(tenant for tenant, seq in newest.items() if seq > written.get(tenant, -1)))
    if newest and of_all > min((written.get(tenant, -1) for tenant in newest), default=-1):
        return max(of_all, *newest.values()), None
    return (max(newest[tenant] for tenant in stale), stale) if stale else None


def sensors(settings: Settings) -> Sequence[dg.SensorDefinition]:
    """All sensors; they run from the start where REVOPS_AUTOMATION is on."""
    status = dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name="landing_zone",
        job=load_export_job,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=status,
        description="Loads every complete export of the landing zone, once. One that is on its way is waited for; one"
        " that cannot be loaded is quarantined (crm.exports).",
    )
    def landing_zone(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        due, waiting = exports_due(settings)
        requests = []
        for sha256, folder in due.items():
            work = f"load-{sha256}"
            key = next_attempt(context.instance, work)
            if isinstance(key, dg.SkipReason):
                waiting.append(key.skip_message or work)
                continue
            config = dg.RunConfig({"load_landed_export": {"config": {"directory": str(folder)}}})
            tags = {WORK_TAG: work, ENV_TAG: settings.env, PRIORITY_TAG: "2"}
            requests.append(dg.RunRequest(key, config, tags))
        return dg.SensorResult(requests, skip_reason=None if requests else "; ".join(waiting) or "nothing new")

    @dg.sensor(
        name="crm_loads",
        jobs=[refresh_job, reruns_job],
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=status,
        description="After a load, by whatever tool: full refreshes, then exactly the days that its changes matter to"
        " (ops.stale_partitions), for its tenant only, a run for each span of days.",
    )
    def crm_loads(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        running = context.instance.get_run_records(dg.RunsFilter(statuses=UNDER_WAY), limit=500)
        for record in running:
            if record.dagster_run.job_name in BUILDING:
                return dg.SensorResult(skip_reason=f"run {record.dagster_run.run_id} is under way")
        with databases.engine(settings, "warehouse").begin() as connection:
            stale = tables_due(connection)
        tags = {ENV_TAG: settings.env, PRIORITY_TAG: "1"}
        refreshed: tuple[str, ...] = ()
        waits = ""
        if stale:
            seq, tenants = stale
            work = {WORK_TAG: f"refresh-{seq}", **({TENANTS_TAG: ",".join(tenants)} if tenants is not None else {})}
            key = next_attempt(context.instance, work[WORK_TAG])
            if not isinstance(key, dg.SkipReason):
                return dg.SensorResult([dg.RunRequest(key, job_name=refresh_job.name, tags=tags | work)])
            if tenants is None:
                return dg.SensorResult(skip_reason=key)
            # What failed for these tenants is tried again later; meanwhile the others' days are built.
            refreshed, waits = tenants, key.skip_message or ""
        with databases.engine(settings, "warehouse").begin() as connection:
            mark_running_days(connection, settings.first_day)
            runs = plan(connection, partition_ends(), but_not=refreshed)
        if not runs:
            return dg.SensorResult(skip_reason=waits or "every load has been seen, no day is stale")
        tags[WORK_TAG] = f"reruns-{max(run.newest_request for run in runs)}"
        key = next_attempt(context.instance, tags[WORK_TAG])
        if isinstance(key, dg.SkipReason):
            return dg.SensorResult(skip_reason=key)
        return dg.SensorResult(
            [
                dg.RunRequest(
                    f"{key}:{n}",
                    job_name=reruns_job.name,
                    tags={**tags, **run.tags()},
                    asset_selection=[asset_key(name) for name in sorted(run.datasets)],
                )
                for n, run in enumerate(runs)
            ]
        )

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=status,
        minimum_interval_seconds=settings.sensor_seconds,
        description="Writes every failed run, and what failed in it, to ops.alerts; sends it out by REVOPS_ALERT_URLS.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        alert = Alert(run.run_id, run.job_name, "run failed", _why(context))
        raise_alerts(settings, [alert, *_failed_checks(context)])

    @dg.run_status_sensor(
        dg.DagsterRunStatus.SUCCESS,
        name="failed_checks",
        default_status=status,
        minimum_interval_seconds=settings.sensor_seconds,
        description="Writes failed checks of severity error to ops.alerts; sends them out by REVOPS_ALERT_URLS.",
    )
    def failed_checks(context: dg.RunStatusSensorContext) -> None:
        if alerts := _failed_checks(context):
            raise_alerts(settings, alerts)

    return [landing_zone, crm_loads, failed_runs, failed_checks]


def _why(context: dg.RunFailureSensorContext) -> str:
    """The first line of what each failed step said, else of what the run did."""
    told = []
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error and error.cause:
            error = error.cause
        told.append(f"step {event.step_key}: {on_one_line(error.message) if error else 'failed'}")
    return "; ".join(told) or " ".join((context.failure_event.message or "the run failed").split())


def _failed_checks(context: dg.RunStatusSensorContext) -> list[Alert]:
    """An alert for each check of severity error that failed in the run."""
    records = context.instance.all_logs(context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    alerts = []
    for record in records:
        event = record.dagster_event
        if event is None:
            continue
        found = event.asset_check_evaluation_data
        if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR:
            subject = f"{'.'.join(found.asset_key.path)}: {found.check_name}"
            told, rows = found.metadata.get("told"), found.metadata.get("offending_rows")
            message = f"{rows.value if rows else 'some'} offending rows; the check's page shows them"
            if told:
                message = str(told.value)
            alerts.append(Alert(context.dagster_run.run_id, subject, "check failed", message))
    return alerts

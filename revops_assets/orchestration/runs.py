"""Running a job in this process, on the installation's Dagster instance, so that the UI shows the run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import dagster as dg

from revops_assets.assets.spec import asset_key
from revops_assets.datasets.dated_reference import take_over_files
from revops_assets.datasets.partitions import partition_ends, range_tags
from revops_assets.errors import Interrupted, RevopsError, on_one_line
from revops_assets.invalidation.current import Request
from revops_assets.invalidation.plan import Rerun, plan
from revops_assets.invalidation.run_tags import ENV_TAG, KNOWN_AS_OF_TAG, TENANTS_TAG
from revops_assets.loading.progress import Tell, silent
from revops_assets.orchestration.jobs import SOURCE_GROUPS
from revops_assets.settings import Env, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.dagster_storage import COMMANDS, dagster_home
from revops_assets.warehouse.databases import driver_connection


@dataclass
class RunResult:
    """What a run made and checked: rows per asset, and for each check its result.

    `done_before`: nothing ran, as this run had done the same before.
    """

    run_id: str
    env: str
    done_before: bool = False
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed_checks(self) -> list[dict[str, Any]]:
        """Checks that failed as errors."""
        return [check for check in self.checks if not check["passed"] and check["severity"] == "ERROR"]


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The installation's Dagster instance."""
    home = str(dagster_home(settings))
    os.environ["DAGSTER_HOME"] = home
    with dg.DagsterInstance.from_config(home, COMMANDS) as instance:
        # A run writes some hundred events; without a pool each of them opens a connection of its own.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)
        yield instance


# What dashboards show, and all that it is built from.
DASHBOARDS = "+group:ai or group:metrics or +group:semantic or +group:analytics"


def run_job(
    settings: Settings, job_name: str, env: Env, instance: dg.DagsterInstance, tell: Tell = silent
) -> RunResult:
    """Run a whole job now; an error says which step failed and why."""
    from revops_assets.definitions import defs

    return _run(defs.resolve_job_def(job_name), f"job {job_name}", env, instance, {}, None, tell)


def run_assets(
    settings: Settings,
    selection: str,
    days: tuple[date, date] | None,
    instance: dg.DagsterInstance,
    known_as_of: int | None = None,
    tenants: Sequence[str] = (),
    tell: Tell = silent,
    skip_current: bool = False,
) -> RunResult:
    """Run the assets of a selection (Dagster's syntax) now, the daily ones for a range of days, as one run.

    Loaded tables and generated exports are sources: they are never part of it. With known_as_of everything upstream is
    built too. With skip_current nothing runs where the same was done before of the same records, reference data, SQL
    and settings. RevopsError if nothing is selected, if daily assets lack their days, or if a step fails.
    """
    from revops_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    try:
        with warnings.catch_warnings():  # Dagster's own use of what it calls beta is no user's business
            warnings.simplefilter("ignore", dg.BetaWarning)
            picked = dg.AssetSelection.from_string(selection)
            # Reading as known earlier only means something where everything below is read so, too.
            chosen = (picked if known_as_of is None else picked.upstream()).resolve(graph)
    except dg.DagsterError as error:
        raise RevopsError(f"--select {selection}: {' '.join(str(error).split())}") from None
    chosen = {key for key in chosen if key.path[0] not in SOURCE_GROUPS and graph.get(key).is_executable}
    if not chosen:
        raise RevopsError(f"--select {selection} selects no assets that can be built")
    daily = {key for key in chosen if graph.get(key).is_partitioned}
    if daily and days is None:
        raise RevopsError(
            f"{min('.'.join(key.path) for key in daily)} is built by the day: add --partition D, or --from A --to B"
        )
    request = None
    if skip_current:
        if days is None or known_as_of is not None or tenants:
            raise RevopsError("what is current is known of days, of every tenant, by all that is known: ask for that")
        with databases.engine(settings, "warehouse").begin() as connection:
            take_over_files(driver_connection(connection), settings)
            request = Request(connection, settings, [".".join(key.path) for key in chosen], *days)
            if run_id := request.done_by(connection):
                return RunResult(run_id, settings.env, done_before=True)
    tags: dict[str, str] = {}
    if days and daily:
        tags.update(range_tags(*days))
    if known_as_of is not None:
        tags[KNOWN_AS_OF_TAG] = str(known_as_of)
    if tenants:
        tags[TENANTS_TAG] = ",".join(tenants)
    job = defs.resolve_implicit_global_asset_job_def()
    result = _run(job, "materialize", settings.env, instance, tags, list(chosen), tell)
    if request and not result.failed_checks:
        with databases.engine(settings, "warehouse").begin() as connection:
            request.note(connection, result.run_id)
    return result


def run_stale(settings: Settings, instance: dg.DagsterInstance, tell: Tell = silent) -> list[RunResult]:
    """Build what loads since then have made stale, as the sensor does: full refreshes, then the days of
    ops.stale_partitions, a run for each span of days, earliest first.

    Until nothing is stale any more: what changes on the way may ask for days after it.
    """
    results = refresh_after_loads(settings, instance, tell)
    while runs := planned(settings):
        results.append(run_planned(settings, runs[0], instance, tell))
    return results


def refresh_after_loads(settings: Settings, instance: dg.DagsterInstance, tell: Tell = silent) -> list[RunResult]:
    """Build what is built by full refresh, of the tenants whose newest load it has not seen."""
    from revops_assets.definitions import defs
    from revops_assets.orchestration.sensors import tables_due

    with databases.engine(settings, "warehouse").begin() as connection:
        due = tables_due(connection)
    if due is None:
        return []
    tags = {TENANTS_TAG: ",".join(due[1])} if due[1] is not None else {}
    return [_run(defs.resolve_job_def("refresh"), "refresh", settings.env, instance, tags, None, tell)]


def run_planned(settings: Settings, run: Rerun, instance: dg.DagsterInstance, tell: Tell = silent) -> RunResult:
    """Do one of these runs now."""
    from revops_assets.definitions import defs

    keys = [asset_key(name) for name in sorted(run.datasets)]
    job = defs.resolve_implicit_global_asset_job_def()
    return _run(job, "reruns", settings.env, instance, run.tags(), keys, tell)


def planned(settings: Settings) -> list[Rerun]:
    """The runs that build what is stale."""
    with databases.engine(settings, "warehouse").begin() as connection:
        return plan(connection, partition_ends())


def _run(
    job: dg.JobDefinition,
    name: str,
    env: Env,
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    selection: list[dg.AssetKey] | None,
    tell: Tell,
) -> RunResult:
    run_id = str(uuid4())
    total = len(selection if selection is not None else job.asset_layer.selected_asset_keys)
    instance.add_event_listener(run_id, _teller(tell, total))
    outcome = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        run_config={
            "resources": {"warehouse": {"config": {"env": env}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        tags={ENV_TAG: env, **tags},
        asset_selection=selection,
        raise_on_error=False,
    )
    if not outcome.success:
        reason = _reason(outcome)
        if "DagsterExecutionInterruptedError" in reason:
            raise Interrupted
        raise RevopsError(f"{name} ({env}), run {outcome.run_id}: {reason}")
    result = RunResult(outcome.run_id, env)
    for event in outcome.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        result.assets[".".join(materialization.asset_key.path)] = {
            name: value.value
            for name, value in materialization.metadata.items()
            if name in ("dagster/row_count", "seconds")
        }
    for evaluation in outcome.get_asset_check_evaluations():
        result.checks.append(
            {
                "asset": ".".join(evaluation.asset_key.path),
                "check": evaluation.check_name,
                "passed": evaluation.passed,
                "severity": evaluation.severity.value,
                "offending_rows": evaluation.metadata["offending_rows"].value,
            }
        )
    return result


def _teller(tell: Tell, total: int) -> Callable[[dg.EventLogEntry], None]:
    """Tells of each dataset that a run has built."""
    built: set[str] = set()

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event and event.is_step_materialization:
            materialization = event.step_materialization_data.materialization
            table = ".".join(materialization.asset_key.path)
            built.add(table)
            rows = materialization.metadata.get("dagster/row_count")
            tell(table, int(rows.value) if rows else 0, len(built), total)  # type: ignore[arg-type]

    return listen


def _reason(outcome: dg.ExecuteInProcessResult) -> str:
    failures = [event for event in outcome.all_events if event.is_step_failure]
    if not failures:
        return "failed"
    error = failures[0].step_failure_data.error
    while error and error.cause:
        error = error.cause
    return f"step {failures[0].step_key}: {on_one_line(error.message) if error else 'failed'}"

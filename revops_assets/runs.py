"""Running a job in this process, on the installation's Dagster instance, so that the UI shows the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from revops_assets.errors import RevopsError
from revops_assets.resources import ENV_TAG
from revops_assets.settings import Env, Settings
from revops_assets.warehouse.dagster_storage import dagster_home


@dataclass
class RunResult:
    """What a run made and checked: rows per asset, and for each check its result."""

    run_id: str
    env: str
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed_checks(self) -> list[dict[str, Any]]:
        """Checks that failed as errors."""
        return [check for check in self.checks if not check["passed"] and check["severity"] == "ERROR"]


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The installation's Dagster instance."""
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        # A run writes some hundred events; without a pool each of them opens a connection of its own.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)
        yield instance


def run_job(settings: Settings, job_name: str, env: Env, instance: dg.DagsterInstance) -> RunResult:
    """Run a whole job now; an error says which step failed and why."""
    from revops_assets.definitions import defs

    outcome = defs.resolve_job_def(job_name).execute_in_process(
        instance=instance,
        run_config={
            "resources": {"warehouse": {"config": {"env": env}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        tags={ENV_TAG: env},
        raise_on_error=False,
    )
    if not outcome.success:
        raise RevopsError(f"job {job_name} ({env}), run {outcome.run_id}: {_reason(outcome)}")
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


def _reason(outcome: dg.ExecuteInProcessResult) -> str:
    failures = [event for event in outcome.all_events if event.is_step_failure]
    if not failures:
        return "failed"
    error = failures[0].step_failure_data.error
    while error and error.cause:
        error = error.cause
    return f"step {failures[0].step_key}: {' '.join(error.message.split()) if error else 'failed'}"

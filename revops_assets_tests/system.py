"""The running system for tests and benchmarks: `revops up` with a home of its own, and what can be asked of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from revops_assets.settings import PROJECT_ROOT
from revops_assets_tests.stored import STAMPS, stored
from revops_assets_tests.test_compose import free_port, wait_for

BIN = Path(sys.executable).parent
TODAY = datetime.now(UTC).date()
FIRST = TODAY - timedelta(days=5)
RUNS = """
{ runsOrError(limit: 100) { ... on Runs { results {
    runId jobName status startTime endTime tags { key value } assetSelection { path }
} } } }
"""
BACKFILLS = "{ partitionBackfillsOrError(limit: 20) { ... on PartitionBackfills { results { id status } } } }"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


class System:
    """`revops up` with a home of its own."""

    def __init__(self, home: Path, first_day: date = FIRST, sensor_seconds: int = 1) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_"))
        } | {
            "REVOPS_HOME": str(home),
            "REVOPS_FIRST_DAY": str(first_day),
            "REVOPS_SENSOR_SECONDS": str(sensor_seconds),
            "REVOPS_AUTOMATION": "on",
        }
        self.log = (home / "up.log").open("w")
        self.process: subprocess.Popen[str] | None = None
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(BIN / "revops"), "up", "--port", str(self.port), "--pages-port", str(free_port())],
            env=self.environment, cwd=PROJECT_ROOT, stdout=self.log, stderr=self.log, text=True,
        )  # fmt: skip
        wait_for("the UI", lambda: "Dagster UI" in (self.home / "up.log").read_text(), 120)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def revops(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(BIN / "revops"), *arguments], env=self.environment, capture_output=True, text=True, cwd=PROJECT_ROOT
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def query(self, statement: str, database: str = "warehouse") -> list[tuple[Any, ...]]:
        if database not in self.urls:  # the embedded server's address stays
            self.urls[database] = self.revops("db", "url", "--database", database)
        connection = psycopg2.connect(self.urls[database])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def launch(self, job: str, **tags: str) -> str:
        """Launch a job as the UI does; returns the run's id."""
        given = ", ".join(f'{{key: "dagster/{key}", value: "{value}"}}' for key, value in tags.items())
        done = self.graphql(
            'mutation { launchRun(executionParams: {selector: {repositoryLocationName: "revops_assets",'
            f' repositoryName: "__repository__", jobName: "{job}"}}, runConfigData: {{}}, executionMetadata: {{tags: [{given}]}}}})'
            " { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"
        )["launchRun"]
        assert done["__typename"] == "LaunchRunSuccess", done
        return str(done["run"]["runId"])

    def wait_for_runs(self, ids: Collection[str], seconds: float = 600) -> list[dict[str, Any]]:
        """Until these runs have ended; returns them."""

        def ended() -> list[dict[str, Any]]:
            found = [run for run in self.runs() if run["runId"] in ids]
            return found if len(found) == len(ids) and all(run["status"] in ENDED for run in found) else []

        found: list[dict[str, Any]] = wait_for("the runs", ended, seconds)
        return found

    def graphql(self, query: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first; none while Dagster does not answer."""
        try:
            found: list[dict[str, Any]] = self.graphql(RUNS)["runsOrError"]["results"]
        except (OSError, TypeError, KeyError):
            return []
        return [run for run in found if job in (None, run["jobName"])]

    def is_quiet(self) -> bool:
        """Nothing runs, nothing is due: every load has been seen, no day is stale."""
        try:
            runs, due = (
                self.runs(),
                self.query(
                    "select (select count(*) from ops.stale_partitions)"
                    " + (select count(*) from crm_remote.changing_loads as l where l.load_seq > coalesce("
                    "(select min(w.known_as_of) from ops.table_ledger as w where w.tenant_id = l.tenant_id), -1)"
                    " and l.tenant_id is not null)"
                ),
            )
        except psycopg2.Error:
            return False
        return bool(runs) and all(run["status"] in ENDED for run in runs) and due == [(0,)]

    def drop_next_day(self) -> str:
        """What the following day brings arrives in the landing zone, copied file by file; returns the day."""
        made = self.revops("scenario", "next-day", "--out", str(self.home / "company"))
        folder = Path(made.split(":")[0])
        target = self.home / "landing" / "globex" / folder.name
        shutil.copytree(folder, target)  # the manifest comes before some of the files that it lists
        return folder.name.removeprefix("day-")

    def wait_for_day(self, day: str, seconds: float = 240) -> float:
        """Until the dashboards know of a day's load and all is quiet; returns seconds."""
        started = time.monotonic()
        wait_for(f"the load of {day}", lambda: self.loads_of(day), seconds)
        wait_for(f"rows of {day}", self.is_quiet, seconds)
        return time.monotonic() - started

    def loads_of(self, day: str) -> bool:
        try:
            return bool(
                self.query(f"select 1 from crm_remote.loads where status = 'finished' and directory like '%day-{day}'")
            )
        except psycopg2.Error:
            return False

    def loads_of_any(self) -> bool:
        """Whether anything was loaded at all."""
        return self.query("select count(*) > 0 from crm_remote.loads where status = 'finished'") == [(True,)]

    def rows(self) -> dict[str, Any]:
        """A number for each dataset, tenant and day that its rows give, whatever their order."""
        found = stored(self.query, without=(*STAMPS, "known_as_of"))
        return {f"{table} {tenant} {day}": number for (table, tenant, day), number in found.items() if day >= FIRST}

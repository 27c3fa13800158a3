"""The running system as people use it: `revops up`, its UI in headless Chromium, exports dropped into the landing zone,
and processes killed in the middle. Pictures are left in test-output/.

Slow, so `make e2e` runs it, not `make test`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from revops_assets.look_back import DATASETS
from revops_assets.settings import PROJECT_ROOT
from revops_assets_tests.conftest import TEST_SERVER
from revops_assets_tests.test_compose import free_port, wait_for
from revops_assets_tests.test_time import STAMPS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(TEST_SERVER is not None, reason="has a server of its own; runs with the embedded one"),
    pytest.mark.timeout(900),
]

BIN = Path(sys.executable).parent
PICTURES = PROJECT_ROOT / "test-output"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_"))
        } | {
            "REVOPS_HOME": str(home),
            "REVOPS_FIRST_DAY": str(FIRST),
            "REVOPS_SENSOR_SECONDS": "1",
            "REVOPS_AUTOMATION": "on",
        }
        self.log = (home / "up.log").open("w")
        self.process: subprocess.Popen[str] | None = None
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(BIN / "revops"), "up", "--port", str(self.port)],
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
        """Nothing runs, nothing is due: every load has been seen, no day is asked for."""
        try:
            runs, due = (
                self.runs(),
                self.query(
                    "select (select count(*) from ops.rerun_requests)"
                    " + (select count(*) from crm_remote.changing_loads as l where l.load_seq > coalesce("
                    "(select min(w.known_as_of) from ops.tables_written as w where w.tenant_id = l.tenant_id), -1)"
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

    def rows(self) -> dict[str, Any]:
        """A number for each dataset, tenant and day that its rows give, whatever their order."""
        found = {}
        for table in sorted(DATASETS):
            columns = [
                name for (name,) in self.query(
                    f"select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
                ) if name not in (*STAMPS, "known_as_of")
            ]  # fmt: skip
            for tenant, day, digest in self.query(
                f"select tenant_id, snapshot_date, sum(hashtextextended(row({', '.join(columns)})::text, 0)::numeric)::text"
                f" from {table} where snapshot_date >= '{FIRST}' group by 1, 2"
            ):
                found[f"{table} {tenant} {day}"] = digest
        return found


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    home = Path(tempfile.mkdtemp(prefix="revops-e2e-"))
    system = System(home)
    try:
        system.start()
        yield system
    finally:
        system.stop()
        subprocess.run([str(BIN / "revops"), "db", "stop"], env=system.environment, capture_output=True)
        PICTURES.mkdir(exist_ok=True)
        for log in (home / "up.log", *(home / "logs").glob("*.log")):
            shutil.copy(log, PICTURES / log.name)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def page(system: System) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian package chromium)")
    PICTURES.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def launch(system: System, page: Any, path: str, button: str, partitions: str, picture: str) -> None:
    """Open a page, press its button, choose partitions in the dialog, launch, and wait for the backfill's end."""
    known = {backfill["id"] for backfill in system.graphql(BACKFILLS)["partitionBackfillsOrError"]["results"]}
    page.goto(f"http://127.0.0.1:{system.port}{path}")
    page.get_by_role("button", name=button).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="All", exact=True).click()
    if partitions != "All":
        dialog.get_by_role("textbox").first.fill(partitions)
        dialog.get_by_role("textbox").first.press("Enter")
    page.screenshot(path=PICTURES / f"{picture}-dialog.png")
    dialog.get_by_role("button", name="Launch backfill").click()

    def ended() -> Any:
        found = system.graphql(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return [b for b in found if b["id"] not in known and b["status"] not in ("REQUESTED", "FAILING", "CANCELING")]

    [backfill] = wait_for("the backfill", ended, 300)
    page.goto(f"http://127.0.0.1:{system.port}{path}")
    page.wait_for_timeout(4000)
    page.screenshot(path=PICTURES / f"{picture}.png")
    assert backfill["status"] == "COMPLETED_SUCCESS", system.runs()


def test_materialize_all_by_clicking(system: System, page: Any) -> None:
    launch(system, page, "/asset-groups", "Materialize all", "All", "1-materialize-all")
    wait_for("quiet", system.is_quiet, 240)
    assert all(run["status"] == "SUCCESS" for run in system.runs())
    found = system.query(
        "select count(distinct tenant_id), count(distinct snapshot_date) from dashboard.dashboard_kpis"
    )
    assert found == [(2, 6)]
    failed = system.query("select subject, message from ops.alerts")
    assert failed == []


def test_a_range_is_backfilled_from_the_dialog_as_one_run(system: System, page: Any) -> None:
    system.query("update dashboard.dashboard_kpis set closed_won_amount = -1")
    first, last = FIRST + timedelta(days=1), FIRST + timedelta(days=3)
    before = {run["runId"] for run in system.runs()}
    path = "/assets/dashboard/dashboard_kpis"
    launch(system, page, path, "Materialize", f"[{first}...{last}]", "2-range")
    [run] = [run for run in system.runs() if run["runId"] not in before]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["dagster/asset_partition_range_start"] == str(first)
    assert tags["dagster/asset_partition_range_end"] == str(last)
    built = "select distinct snapshot_date from dashboard.dashboard_kpis where closed_won_amount >= 0 order by 1"
    assert system.query(built) == [(first + timedelta(days=n),) for n in range(3)]
    launch(system, page, path, "Materialize", "All", "2-all")
    assert system.query("select count(*) from dashboard.dashboard_kpis where closed_won_amount < 0") == [(0,)]


def test_the_next_days_arrive_without_a_touch_whatever_is_killed(system: System, page: Any) -> None:
    """An undisturbed day; then the daemon, a run worker and PostgreSQL are killed in the middle of the next ones."""
    end = TODAY - timedelta(days=4)
    system.revops("scenario", "generate", "--out", str(system.home / "company"), "--tenant", "globex", "--seed", "7",
                  "--deals", "120", "--end-date", str(end))  # fmt: skip
    shutil.copytree(system.home / "company", system.home / "landing" / "globex" / "full")
    wait_for(
        "the new company", lambda: system.query("select 1 from crm_remote.loads where directory like '%/full'"), 120
    )
    wait_for("its days", system.is_quiet, 240)
    kpis = "select sum(hashtextextended(ai_forecast::text, 0)::numeric) from dashboard.dashboard_kpis where tenant_id = 'globex'"
    before = system.query(kpis)
    seconds = {}
    day = system.drop_next_day()
    seconds["undisturbed"] = system.wait_for_day(day)
    assert system.query(kpis) != before
    for killed, kill in (("daemon", kill_daemon), ("run worker", kill_worker), ("PostgreSQL", kill_postgres)):
        day = system.drop_next_day()
        wait_for("a run under way", lambda: [run for run in system.runs() if run["status"] == "STARTED"], 120)
        kill(system)
        seconds[killed] = system.wait_for_day(day, 400)
    print({name: round(value) for name, value in seconds.items()})
    wait_for("the loads", system.is_quiet)
    assert system.query(
        "select count(*) from crm_remote.loads where directory like '%/day-%' and status = 'finished'"
    ) == [(4,)]
    page.goto(f"http://127.0.0.1:{system.port}/runs")
    page.wait_for_timeout(3000)
    page.screenshot(path=PICTURES / "3-runs.png")
    # The same again, loaded once only: nothing happens.
    runs = len(system.runs())
    shutil.copytree(system.home / "company" / f"day-{day}", system.home / "landing" / "globex" / "again")
    time.sleep(8)
    assert len(system.runs()) == runs

    standing = system.rows()
    system.stop()
    system.process = None
    system.revops("db", "upgrade")  # starts PostgreSQL if it was stopped with the rest
    system.query(f"truncate {', '.join(DATASETS)}, ops.days_written, ops.rerun_requests")
    newest = max(date.fromisoformat(key.split()[-1]) for key in standing)
    system.revops("materialize", "--select", 'tag:"revops/built"="daily"', "--from", str(FIRST), "--to", str(newest))
    clean = system.rows()
    assert {key for key in clean if clean[key] != standing.get(key)} == set()
    assert standing.keys() == clean.keys()


def kill_daemon(system: System) -> None:
    [daemon] = [p for p in children(system) if "dagster-daemon" in " ".join(p.cmdline())]
    daemon.kill()


def kill_worker(system: System) -> None:
    """The process of the run that is under way."""

    def worker() -> int | None:
        for run in system.runs():
            if run["status"] == "STARTED":
                query = f'{{ logsForRun(runId: "{run["runId"]}") {{ ... on EventConnection {{ events {{ ... on EngineEvent {{ message }} }} }} }} }}'
                messages = [event.get("message", "") for event in system.graphql(query)["logsForRun"]["events"]]
                for message in messages:
                    if found := re.search(r"\(pid: (\d+)\)", message):
                        return int(found[1])
        return None

    os.kill(wait_for("a worker's process", worker), signal.SIGKILL)


def kill_postgres(system: System) -> None:
    pid = int((system.home / "pgdata" / "postmaster.pid").read_text().split()[0])
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # the others end by themselves when the first is gone
            process.kill()


def children(system: System) -> list[psutil.Process]:
    assert system.process
    return psutil.Process(system.process.pid).children(recursive=True)

"""The running system as people use it: `revops up`, its UI in headless Chromium, exports dropped into the landing zone,
and processes killed in the middle. Pictures are left in test-output/.

Slow, so `make e2e` runs it, not `make test`.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.settings import PROJECT_ROOT
from revops_assets_tests.conftest import TEST_SERVER
from revops_assets_tests.system import BACKFILLS, BIN, ENDED, FIRST, TODAY, System
from revops_assets_tests.test_compose import wait_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(TEST_SERVER is not None, reason="has a server of its own; runs with the embedded one"),
    pytest.mark.timeout(900),
]

PICTURES = PROJECT_ROOT / "test-output"
ROUNDS, SEED = int(os.environ.get("REVOPS_TEST_FAULTS", "4")), int(os.environ.get("REVOPS_TEST_SEED", "1"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


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


def test_the_daily_job_by_graphql(system: System) -> None:
    """What the schedule starts, for a day that was caught up: one run, the checks of the loads included."""
    ends = {"asset_partition_range_start": str(FIRST), "asset_partition_range_end": str(FIRST)}
    [run] = system.wait_for_runs({system.launch("daily", **ends)})
    assert run["status"] == "SUCCESS"
    query = f'{{ logsForRun(runId: "{run["runId"]}") {{ ... on EventConnection {{ events {{ __typename }} }} }} }}'
    found = [event["__typename"] for event in system.graphql(query)["logsForRun"]["events"]]
    assert found.count("MaterializationEvent") > 70 and found.count("AssetCheckEvaluationEvent") > 20
    wait_for("quiet", system.is_quiet, 240)


def test_a_run_whose_worker_dies_is_done_by_another(system: System) -> None:
    first = system.launch("daily", asset_partition_range_start=str(FIRST), asset_partition_range_end=str(TODAY))
    wait_for(
        "the run", lambda: [run for run in system.runs() if (run["runId"], run["status"]) == (first, "STARTED")], 60
    )
    time.sleep(4)  # some of its steps are done
    kill_worker(system)

    def retry() -> Any:
        return [
            run for run in system.runs()
            if run["status"] in ENDED and {"key": "dagster/parent_run_id", "value": first} in run["tags"]
        ]  # fmt: skip

    [second] = wait_for("another run", retry, 180)
    assert second["status"] == "SUCCESS"
    [status] = [run["status"] for run in system.runs() if run["runId"] == first]
    assert status == "FAILURE"
    alert = wait_for("the alert", lambda: system.query(f"select subject from ops.alerts where run_id = '{first}'"))
    assert alert == [("daily",)]
    wait_for("quiet", system.is_quiet, 240)


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
    system.revops("materialize", "--select", 'key:"dashboard/dashboard_kpis"', "--from", str(FIRST), "--to", str(TODAY))
    assert system.query("select count(*) from dashboard.dashboard_kpis where closed_won_amount < 0") == [(0,)]
    for path, name in (
        ("/runs", "3-runs"),
        ("/assets/dashboard/stage_velocity", "4-asset"),
        ("/automation", "5-automation"),
    ):
        page.goto(f"http://127.0.0.1:{system.port}{path}")
        page.wait_for_timeout(4000)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.mark.timeout(2400)
def test_the_next_days_arrive_without_a_touch_whatever_is_killed(system: System) -> None:
    """An undisturbed day; then the daemon, a run worker and PostgreSQL are killed in the middle of the next ones, and
    whatever the seed says at whatever moment of those after them."""
    end = TODAY - timedelta(days=4 + ROUNDS)
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
    for killed, kill, job in (
        ("daemon", kill_daemon, "load_export"), ("run worker", kill_worker, "reruns"), ("PostgreSQL", kill_postgres, "refresh"),
    ):  # fmt: skip
        day = system.drop_next_day()
        wait_for(
            f"{job} under way", lambda job=job: [run for run in system.runs(job) if run["status"] == "STARTED"], 120
        )
        kill(system)
        seconds[killed] = system.wait_for_day(day, 400)
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        victim, moment = chance.choice(sorted(VICTIMS)), chance.uniform(0, seconds["undisturbed"])
        day = system.drop_next_day()
        time.sleep(moment)
        VICTIMS[victim](system)
        seconds[f"{number + 1}. {victim} after {moment:.0f} s"] = system.wait_for_day(day, 400)
    print(f"seed {SEED}, {3 + ROUNDS} faults, seconds:", {name: round(value) for name, value in seconds.items()})
    wait_for("the loads", system.is_quiet)
    assert system.query(
        "select count(*) from crm_remote.loads where directory like '%/day-%' and status = 'finished'"
    ) == [(4 + ROUNDS,)]
    # The same again, loaded once only: nothing happens.
    runs = len(system.runs())
    shutil.copytree(system.home / "company" / f"day-{day}", system.home / "landing" / "globex" / "again")
    time.sleep(8)
    assert len(system.runs()) == runs

    standing = system.rows()
    system.stop()
    system.process = None
    system.revops("db", "upgrade")  # starts PostgreSQL if it was stopped with the rest
    system.query(f"truncate {', '.join(DAILY_DATASETS)}, ops.partition_ledger, ops.stale_partitions")
    newest = max(date.fromisoformat(key.split()[-1]) for key in standing)
    system.revops("materialize", "--select", 'tag:"revops/built"="daily"', "--from", str(FIRST), "--to", str(newest))
    clean = system.rows()
    # The rebuild has days between that nothing had asked for; whatever stood is as it has it.
    assert f"dashboard.dashboard_kpis globex {newest}" in standing
    assert {key for key in standing if standing[key] != clean.get(key)} == set()


def kill_daemon(system: System) -> None:
    kill_service(system, "dagster-daemon")


def kill_service(system: System, name: str) -> None:
    """The service and all that it started, run workers as well."""
    for process in children(system):
        with suppress(psutil.NoSuchProcess):
            if f"/{name} " in " ".join(process.cmdline()):
                for child in (process, *process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        child.kill()


def kill_worker(system: System) -> None:
    os.kill(wait_for("a worker's process", lambda: worker_of(system)), signal.SIGKILL)


def worker_of(system: System) -> int | None:
    """The process of the run that is under way, if one is."""
    for run in system.runs():
        if run["status"] == "STARTED":
            query = f'{{ logsForRun(runId: "{run["runId"]}") {{ ... on EventConnection {{ events {{ ... on EngineEvent {{ message }} }} }} }} }}'
            try:
                messages = [event.get("message", "") for event in system.graphql(query)["logsForRun"]["events"]]
            except OSError:  # the webserver answers 500 once for each connection that a killed PostgreSQL left it
                return None
            for message in messages:
                if found := re.search(r"\(pid: (\d+)\)", message):
                    return int(found[1])
    return None


def kill_worker_or_daemon(system: System) -> None:
    """The daemon where no run is under way, or the run ends at that moment."""
    worker = worker_of(system)
    if worker is None or not psutil.pid_exists(worker):
        kill_daemon(system)
    else:
        os.kill(worker, signal.SIGKILL)


def kill_postgres(system: System) -> None:
    pid = int((system.home / "pgdata" / "postmaster.pid").read_text().split()[0])
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # the others end by themselves when the first is gone
            process.kill()


VICTIMS = {
    "the daemon": kill_daemon,
    "the webserver": lambda system: kill_service(system, "dagster-webserver"),
    "the code server and its runs": lambda system: kill_service(system, "dagster"),
    "a run's worker or the daemon": kill_worker_or_daemon,
    "PostgreSQL": kill_postgres,
}


def children(system: System) -> list[psutil.Process]:
    assert system.process
    return psutil.Process(system.process.pid).children(recursive=True)

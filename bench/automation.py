"""`python -m bench.automation [--deals N] [--only-loads]`: the running system, with its webserver, daemon and sensors as `make up` runs them.

From a finished export to updated dashboard rows, beside the runs' own work; 30 days as one run beside 30 runs; what a nightly
run leaves in Dagster's storage, and what housekeeping leaves of it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from revops_assets_tests.system import BIN, TODAY, System

DAYS = 30
EVENTS = "select count(*), coalesce(sum(pg_column_size(e.*)), 0) from event_logs as e"
PURGE = (
    "import json, time; from revops_assets.settings import get_settings; from revops_assets.orchestration.housekeeping import purge_events;"
    " s = get_settings(); print(json.dumps(purge_events(s, time.time() + (s.event_days + 1) * 86400)[0]))"
)


def measure(system: System, deals: int, only_loads: bool) -> None:
    """All of it, printed line by line."""
    end = TODAY - timedelta(days=4)
    system.revops("scenario", "generate", "--out", str(system.home / "company"), "--tenant", "globex", "--deals", str(deals),
                  "--end-date", str(end))  # fmt: skip
    shutil.copytree(system.home / "company", system.home / "landing" / "globex" / "full")
    while not (system.loads_of_any() and system.is_quiet()):
        time.sleep(1)
    if not only_loads:
        backfills(system)
    loads(system)
    if not only_loads:
        housekeeping(system)


def backfills(system: System) -> None:
    """30 days at once and one by one, and what one of them leaves in Dagster's storage."""
    first = TODAY - timedelta(days=DAYS)

    def ends(start: object, last: object) -> dict[str, str]:
        return {"asset_partition_range_start": str(start), "asset_partition_range_end": str(last)}

    system.wait_for_runs(
        {system.launch("daily", **ends(first, TODAY - timedelta(days=1)))}
    )  # what lies before is filled in
    started = time.monotonic()
    system.wait_for_runs({system.launch("daily", **ends(first, TODAY - timedelta(days=1)))})
    one = time.monotonic() - started
    started = time.monotonic()
    system.wait_for_runs(
        {system.launch("daily", **ends(first + timedelta(days=n), first + timedelta(days=n))) for n in range(DAYS)},
        1800,
    )
    many = time.monotonic() - started
    print(
        f"{DAYS} days of the job daily through the queue: one run {one:.0f} s, {DAYS} runs {many:.0f} s: ratio {one / many:.2f}",
        flush=True,
    )

    before = system.query(EVENTS, "dagster")[0]
    night = TODAY - timedelta(days=1)
    system.wait_for_runs({system.launch("daily", **ends(night, night))})
    after = system.query(EVENTS, "dagster")[0]
    print(
        f"a nightly run leaves {after[0] - before[0]:,} events, {(after[1] - before[1]) / 1000:,.0f} kB of event rows",
        flush=True,
    )


def loads(system: System) -> None:
    """From a finished export to updated dashboards."""
    for _ in range(2):
        seen = {run["runId"] for run in system.runs()}
        day = system.drop_next_day()
        seconds = system.wait_for_day(day)
        new = [run for run in system.runs() if run["runId"] not in seen]
        work = sum(run["endTime"] - run["startTime"] for run in new)
        parts = ", ".join(f"{run['jobName']} {run['endTime'] - run['startTime']:.1f} s" for run in reversed(new))
        print(
            f"export of {day} to updated dashboards: {seconds:.1f} s, of which runs {work:.1f} s ({parts}): ratio {seconds / work:.1f}",
            flush=True,
        )


def housekeeping(system: System) -> None:
    """What stays of Dagster's events when all runs are old."""
    system.wait_for_runs({system.launch("housekeeping")})
    everything = system.query(EVENTS, "dagster")[0]
    removed = json.loads(
        subprocess.run(
            [sys.executable, "-c", PURGE], env=system.environment, capture_output=True, text=True, check=True
        ).stdout
    )
    kept = system.query(EVENTS, "dagster")[0]
    print(
        f"housekeeping, as if {everything[0]:,} events ({everything[1] / 1e6:.1f} MB) were all old: {kept[0]:,} ({kept[1] / 1e6:.1f} MB) stay,"
        f" the newest materialization of every partition; removed: {removed}"
    )


def main() -> None:
    """Start the system in a home of its own, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=500)
    parser.add_argument("--only-loads", action="store_true", help="leave the backfills and the storage out")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="revops-bench-"))
    system = System(home, TODAY - timedelta(days=DAYS + 5), sensor_seconds=5)
    try:
        system.start()
        measure(system, arguments.deals, arguments.only_loads)
    finally:
        system.stop()
        subprocess.run([str(BIN / "revops"), "db", "stop"], env=system.environment, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

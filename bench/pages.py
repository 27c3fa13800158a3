"""How long pages and endpoints take with many readers at once, beside the bare SQL of the same reads.

python -m bench.pages [--readers 50] [--requests 400] [--copies 33]

Of the warehouse as it stands: make demo first. --copies makes so many of each deal of the first company before, in every
dataset that has deals (its groups and reps stay as they are), for a size that would take long to load: once, as they
stay. First contentful paint is told where there is a Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from revops_assets.catalogue import CATALOGUE
from revops_assets.serving.pages.board import Board, query
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases


def spread(seconds: list[float]) -> str:
    """Median and 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20)
    return f"p50 {1000 * statistics.median(seconds):7.0f} ms   p95 {1000 * cuts[-1]:7.0f} ms"


def measured(ask: Callable[[], object], readers: int, requests: int) -> list[float]:
    """What each of many requests took, so many at a time."""

    def once(_: int) -> float:
        started = time.perf_counter()
        ask()
        return time.perf_counter() - started

    ask()
    with ThreadPoolExecutor(readers) as pool:
        return list(pool.map(once, range(requests)))


COPIED = {"opportunity_id", "activity_id"}


def enlarge(settings: Settings, tenant: str, copies: int) -> None:
    """Write copies of a company's deals beside them, with ids of their own."""
    with databases.engine(settings, "warehouse").begin() as connection:
        for table, dataset in CATALOGUE.items():
            if dataset.built == "view" or dataset.made_by != "select":
                continue
            if not COPIED & set(dataset.file.key):  # what has a row for each group or rep stays as it is
                continue
            columns = dataset.file.all_columns
            copied = [f"d.{name} || '/' || n" if name in COPIED else f"d.{name}" for name in columns]
            written = connection.execute(
                sa.text(
                    f"insert into {table} ({', '.join(columns)}) select {', '.join(copied)}"
                    f" from {table} as d cross join generate_series(2, :copies) as n where d.tenant_id = :tenant"
                ),
                {"copies": copies, "tenant": tenant},
            ).rowcount
            connection.execute(sa.text(f"analyze {table}"))
            print(f"{table}: {written:,} rows more", flush=True)


def first_paint(address: str, paths: dict[str, str], times: int = 9) -> None:
    """Print the median first contentful paint of each page, in a browser with an empty cache."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("no Chromium here: first contentful paint is not told")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, path in paths.items():
            if path.startswith("/api"):
                continue
            painted = []
            for _ in range(times):
                page = browser.new_context().new_page()
                page.goto(address + path)
                page.screenshot()  # a headless browser paints when it is asked to
                painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
                page.context.close()
            print(f"{name:28} first contentful paint {statistics.median(painted):5.0f} ms (median of {times})")
        browser.close()


def main() -> None:
    """Print a line for each page and endpoint."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--copies", type=int, default=1)
    given = parser.parse_args()
    settings = get_settings()
    board = Board(settings)
    asked, options = board.asked(None, None, {})
    if given.copies > 1:
        enlarge(settings, asked.tenant, given.copies)
    [(rows, deals)] = (
        databases.engine(settings, "warehouse")
        .connect()
        .execute(
            sa.text(
                "select count(*), (select count(distinct opportunity_id) from staging.deal_intervals) from staging.deal_days"
            )
        )
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "revops"), "serve", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def get(path: str) -> bytes:
        body: bytes = urllib.request.urlopen(address + path, timeout=120).read()
        return body

    try:
        while True:
            try:
                home = get("/pipeline").decode()
                break
            except OSError:
                time.sleep(0.2)
        deal = re.search(r'href="(/deal/[^"]+)"', home)
        print(
            f"{deals:,} deals, {len(options.days)} days, {rows:,} deal days; {given.readers} readers at once, {given.requests} requests each"
        )
        paths = {
            "/pipeline": "/pipeline", "/coaching": "/coaching", "/compare": "/compare",
            **({"/deal": deal[1].replace("&amp;", "&")} if deal else {}),
            "/api/datasets, KPIs": f"/api/datasets/dashboard.dashboard_kpis?tenant={asked.tenant}&team=All&limit=100",
        }  # fmt: skip
        for name, path in paths.items():
            print(f"{name:28} {spread(measured(lambda path=path: get(path), given.readers, given.requests))}")
        first_paint(address, paths)
        names = ("kpis", "history", "velocity", "health", "waterfall", "cohorts", "stuck")
        lock = threading.Semaphore(board.reading.engine.pool.size() + 10)  # type: ignore[attr-defined]

        def bare() -> None:
            with lock:
                for name in names:
                    board.rows(query(name), **asked.params)

        print(f"{'bare SQL of /pipeline':28} {spread(measured(bare, given.readers, given.requests))}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

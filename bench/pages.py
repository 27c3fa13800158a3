"""How long pages and endpoints take with many readers at once, beside the bare SQL of the same reads.

python -m bench.pages [--readers 50] [--requests 400]      of the warehouse as it stands: make demo first
"""

from __future__ import annotations

import argparse
import re
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

from revops_assets.serving.pages.board import Board, query
from revops_assets.settings import get_settings


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


def main() -> None:
    """Print a line for each page and endpoint."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    settings = get_settings()
    board = Board(settings)
    asked, _ = board.asked(None, None, {})
    [(rows,)] = board.engine.connect().execute(sa.text("select count(*) from staging.deal_days")).all()
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
        print(f"{rows:,} deal days; {given.readers} readers at once, {given.requests} requests each")
        paths = {
            "/pipeline": "/pipeline", "/coaching": "/coaching", "/compare": "/compare",
            **({"/deal": deal[1].replace("&amp;", "&")} if deal else {}),
            "/api/datasets, KPIs": f"/api/datasets/dashboard.dashboard_kpis?tenant={asked.tenant}&team=All&limit=100",
        }  # fmt: skip
        for name, path in paths.items():
            print(f"{name:28} {spread(measured(lambda path=path: get(path), given.readers, given.requests))}")
        names = ("kpis", "history", "velocity", "health", "waterfall", "cohorts", "stuck")
        lock = threading.Semaphore(board.engine.pool.size() + 10)  # type: ignore[attr-defined]

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

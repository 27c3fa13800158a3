"""`python -m bench.isolation [--times 40] [--days 7]`: what row-level security costs, on the warehouse as it stands (make demo first).

The reads of /pipeline as the API makes them, a scan of a made-up table, and days built anew by a login that is a member of
revops_transformer: each with row-level security and without, in turns. Beside the scan: a policy that asks for the companies
row by row.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from revops_assets.serving.pages.board import Asked, Board, query
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import roles

PAGE = ("kpis", "history", "velocity", "health", "waterfall", "cohorts", "stuck")
ROWS = 300_000
MADE_UP = f"""
create table staging.made_up as
select 't' || mod(n, 3) as tenant_id, n as amount from generate_series(1, {ROWS}) as n;
analyze staging.made_up
"""
LOGIN = "revops_bench_builder"
LAYERS = "group:reference or group:staging or group:enriched or group:analytics or group:dashboard or group:ai"
BY_ROW = "alter policy readers on staging.made_up using (tenant_id = any(ops.tenants_read()))"
SCAN = "select count(*), sum(amount) from staging.made_up where tenant_id = :tenant"


@contextmanager
def unguarded(settings: Settings) -> Iterator[None]:
    """Without row-level security, for a while."""
    with databases.engine(settings, "warehouse").connect() as connection:
        tables = connection.scalars(sa.text("select distinct polrelid::regclass::text from pg_policy")).all()

    def switch(how: str) -> None:
        with databases.engine(settings, "warehouse").begin() as connection:
            for table in tables:
                connection.exec_driver_sql(f"alter table {table} {how} row level security")

    switch("disable")
    try:
        yield
    finally:
        switch("enable")


def seconds(do: Callable[[], object]) -> float:
    """What it takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def beside(settings: Settings, what: str, do: Callable[[], object], times: int, rounds: int) -> None:
    """Print medians with and without, taken in turns; of few, the shortest: what else runs here makes them longer."""
    with_it, without = [], []
    do()
    for _ in range(rounds):
        with_it += [seconds(do) for _ in range(times)]
        with unguarded(settings):
            do()
            without += [seconds(do) for _ in range(times)]
    middle = statistics.median if times > 1 else min
    a, b = (1000 * middle(taken) for taken in (with_it, without))
    print(f"{what}: {a:.1f} ms with row-level security, {b:.1f} ms without: ratio {a / b:.2f}", flush=True)


def reads(settings: Settings, times: int) -> Asked:
    """The page's reads, and a scan by both kinds of policy."""
    board = Board(settings)
    asked, _ = board.asked(None, None, {})
    beside(settings, "reads of /pipeline", lambda: [board.rows(query(name), **asked.params) for name in PAGE], times, 3)
    owner, names = databases.engine(settings, "warehouse"), roles(settings).names
    with owner.begin() as connection:
        connection.exec_driver_sql(MADE_UP)
        connection.exec_driver_sql(f"grant select on staging.made_up to {names['web']}")
        connection.execute(sa.text("select ops.isolate_tenants(:transformer, :admin, :reader)"), names)
    try:
        scan = lambda: board.rows(SCAN, tenant="t1")  # noqa: E731
        beside(settings, f"a scan of {ROWS:,} rows", scan, times // 4, 3)
        with owner.begin() as connection:
            connection.exec_driver_sql(BY_ROW)
        beside(settings, "the same, asked row by row", scan, 1, 3)
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("drop table staging.made_up")
    return asked


def builds(settings: Settings, asked: Asked, days: int) -> None:
    """Days of every daily dataset, written by a login that row-level security holds for."""
    from revops_assets_tests.building import materialize

    with databases.engine(settings, "warehouse").begin() as connection:
        connection.exec_driver_sql(f"create role {LOGIN} login password 'b' in role {roles(settings).transformer}")
    url = databases.server_url(settings).set(drivername="postgresql", username=LOGIN, password="b")
    os.environ["REVOPS_DATABASE_URL"] = url.render_as_string(hide_password=False)
    get_settings.cache_clear()
    try:
        first = asked.day - timedelta(days=days - 1)
        build = lambda: materialize(get_settings(), LAYERS, str(first), str(asked.day))  # noqa: E731
        beside(settings, f"{days} days built by a transformer", build, 1, 4)
    finally:
        databases.engine(get_settings(), "warehouse").dispose()
        with databases.engine(settings, "warehouse").begin() as connection:
            connection.exec_driver_sql(f"drop role {LOGIN}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--days", type=int, default=7)
    given = parser.parse_args()
    settings = get_settings()
    builds(settings, reads(settings, given.times), given.days)


if __name__ == "__main__":
    main()

"""`python -m bench.days [--deals N] [--days N] [--singles N] [--keep DIR]`: a range of days, beside what it could cost.

Every daily dataset over a range that ends with the company's end, as one Dagster run; beside it the same graph with every
statement replaced by `select 1` (Dagster's own floor), the same statements without Dagster for the range and for a loop of
its days, and single-day runs (some of them, scaled up). With --keep, databases that lie in DIR already are used again.
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from bench.run import settle
from bench.scale import apart, loaded
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases, embedded

DEFAULT_DEALS = 500
LAYERS = ("reference", "staging", "enriched", "analytics", "dashboard", "ai")
EVERYTHING = " or ".join(f"group:{layer}" for layer in LAYERS)
END = date(2026, 3, 31)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, default=DEFAULT_DEALS)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--singles", type=int, default=20, help="single-day runs to time; 0: none, and no loop of days")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="revops-days-"))
    os.environ.update(REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="UTC")
    os.environ.pop("REVOPS_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        measure(get_settings(), folder, options.deals, options.days, options.singles)
    finally:
        if not options.keep:
            embedded.stop(folder / "home")
            shutil.rmtree(folder)


def measure(settings: Settings, folder: Path, deals: int, days: int, singles: int) -> None:
    """Every step, in order."""
    from revops_assets.orchestration.runs import dagster_instance, run_assets
    from revops_assets.warehouse.upgrade import upgrade

    upgrade(settings)
    if not loaded(settings, "big"):
        export = folder / "export"
        apart(f"generate {deals:,} deals", "scenario", "generate", "--out", export, "--deals", deals, "--end-date", END)
        apart("load", "load", export, "--mapping", "salesforce", "--tenant", "big")
    start, end = END - timedelta(days=days - 1), END
    with dagster_instance(settings) as instance:
        whole = f"({EVERYTHING}) and not tag:revops/built=daily"
        seconds = clock(lambda: run_assets(settings, whole, None, instance))
        print(f"what lies below the days (visits, intervals, moves ...), one run: {seconds:.1f} s")
        settle(settings)
        sql_range = clock(lambda: statements(settings, [(start, end)]))
        rows, size = daily_rows(settings), daily_bytes(settings)
        print(
            f"{rows:,} rows in {days} days of {len(order())} daily datasets and the days they look back on, {size / 1e6:,.0f} MB"
        )
        print(f"statements alone, the range: {sql_range:.1f} s = {rows / sql_range:,.0f} rows/s")
        if singles:
            each = [(start + timedelta(days=n), start + timedelta(days=n)) for n in range(days)]
            sql_loop = clock(lambda: statements(settings, each))
            ratio("statements alone, range beside a loop of its days", sql_range, sql_loop)
        empty(settings)
        floor = clock(lambda: select_one(settings, start, end, instance))
        print(f"Dagster's floor, the graph with `select 1`: {floor:.1f} s")
        ours = clock(
            lambda: run_assets(
                settings,
                EVERYTHING,
                (start, end),
                instance,
            )
        )
        allowed = floor + 1.5 * (sql_range + seconds)
        print(f"one range run of everything: {ours:.1f} s, beside {allowed:.1f} s = the floor + 1.5 x the statements")
        print(
            f"    peak memory of the run's process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
        )
        if singles:
            picked = [end - timedelta(days=n) for n in range(singles)]
            one = clock(
                lambda: [
                    run_assets(
                        settings,
                        EVERYTHING,
                        (day, day),
                        instance,
                    )
                    for day in picked
                ]
            )
            ratio(f"one range run beside {days} single-day runs ({singles} timed, scaled)", ours, one / singles * days)


def ratio(what: str, ours: float, other: float) -> None:
    """Two times and what the first is of the second."""
    print(f"{what}: {ours:.1f} s / {other:.1f} s = {ours / other:.3f}", flush=True)


def clock(run: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.monotonic()
    run()
    return time.monotonic() - started


def order() -> list[str]:
    """Daily datasets, what is read before what reads it."""
    from revops_assets.catalogue import DAILY_DATASETS
    from revops_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    return [
        name
        for level in graph.toposorted_asset_keys_by_level
        for name in sorted(".".join(key.path) for key in level)
        if name in DAILY_DATASETS and DAILY_DATASETS[name].is_behind_history
    ]


def statements(settings: Settings, spans: Sequence[tuple[date, date]]) -> None:
    """What the daily assets execute, without Dagster: span by span, dataset by dataset, a month a transaction."""
    from revops_assets.building.daily import windows
    from revops_assets.datasets.ledger import note_days, prepare_days
    from revops_assets.datasets.replace import replace_window
    from revops_assets.datasets.window import all_tenants, read_at
    from revops_assets.insights.answers import answers_of_model
    from revops_assets.invalidation.look_back import days_to_fill
    from revops_assets.warehouse.resource import Warehouse
    from revops_assets.warehouse.sql_files import dataset_files

    empty(settings)
    names = order()
    engine = databases.engine(settings, "warehouse")
    for start, end in spans:
        for name in names:
            file = dataset_files()[name]
            with engine.begin() as connection:
                at = read_at(connection, None)
                tenants = all_tenants(connection)
                missing = days_to_fill(connection, name, names, start, end, at, None, {})
            for window in windows(missing, start, end, tenants):
                with engine.begin() as connection:
                    prepare_days(connection, name, at, window)
                    if name == "ai.rep_coaching_insights":
                        answers_of_model(connection, window, Warehouse())
                    replace_window(connection, file, at, window)
                    note_days(connection, file, at, window)
            with engine.begin() as connection:
                connection.execute(sa.text(f"analyze {name}"))


def select_one(settings: Settings, start: date, end: date, instance: dg.DagsterInstance) -> None:
    """The same assets, dependencies and partitions; each asset's statement is `select 1`."""

    from revops_assets.datasets.partitions import DAILY, range_tags
    from revops_assets.definitions import defs
    from revops_assets.warehouse.resource import Warehouse

    graph = defs.resolve_asset_graph()

    def stand_in(key: dg.AssetKey) -> dg.AssetsDefinition:
        node = graph.get(key)

        @dg.multi_asset(
            name="__".join(key.path),
            specs=[dg.AssetSpec(key, deps=node.parent_keys)],
            partitions_def=DAILY if node.is_partitioned else None,
            backfill_policy=dg.BackfillPolicy.single_run() if node.is_partitioned else None,
        )
        def run(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
            with warehouse.transaction() as connection:
                connection.execute(sa.text("select 1"))
            return dg.MaterializeResult()

        return run

    keys = [node.key for node in graph.asset_nodes if node.key.path[0] in LAYERS]
    floor = dg.Definitions(
        assets=[stand_in(key) for key in keys], resources={"warehouse": Warehouse()}, executor=dg.in_process_executor
    )
    tags = range_tags(start, end)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    assert (
        floor.resolve_implicit_global_asset_job_def()
        .execute_in_process(instance=instance, tags=tags, run_config=quiet)
        .success
    )


def empty(settings: Settings) -> None:
    """Forget every daily row."""
    with databases.engine(settings, "warehouse").begin() as connection:
        connection.execute(sa.text(f"truncate {', '.join(order())}, ops.partition_ledger, ops.stale_partitions"))


def daily_rows(settings: Settings) -> int:
    """Rows in all daily tables."""
    with databases.engine(settings, "warehouse").begin() as connection:
        return sum(connection.scalar(sa.text(f"select count(*) from {name}")) or 0 for name in order())


def daily_bytes(settings: Settings) -> int:
    """Bytes of all daily tables with their indexes."""
    with databases.engine(settings, "warehouse").begin() as connection:
        return sum(connection.scalar(sa.text(f"select pg_total_relation_size('{name}')")) or 0 for name in order())


if __name__ == "__main__":
    main()

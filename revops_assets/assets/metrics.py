"""Daily metrics: tables that functions of the database compute straight from the CRM. The assets only call them."""

from collections.abc import Iterator, Set
from datetime import date, timedelta
from itertools import pairwise

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.made import Made
from revops_assets.assets.metadata import look
from revops_assets.assets.run import resolve_read_at, tenants_of_run
from revops_assets.assets.spec import OWNERS, about_run, asset_key, spec_of
from revops_assets.catalogue import CATALOGUE
from revops_assets.catalogue.metrics import DEPS, RUN_LOG, STALE_DAYS
from revops_assets.datasets.ledger import note_table
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.partitions import DAILY, checked_range
from revops_assets.datasets.window import ReadAt, Window, all_tenants, tell_known_time
from revops_assets.invalidation.look_back import days_asked
from revops_assets.invalidation.run_tags import ALSO_TAG
from revops_assets.invalidation.unwritten import root_of, write_apart
from revops_assets.warehouse.resource import POOL, Warehouse
from revops_assets.warehouse.sql_files import table_functions

# How ops.unwritten calls a part's day.
DAY = "snapshot_date"


def spans(days: set[date]) -> Iterator[tuple[date, date]]:
    """Days in a row, as first and last."""
    ordered = sorted(days)
    breaks = [n for n, (day, following) in enumerate(pairwise(ordered), 1) if following - day > timedelta(days=1)]
    for first, after in pairwise([0, *breaks, len(ordered)]) if ordered else ():
        yield ordered[first], ordered[after - 1]


def compute(warehouse: Warehouse, run_id: str, at: ReadAt, selected: Set[str], window: Window) -> None:
    """Compute a window of days, all tenants together or, where a tenant's rows break that, each by itself."""
    names = sorted(table.removeprefix("metrics.") for table in selected)
    functions = ["backfill_date_range"] if RUN_LOG in selected else [f"refresh_{name}" for name in names]

    def once(connection: sa.Connection, window: Window, alone: bool) -> None:
        tell_known_time(connection, at)
        for function in functions:
            for tenant in window.tenants or (None,):
                connection.execute(
                    sa.text(f"select metrics.{function}(cast(:first as date), cast(:last as date), :tenant)"),
                    {"first": window.start, "last": window.end - timedelta(days=1), "tenant": tenant},
                )

    def explain(connection: sa.Connection, window: Window) -> list[Offence]:
        tell_known_time(connection, at)
        [tenant] = window.tenants or ()
        given = {"first": window.start, "last": window.end - timedelta(days=1), "tenant": tenant, "names": names}
        connection.execute(
            sa.text("select metrics.begin_refresh(cast(:first as date), cast(:last as date), :tenant)"), given
        )
        connection.execute(sa.text("select metrics.read_for(cast(:names as text[]))"), given)
        return [
            offence
            for table in sorted(selected - {RUN_LOG})
            for offence in find_offences(
                connection, table_functions()[table], f"select * from {table}_rows()", at, Window(), None
            )
        ]

    for _ in write_apart(warehouse, run_id, sorted(selected), window, once, explain):
        pass


def compute_again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
    """Compute a tenant's days anew: all tables of a day are of one known time."""
    for first, last in spans(set(days or ())):
        window = Window(DAY, first, last + timedelta(days=1), (tenant,))
        compute(warehouse, run_id, at, DEPS.keys(), window)


@dg.multi_asset(
    name="daily_metrics",
    specs=[spec_of(CATALOGUE[table]) for table in DEPS],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    can_subset=True,
)
def daily_metrics(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """All of them for the run's days: atomically, and logged. Some of them: these tables only, without a log."""
    start, end = checked_range(context.partition_key_range.start, context.partition_key_range.end)
    selected = {".".join(key.path) for key in context.selected_asset_keys}
    if RUN_LOG in selected and (missing := DEPS.keys() - selected):
        raise dg.Failure(f"{RUN_LOG} tells of days that were run as a whole: select {', '.join(sorted(missing))}, too")
    with warehouse.transaction() as connection:  # of its own: what was read of the source is seen for the rest of it
        at = resolve_read_at(context, connection)
    tenants = tenants_of_run(context)
    riders = context.run.tags.get(ALSO_TAG)
    with warehouse.transaction() as connection:
        asked = days_asked(
            connection,
            tenants or all_tenants(connection),
            [date.fromisoformat(day) for day in riders.split(",")] if riders else [],
        )
    also = {day for table in selected for day in asked.get(table, ())}
    for first, last in (*spans(also), (start, end)):
        compute(warehouse, root_of(context.run), at, selected, Window(DAY, first, last + timedelta(days=1), tenants))
    with warehouse.transaction() as connection:
        results: list[dg.MaterializeResult] = []  # type: ignore[type-arg]
        for table in sorted(selected):
            key = asset_key(table)
            for day, count in connection.execute(
                sa.text(f"select metric_date, count(*) from {table} where metric_date between :a and :b group by 1"),
                {"a": start, "b": end},
            ):
                context.add_asset_metadata(
                    {"dagster/partition_row_count": count}, asset_key=key, partition_key=str(day)
                )
            rows = connection.scalar(
                sa.text(f"select count(*) from {table} where metric_date between :a and :b"), {"a": start, "b": end}
            )
            context.add_asset_metadata(
                look(connection, table_functions()[table]), asset_key=key, partition_key=str(end)
            )
            results.append(
                dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, **about_run(at, warehouse)})
            )
    for day in sorted(also):
        for table in sorted(selected):
            if DAILY.has_partition_key(str(day)):
                context.log_event(dg.AssetMaterialization(asset_key(table), partition=str(day)))
    yield from results


def ask_for_stale_days(warehouse: Warehouse, run_id: str, at: ReadAt, tenants: tuple[str, ...] | None) -> int:
    """Ask for the days that the newest loads changed; returns how many."""

    def once(connection: sa.Connection, window: Window, alone: bool) -> int:
        tell_known_time(connection, at)
        found = sum(
            connection.scalar(sa.text("select metrics.request_stale_days(:tenant)"), {"tenant": tenant}) or 0
            for tenant in window.tenants or (None,)
        )
        note_table(connection, STALE_DAYS, at, window.tenants or all_tenants(connection))
        return found

    return sum(found for _, found in write_apart(warehouse, run_id, [STALE_DAYS], Window(tenants=tenants), once))


def ask_again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
    """Ask for one tenant's stale days."""
    ask_for_stale_days(warehouse, run_id, at, (tenant,))


@dg.multi_asset(
    name="metrics__stale_days",
    specs=[
        dg.AssetSpec(
            asset_key(STALE_DAYS),
            deps=[asset_key(dep) for dep in CATALOGUE[STALE_DAYS].deps],
            group_name="metrics",
            owners=OWNERS,
            kinds={"postgres", "sql", "view"},
            tags={"revops/layer": "metrics", "revops/built": "whole"},
            description="Days of the daily metrics that stand, but read otherwise by what is known now: computed and"
            " compared after each load, and asked for."
            "\n\nOne row per tenant and day.",
            metadata={"dagster/table_name": STALE_DAYS},
        )
    ],
    pool=POOL,
)
def stale_days(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Ask for the days that the newest loads changed."""
    with warehouse.transaction() as connection:
        at = resolve_read_at(context, connection)
    found = ask_for_stale_days(warehouse, root_of(context.run), at, tenants_of_run(context))
    return dg.MaterializeResult(metadata={"dagster/row_count": found, **about_run(at, warehouse)})


MADE = [Made(daily_metrics, dict.fromkeys(DEPS, compute_again)), Made(stale_days, {STALE_DAYS: ask_again})]

"""Daily metrics: the assets only call functions of the database."""

from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.metadata import look
from revops_assets.assets.run import about_run, riders_of, run_of
from revops_assets.assets.spec import OWNERS, asset_key, spec_of
from revops_assets.building.daily_metrics import ask_for_stale_days, write_metrics
from revops_assets.catalogue import CATALOGUE
from revops_assets.catalogue.metrics import DEPS, RUN_LOG, STALE_DAYS
from revops_assets.datasets.partitions import DAILY, checked_range
from revops_assets.warehouse.resource import POOL, Warehouse
from revops_assets.warehouse.sql_files import table_functions


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
    run = run_of(context, warehouse)
    also = write_metrics(run, selected, start, end, riders_of(context))
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
                look(connection, table_functions()[table], end), asset_key=key, partition_key=str(end)
            )
            results.append(dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, **about_run(run)}))
    for day in also:
        for table in sorted(selected):
            if DAILY.has_partition_key(str(day)):
                context.log_event(dg.AssetMaterialization(asset_key(table), partition=str(day)))
    yield from results


@dg.multi_asset(
    name="metrics__stale_days",
    specs=[
        dg.AssetSpec(
            asset_key(STALE_DAYS),
            deps=[asset_key(dep) for dep in CATALOGUE[STALE_DAYS].deps],
            group_name="metrics",
            owners=OWNERS,
            kinds={"postgres", "sql", "view"},
            tags={"revops/layer": "metrics", "revops/built": "full_refresh"},
            description="Days of the daily metrics that stand, but read otherwise by what is known now: computed and"
            " compared after each load, and asked for."
            "\n\nGrain: tenant and day.",
            metadata={"dagster/table_name": STALE_DAYS},
        )
    ],
    pool=POOL,
)
def stale_days(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Ask for the days that the newest loads changed."""
    run = run_of(context, warehouse)
    found = ask_for_stale_days(run)
    return dg.MaterializeResult(metadata={"dagster/row_count": found, **about_run(run)})

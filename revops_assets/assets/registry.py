"""The business metrics registry in the graph: its definitions, brought from their YAML files, and whether they hold."""

import dagster as dg

from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.registry.profile import profile
from revops_assets.registry.sync import import_definitions
from revops_assets.registry.validate import validate
from revops_assets.warehouse.resource import POOL, Warehouse

TABLE = "semantic.metric_definitions"
PROFILES = "semantic.table_profiles"


@dg.multi_asset(
    name="semantic__metric_definitions",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            asset_key(TABLE),
            group_name="semantic",
            owners=OWNERS,
            kinds={"postgres", "yaml", "table"},
            description="One definition of each business metric, from the YAML files of REVOPS_METRICS_DIR (default:"
            " sql/semantic: the starter pack, recurring revenue, won revenue).\n\nGrain: metric.",
            metadata={"dagster/table_name": TABLE},
        )
    ],
)
def metric_definitions(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Import the folder; a broken file fails the step, after the others were imported."""
    folder = warehouse.settings.metrics_dir
    with warehouse.transaction() as connection:
        done = import_definitions(connection, folder)
        count = len(store.list_all(connection))
    context.log.info(f"{folder}: " + ", ".join(f"{len(ids)} {action}" for action, ids in done.actions.items()))
    if done.failures or not done.count:
        told = "; ".join(map(str, done.failures))
        raise RevopsError(f"{folder}: {done.count} metrics imported, {len(done.failures)} files not: {told or 'empty'}")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": count,
            "folder": str(folder),
            **{action: len(ids) for action, ids in done.actions.items()},
        }
    )


@dg.multi_asset(
    name="semantic__table_profiles",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            asset_key(PROFILES),
            deps=[asset_key(table) for table in (TABLE, "staging.deal_intervals", "staging.metric_input_days")],
            group_name="semantic",
            owners=OWNERS,
            kinds={"postgres", "table"},
            description="What stands in the tables that metrics may read: rows, nulls, distinct values, the least and"
            " the greatest, of each company as of its newest load; and which metrics read them.\n\nGrain: tenant, table"
            " and column.",
            metadata={"dagster/table_name": PROFILES},
        )
    ],
)
def table_profiles(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Look through the tables of every company; columns that nobody described get a description."""
    with warehouse.transaction() as connection:
        count = profile(connection, warehouse.settings)
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


@dg.asset_check(
    asset=asset_key(TABLE),
    name="definitions_hold",
    description="Every definition's tables, columns and dimensions exist, and its SQL is one SELECT that plans.",
    blocking=False,
)
def definitions_hold(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Validate what is in the registry, also what people wrote by hand."""
    with warehouse.transaction() as connection:
        metrics = [stored.metric for stored in store.list_all(connection)]
    faults = [str(fault) for fault in validate(warehouse.settings, metrics)]
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "checked": len(metrics),
            "offending_rows": len(faults),
            "faults": dg.MetadataValue.text("\n".join(faults)),
        },
    )

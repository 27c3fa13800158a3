"""Asset checks from the files under sql/checks: see datasets/checks.py."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.run import resolve_read_at
from revops_assets.assets.spec import asset_key
from revops_assets.building.again import WRITTEN_APART, write_again
from revops_assets.building.run import Run
from revops_assets.datasets.checks import Check, all_checks
from revops_assets.invalidation.unwritten import in_one_line, left, root_of
from revops_assets.warehouse.resource import Warehouse

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 20
WRITTEN = "every_tenant_written"
# Checks that compare their dataset with others, which are written first.
COMPARES_WITH = {
    ("metrics.rep_daily_pipeline", "agrees_with_dashboards"): ("staging.deal_intervals", "metrics.stale_days"),
    ("semantic.metric_values", "agrees_with_marts"): (
        "analytics.pipeline_health_summary",
        "metrics.rep_daily_pipeline",
    ),
}


def offending_rows(connection: sa.Connection, check: Check, max_age_days: float) -> "pd.DataFrame":
    """Run a check's query; the rows it returns are what is wrong."""
    import pandas as pd  # takes long to import: not before it is needed

    query, params = check.statement(max_age_days)
    return pd.read_sql(sa.text(query), connection, params=params)


def check_definitions() -> list[dg.AssetChecksDefinition]:
    """One op per dataset that has checks, which runs those that were selected; and the last op of every run."""
    by_table = groupby(all_checks(), key=lambda check: check.table)
    return [*(_definition(table, list(checks)) for table, checks in by_table), every_tenant_written()]


def _definition(table: str, checks: list[Check]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.rule,
            asset=asset_key(table),
            additional_deps=[asset_key(name) for name in COMPARES_WITH.get((table, check.rule), ())],
            description="\n\n".join(f"**{part}** {text}" for part, text in check.about.items()),
            metadata={"sql": dg.MetadataValue.md(f"```sql\n{check.query}\n```")},
        )
        for check in checks
    ]

    @dg.multi_asset_check(name=f"{table.replace('.', '__')}__checks", specs=specs, can_subset=True)
    def run(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        with warehouse.transaction() as connection:
            for check in checks:
                if dg.AssetCheckKey(asset_key(table), check.rule) not in context.selected_asset_check_keys:
                    continue
                rows = offending_rows(connection, check, warehouse.settings.max_age_days)
                shown = (
                    {"rows": dg.MetadataValue.md(rows.head(ROWS_SHOWN).to_markdown(index=False))} if len(rows) else {}
                )
                yield dg.AssetCheckResult(
                    asset_key=asset_key(table),
                    check_name=check.rule,
                    passed=rows.empty,
                    severity=dg.AssetCheckSeverity.WARN if check.only_warns else dg.AssetCheckSeverity.ERROR,
                    metadata={"offending_rows": len(rows), "database": warehouse.database, **shown},
                )

    return run


def every_tenant_written() -> dg.AssetChecksDefinition:
    """The last op of every run: names what a tenant's rows kept from being written, and fails the run for that alone.

    Executed again (from failure), it first writes just these parts. What an earlier run left is told as a warning, and
    does not fail a run that writes other parts.
    """
    specs = [
        dg.AssetCheckSpec(
            WRITTEN,
            asset=asset_key(table),
            description="**Detects** tenants whose rows of this dataset could not be written, or wait for others that"
            " could not: they keep their earlier rows (ops.unwritten).",
        )
        for table in sorted(WRITTEN_APART)
    ]

    @dg.multi_asset_check(name=WRITTEN, specs=specs, can_subset=True)
    def run(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        chosen = {".".join(key.asset_key.path) for key in context.selected_asset_check_keys}
        run_id = root_of(context.run)
        if context.run.parent_run_id:
            with warehouse.transaction() as connection:
                at = resolve_read_at(context, connection)
            write_again(Run(warehouse, run_id, at), chosen)
        with warehouse.transaction() as connection:
            parts = left(connection, chosen)
        own = [part for part in parts if part.run_id == run_id]
        for table in sorted(chosen):
            told = [part for part in parts if part.dataset == table]
            has_failed = any(part.because_of is None for part in own if part.dataset == table)
            yield dg.AssetCheckResult(
                asset_key=asset_key(table),
                check_name=WRITTEN,
                passed=not told,
                severity=dg.AssetCheckSeverity.ERROR if has_failed or not told else dg.AssetCheckSeverity.WARN,
                metadata={
                    "offending_rows": len(told),
                    "database": warehouse.database,
                    **({"told": "; ".join(map(str, told))} if told else {}),
                },
            )
        if own:
            raise dg.Failure(in_one_line(own), allow_retries=False)

    return run

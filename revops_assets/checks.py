"""Asset checks from the files under sql/checks: see check_files.py."""

from collections.abc import Iterator
from itertools import groupby

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from revops_assets.check_files import Check, all_checks
from revops_assets.resources import Warehouse
from revops_assets.sql_asset import asset_key

ROWS_SHOWN = 20
# Checks that compare their dataset with others, which are written first.
COMPARES_WITH = {
    ("metrics.rep_daily_pipeline", "agrees_with_dashboards"): ("staging.deal_intervals", "metrics.stale_days"),
}


def offending_rows(connection: sa.Connection, check: Check, max_age_days: float) -> pd.DataFrame:
    """Run a check's query; the rows it returns are what is wrong."""
    query, params = check.statement(max_age_days)
    return pd.read_sql(sa.text(query), connection, params=params)


def check_definitions() -> list[dg.AssetChecksDefinition]:
    """One op per dataset that has checks, which runs those that were asked for."""
    return [_definition(table, list(checks)) for table, checks in groupby(all_checks(), key=lambda check: check.table)]


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

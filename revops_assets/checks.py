"""Asset checks from sql/checks/<schema>/<dataset>__<rule>.sql: a query that returns offending rows; any row fails it.

The header says what it detects, why that matters, what a row means, and, if it is only a warning, its severity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.resources import Warehouse
from revops_assets.settings import SQL_DIR
from revops_assets.sql_asset import asset_key
from revops_assets.sql_file import header_and_body

ROWS_SHOWN = 20


@dataclass(frozen=True)
class Check:
    """One check: the dataset it watches, its rule's name, what it says of itself, its query."""

    table: str
    rule: str
    about: dict[str, str]
    query: str

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """ERROR, unless the header says warn."""
        return dg.AssetCheckSeverity.WARN if self.about.get("Severity") == "warn" else dg.AssetCheckSeverity.ERROR


@lru_cache(maxsize=1)
def all_checks() -> tuple[Check, ...]:
    """Every check file, by table and rule."""
    return tuple(_read(path) for path in sorted((SQL_DIR / "checks").glob("*/*.sql")))


def _read(path: Path) -> Check:
    header, query = header_and_body(path)
    about = dict(line.split(": ", 1) for line in header if ": " in line)
    for part in ("Detects", "Why", "A row means"):
        if part not in about:
            raise RevopsError(f"{path}: the header comment has no '{part}:' line")
    dataset, _, rule = path.stem.partition("__")
    if not rule:
        raise RevopsError(f"{path}: a check's file is named <dataset>__<rule>.sql")
    return Check(f"{path.parent.name}.{dataset}", rule, about, query)


def offending_rows(connection: sa.Connection, check: Check, max_age_days: float) -> pd.DataFrame:
    """Run a check's query; the rows it returns are what is wrong. The clock comes in as a parameter, here only."""
    statement = sa.text(check.query)
    given: dict[str, datetime | float] = {"checked_at": datetime.now(UTC), "max_age_days": max_age_days}
    params = {name: value for name, value in given.items() if f":{name}" in check.query}
    return pd.read_sql(statement, connection, params=params)


def check_definitions() -> list[dg.AssetChecksDefinition]:
    """One op per dataset that has checks, which runs those that were asked for."""
    return [_definition(table, list(checks)) for table, checks in groupby(all_checks(), key=lambda check: check.table)]


def _definition(table: str, checks: list[Check]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            check.rule,
            asset=asset_key(table),
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
                    severity=check.severity,
                    metadata={"offending_rows": len(rows), "database": warehouse.database, **shown},
                )

    return run

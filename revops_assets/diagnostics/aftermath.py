"""What somebody should know after a load: what the tenant's source lacks, and what the checks of crm find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from revops_assets.datasets.checks import all_checks
from revops_assets.diagnostics.missing_inputs import missing_inputs
from revops_assets.loading.result import LoadResult
from revops_assets.settings import Settings
from revops_assets.warehouse import databases


def look_after(settings: Settings, results: list[LoadResult]) -> None:
    """Fill in what the last of a tenant's loads leaves open: lacks and faults. A dry run left nothing to look at."""
    last = results[-1]
    if not last.dry_run:
        last.missing_inputs = [asdict(found) for found in missing_inputs(settings, last.tenant)]
        last.faults = list(faults(settings, last.tenant))


def faults(settings: Settings, tenant: str) -> Iterator[dict[str, Any]]:
    """Checks of the canonical tables that find something wrong with a tenant's records, and in how many rows.

    None where the login may not look: a loader reads no warehouse, whose next run makes the same checks.
    """
    with databases.engine(settings, "warehouse").connect() as connection:
        if not connection.scalar(sa.text("select has_schema_privilege('crm_remote', 'usage')")):
            return
        for check in all_checks():
            if not check.table.startswith("crm."):
                continue
            query, params = check.statement(settings.max_age_days)
            statement = (
                f"select count(*) from ({query.strip().rstrip(';')}) as found where found.tenant_id = :tenant_id"
            )
            if count := connection.scalar(sa.text(statement), params | {"tenant_id": tenant}):
                about = check.about
                yield {
                    "check": f"{check.table} {check.rule}",
                    "rows": count,
                    "detects": about["Detects"],
                    "why": about["Why"],
                    "only_warns": check.only_warns,
                }

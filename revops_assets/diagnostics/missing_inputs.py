"""What each tenant's source lacks, and which datasets that touches: told by `revops load` and `revops doctor`."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases

TRACKED = [
    "stage_id",
    "amount",
    "close_date",
    "owner_id",
    "forecast_category",
    "probability",
    "next_step",
    "discount_pct",
]


@dataclass(frozen=True)
class MissingInput:
    """Something a tenant's source does not give: a table, a column, or the change log of a field."""

    tenant: str
    need: str
    without_it: str
    datasets: str


def missing_inputs(settings: Settings, only: str | None = None) -> list[MissingInput]:
    """Every lack of every tenant (or of one) with a finished load; sql/reference/input_needs.csv says what matters."""
    with (SQL_DIR / "reference" / "input_needs.csv").open(newline="", encoding="utf-8") as handle:
        needs = list(csv.DictReader(handle))
    found = []
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select distinct tenant_id from crm.loads where status = 'finished' and tenant_id is not null"
            " and (%(only)s is null or tenant_id = %(only)s) order by 1",
            {"only": only},
        )
        for (tenant,) in cursor.fetchall():
            missing: set[str] = set()
            for need in needs:
                _, table, *column = need["need"].split(".")
                if f"crm.{table}" in missing:
                    continue  # said already, with the whole table
                if not _has_any(cursor, tenant, table, column[0] if column else None):
                    missing.add(need["need"])
                    found.append(MissingInput(tenant, need["need"], need["without_it"], need["datasets"]))
            found += _unlogged(cursor, tenant)
            cursor.execute(
                "select tenant_id, need, without_it, datasets from crm.source_notes(%s) where tenant_id = %s",
                (settings.timezone, tenant),
            )
            found += [MissingInput(*row) for row in cursor.fetchall()]
    return found


def _has_any(cursor: PgCursor, tenant: str, table: str, column: str | None) -> bool:
    condition = sql.SQL("{} is not null").format(sql.Identifier(column)) if column else sql.SQL("true")
    statement = sql.SQL("select exists (select from crm.{} where tenant_id = %s and {})")
    cursor.execute(statement.format(sql.Identifier(table), condition), (tenant,))
    return bool(cursor.fetchall()[0][0])


def _unlogged(cursor: PgCursor, tenant: str) -> list[MissingInput]:
    """Tracked fields that deals have, but whose changes the source does not log."""
    cursor.execute("select distinct field from crm.opportunity_history where tenant_id = %s", (tenant,))
    logged = {field for (field,) in cursor.fetchall()}
    return [
        MissingInput(
            tenant,
            f"change log of opportunities.{field}",
            "past days take it from the versions that loads left",
            "every dataset that reads it as of a day",
        )
        for field in TRACKED
        if logged and field not in logged and _has_any(cursor, tenant, "opportunities", field)
    ]

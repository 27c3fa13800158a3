"""What each tenant's source lacks, and which datasets that touches: told by `revops load` and `revops doctor`."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases

# What is lost where the source does not say what was true when.
PAST = "The past"
OPEN = "What records leave open"
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
    """What a tenant's source does not give: a table, a column, the change log of a field; or what records leave open.

    `loses`: what suffers most. `mapping`: the line of a mapping file that would bring it; empty where none would.
    """

    tenant: str
    need: str
    without_it: str
    datasets: str
    loses: str
    mapping: str = ""


def missing_inputs(settings: Settings, only: str | None = None) -> list[MissingInput]:
    """Every lack of every tenant (or of one) with a finished load, what matters most first: the order of
    sql/reference/input_needs.csv."""
    with (SQL_DIR / "reference" / "input_needs.csv").open(newline="", encoding="utf-8") as handle:
        needs = list(csv.DictReader(handle))
    groups = list(dict.fromkeys([PAST, OPEN, *(need["loses"] for need in needs)]))
    found = []
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select distinct tenant_id from crm.loads where status = 'finished' and tenant_id is not null"
            " and (%(only)s is null or tenant_id = %(only)s) order by 1",
            {"only": only},
        )
        for (tenant,) in cursor.fetchall():
            missing: set[str] = set()
            for listed in needs:
                _, table, *column = listed["need"].split(".")
                if f"crm.{table}" in missing:
                    continue  # said already, with the whole table
                if not _has_any(cursor, tenant, table, column[0] if column else None):
                    missing.add(listed["need"])
                    found.append(
                        MissingInput(
                            tenant, listed["need"], listed["without_it"], listed["datasets"], listed["loses"],
                            _mapping(cursor, table, column[0] if column else None),
                        )
                    )  # fmt: skip
            found += _unlogged(cursor, tenant)
            cursor.execute(
                "select need, without_it, datasets from crm.source_notes(%s) where tenant_id = %s",
                (settings.timezone, tenant),
            )
            found += [MissingInput(tenant, need, so, touched, OPEN) for need, so, touched in cursor.fetchall()]
    order = {tenant: number for number, tenant in enumerate(dict.fromkeys(lack.tenant for lack in found))}
    return sorted(found, key=lambda lack: (order[lack.tenant], groups.index(lack.loses)))


def _mapping(cursor: PgCursor, table: str, column: str | None) -> str:
    """The line of a mapping file that brings a table or column."""
    if column:
        return f"tables.{table}.columns.{column}: FIELD"
    cursor.execute("select key_column from crm.canonical_tables where table_name = %s", (table,))
    [(key,)] = cursor.fetchall()
    return f"tables.{table}: {{from: FILE, columns: {{{key}: FIELD, …}}}}"


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
            PAST,
            "tables.opportunity_history: its changes, with field, old_value, new_value, changed_at",
        )
        for field in TRACKED
        if logged and field not in logged and _has_any(cursor, tenant, "opportunities", field)
    ]

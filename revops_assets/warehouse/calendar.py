"""The calendar of business days: which days it holds."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import connection as PgConnection

from revops_assets.settings import Settings

# Whatever a CRM may reasonably name; loads quarantine what lies outside (crm.merge_table).
FIRST, LAST = date(1950, 1, 1), date(2149, 12, 31)


def fill_calendar(connection: PgConnection, settings: Settings) -> None:
    """Bring the calendar in line with the settings."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select ops.fill_calendar(%s, %s, %s, %s)", (FIRST, LAST, settings.timezone, settings.fiscal_year_month)
        )

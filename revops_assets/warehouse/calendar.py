"""The calendar of business days: which days it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as PgConnection

from revops_assets.settings import Settings

# Years that figures look back before the first day, and that deals look ahead after the last.
BEFORE, AFTER = timedelta(days=3 * 366), timedelta(days=3 * 366)


def fill_calendar(connection: PgConnection, settings: Settings) -> None:
    """Bring the calendar in line with the settings, from well before the first day to well after today."""
    last = datetime.now(UTC).date() + AFTER
    with connection.cursor() as cursor:
        cursor.execute(
            "select ops.fill_calendar(%s, %s, %s, %s)",
            (settings.first_day - BEFORE, last, settings.timezone, settings.fiscal_year_month),
        )

"""`revops daily-metrics`: a thin wrapper around the functions of schema metrics."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revops_assets.cli import app
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as PgCursor

daily_metrics = typer.Typer(no_args_is_help=True, help="Daily facts of leads, activities and pipeline: schema metrics.")
app.add_typer(daily_metrics, name="daily-metrics")

Tenant = Annotated[str | None, typer.Option(help="Only this tenant; default: all")]
Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table")]

YESTERDAY = "select (now() at time zone ops.timezone())::date - 1"
LOG = """
select tenant_id, min(metric_date)::text as first_day, max(metric_date)::text as last_day, count(*) as days,
    sum(rows_written)::bigint as rows_written, max(known_as_of) as known_as_of,
    max(data_freshness)::text as data_freshness, min(code_version) as code_version
from metrics.run_log
where metric_date between %s and %s and (%s::text is null or tenant_id = %s)
group by tenant_id order by tenant_id
"""


@daily_metrics.command("run")
def run_command(
    day: Annotated[str | None, typer.Option("--date", help="YYYY-MM-DD; default: yesterday")] = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Compute one day: metrics.run_daily_metrics. On the server that PG_HOST names, else on the installation's."""
    chosen = _day("--date", day) if day is not None else None
    _compute(chosen, chosen, None, tenant, json)


@daily_metrics.command("backfill")
def backfill_command(
    days: Annotated[int | None, typer.Option(max=36525, help="The last N days that are over")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a range")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a range")] = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Compute a range of days at once: metrics.backfill_last_n_days, metrics.backfill_date_range."""
    if (days is None) == (first is None) or (first is None) != (last is None):
        raise RevopsError("give --days N, or both --from A and --to B")
    since, until = (
        (_day("--from", first), _day("--to", last)) if first is not None and last is not None else (None, None)
    )
    _compute(since, until, days, tenant, json)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RevopsError(f"{option} {text}: a day is of the form YYYY-MM-DD") from None


def _compute(first: date | None, last: date | None, days: int | None, tenant: str | None, json: bool) -> None:
    """Call the function, and say what it wrote. Without days and ends: yesterday."""
    import psycopg2

    from revops_assets.warehouse import databases

    settings = get_settings()
    connection = databases.open_connection(settings, databases.metrics_url(settings))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(YESTERDAY)
            [(yesterday,)] = cursor.fetchall()
            if days is not None:
                cursor.execute("select metrics.backfill_last_n_days(%s, %s)", (days, tenant))
                first, last = yesterday - timedelta(days=days - 1), yesterday
            else:
                first, last = first or yesterday, last or yesterday
                cursor.execute("select metrics.backfill_date_range(%s, %s, %s)", (first, last, tenant))
            _print(cursor, (first, last, tenant, tenant), json)
    except (psycopg2.errors.UndefinedFunction, psycopg2.errors.InvalidSchemaName, psycopg2.errors.UndefinedTable):
        raise RevopsError("this database has no daily metrics: run `revops db upgrade`") from None
    except psycopg2.Error as error:
        raise RevopsError(str(error.diag.message_primary or error).strip()) from None
    finally:
        connection.close()


def _print(cursor: PgCursor, params: tuple[Any, ...], json: bool) -> None:
    from revops_assets.cli.show import console, print_json, print_table

    cursor.execute(LOG, params)
    assert cursor.description
    names = [column.name for column in cursor.description]
    rows = cursor.fetchall()
    if json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        print_table([name.replace("_", " ") for name in names], rows)
    else:
        console.print("No tenant has finished a load: there is nothing to compute.")

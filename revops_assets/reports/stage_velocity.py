"""The stage velocity report as a library: run it, read a stored run again, find what a name means.

The query itself is sql/dyno_crm/functions/stage_velocity_query.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError

FACTS = """
select
    d.stage_name, f.completed_count, f.avg_duration_days, f.median_duration_days, d.p90_duration_days, f.current_count,
    f.avg_current_age_days, d.median_current_age_days, d.p90_current_age_days, f.stage_id
from dyno_crm.report_stage_velocity_fact as f
inner join dyno_crm.report_stage_velocity_detail as d using (run_id, tenant_id, pipeline_id, stage_id)
where f.run_id = %s
order by d.stage_order nulls last, d.stage_name, f.stage_id
"""
EXCLUDED = """
select
    sum(excluded_outside_period_count)::bigint as outside_period, sum(excluded_deleted_count)::bigint as deal_deleted,
    sum(excluded_merged_count)::bigint as deal_merged, sum(excluded_stage_removed_count)::bigint as stage_removed
from dyno_crm.report_stage_velocity_detail where run_id = %s
"""
HEADER = """
select
    r.id, r.tenant_id, r.generated_at, r.period_start, r.period_end, r.parameters,
    coalesce(min(s.source_tenant_id), r.tenant_id::text) as tenant,
    coalesce(min(s.pipeline_name), r.parameters ->> 'pipeline_id') as pipeline
from dyno_crm.report_run as r
left join dyno_crm.pipeline_stage as s
    on s.tenant_id = r.tenant_id and s.pipeline_id = (r.parameters ->> 'pipeline_id')::uuid
where r.id = %s
group by r.id
"""


@dataclass(frozen=True)
class Report:
    """A stored run: its header, a row per stage in stage order (days as Decimal or None), visits left out by reason."""

    header: dict[str, Any]
    rows: list[dict[str, Any]]
    excluded: dict[str, int]


def instant(name: str, text: str | None) -> datetime | None:
    """An instant as people write it, with its zone; nothing written: None. RevopsError names what was meant."""
    if not text:
        return None
    try:
        return _with_zone(name, datetime.fromisoformat(text))
    except ValueError:
        raise RevopsError(f"{name}: {text!r} is not an instant such as 2024-07-01T00:00Z") from None


def _with_zone(name: str, at: datetime) -> datetime:
    if at.tzinfo is None:
        raise RevopsError(
            f"{name} {at.isoformat()} has no time zone: write it with its offset, as in 2024-07-01T00:00Z"
        )
    return at


def run_stage_velocity_report(
    conn: PgConnection | sa.Connection,
    tenant_id: UUID | str,
    pipeline_id: UUID | str,
    period_start: datetime | None = None,
    period_end: datetime | None = None,
    stage_id: UUID | str | None = None,
    as_of: datetime | None = None,
    run_key: str | None = None,
) -> UUID:
    """Run and store the report in the caller's transaction; returns the run's id.

    Instants carry a time zone; the period is [start, end) on when a visit began; as_of is by default now. With a
    run_key an earlier run of that key is returned instead. RevopsError on bad input, which leaves no run behind.
    """
    for name, value in (("period_start", period_start), ("period_end", period_end), ("as_of", as_of)):
        if value is not None:
            _with_zone(name, value)
    ids = [None if value is None else str(_uuid(value)) for value in (tenant_id, pipeline_id, stage_id)]
    with _driver(conn).cursor() as cursor:
        cursor.execute("savepoint stage_velocity")
        try:
            cursor.execute(
                "select dyno_crm.run_stage_velocity_report(%s::uuid, %s::uuid, %s::timestamptz, %s::timestamptz,"
                " %s::uuid, %s::timestamptz, %s)",
                (ids[0], ids[1], period_start, period_end, ids[2], as_of, run_key),
            )
            [(run_id,)] = cursor.fetchall()
        except psycopg2.errors.RaiseException as error:
            cursor.execute("rollback to savepoint stage_velocity")
            raise RevopsError(error.diag.message_primary or str(error)) from None
        cursor.execute("release savepoint stage_velocity")
    return UUID(str(run_id))


def read_report(conn: PgConnection | sa.Connection, run_id: UUID | str) -> Report:
    """A stored run as it was issued; RevopsError if there is none of that id."""
    key = str(_uuid(run_id))
    with _driver(conn).cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(HEADER, (key,))
        header = cursor.fetchone()
        if header is None:
            raise RevopsError(f"there is no stage velocity run {key}")
        cursor.execute(FACTS, (key,))
        rows = [dict(row) for row in cursor.fetchall()]
        cursor.execute(EXCLUDED, (key,))
        excluded = {reason: int(count or 0) for reason, count in dict(cursor.fetchone() or {}).items()}
    return Report(dict(header), rows, excluded)


def pipelines(conn: PgConnection | sa.Connection) -> list[dict[str, Any]]:
    """Every pipeline of every tenant: ids, slug, source id and name."""
    with _driver(conn).cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(
            "select distinct tenant_id, pipeline_id, source_tenant_id, source_pipeline_id, pipeline_name"
            " from dyno_crm.pipeline_stage order by 3, 4"
        )
        return [dict(row) for row in cursor.fetchall()]


def find_tenant(conn: PgConnection | sa.Connection, wanted: str) -> UUID:
    """A tenant by slug or UUID."""
    return _find(conn, "tenant", wanted, "tenant_id", ("source_tenant_id",), {})


def find_pipeline(conn: PgConnection | sa.Connection, tenant: UUID, wanted: str) -> UUID:
    """A tenant's pipeline by UUID, source id or name."""
    columns = ("source_pipeline_id", "pipeline_name")
    return _find(conn, "pipeline", wanted, "pipeline_id", columns, {"tenant_id": tenant})


def find_stage(conn: PgConnection | sa.Connection, tenant: UUID, pipeline: UUID, wanted: str) -> UUID:
    """A pipeline's stage by UUID, source id or name."""
    within = {"tenant_id": tenant, "pipeline_id": pipeline}
    return _find(conn, "stage", wanted, "id", ("source_stage_id", "name"), within)


def _find(
    conn: PgConnection | sa.Connection,
    what: str,
    wanted: str,
    key: str,
    columns: tuple[str, ...],
    within: dict[str, UUID],
) -> UUID:
    matches = sql.SQL(" or ").join(
        sql.SQL("{} = %(wanted)s").format(sql.Identifier(name))
        if name != key
        else sql.SQL("{}::text = lower(%(wanted)s)").format(sql.Identifier(name))
        for name in (*columns, key)
    )
    inside = [
        sql.SQL("{} = {}::uuid").format(sql.Identifier(name), sql.Literal(str(value))) for name, value in within.items()
    ]
    scope = sql.SQL(" and ").join([sql.SQL("true"), *inside])
    with _driver(conn).cursor() as cursor:
        statement = sql.SQL("select distinct {} from dyno_crm.pipeline_stage where {} and ({})")
        cursor.execute(statement.format(sql.Identifier(key), scope, matches), {"wanted": wanted})
        found = [UUID(str(value)) for (value,) in cursor.fetchall()]
        if len(found) == 1:
            return found[0]
        named = sql.SQL("select distinct {} from dyno_crm.pipeline_stage where {} order by 1")
        cursor.execute(named.format(sql.Identifier(columns[-1]), scope))
        there = ", ".join(str(value) for (value,) in cursor.fetchall()) or "none"
    if found:
        raise RevopsError(f"{what} {wanted!r} is ambiguous, give its UUID: {', '.join(map(str, found))}")
    raise RevopsError(f"there is no {what} {wanted!r}; there are: {there}")


def _uuid(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise RevopsError(f"{value!r} is not a UUID") from None


def _driver(conn: PgConnection | sa.Connection) -> PgConnection:
    if isinstance(conn, sa.Connection):
        driver = conn.connection.driver_connection
        assert isinstance(driver, PgConnection)
        return driver
    return conn

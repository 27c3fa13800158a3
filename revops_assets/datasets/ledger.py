"""The partition ledger: the days that a run writes, and what was written (ops.partition_ledger, ops.table_ledger)."""

from __future__ import annotations

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.sql_files import SqlFile

# What a write is about, in tables of its session.
RUN_DAYS = """
create temporary table if not exists run_days (
    tenant_id text not null, day date not null, as_of timestamptz not null, quarter text not null,
    quarter_start date not null, quarter_end date not null, week_of_quarter int not null,
    fiscal_year_start date not null, weekday int not null
) on commit delete rows
"""


# What had been asked for when the write began.
RUN_REQUESTS = "create temporary table if not exists run_requests (request_id bigint not null) on commit delete rows"


FILL_RUN_REQUESTS = (
    "insert into run_requests select q.request_id from ops.stale_partitions as q where q.dataset = :dataset"
)


FILL_RUN_DAYS = """
insert into run_days
select f.tenant_id, c.day,
    case when f.finished_at > c.starts_at and f.finished_at < c.ends_at then f.finished_at else c.ends_at end,
    c.quarter, c.quarter_start, c.quarter_end, c.week_of_quarter, c.fiscal_year_start, c.weekday
from ops.calendar as c
cross join unnest(cast(:tenants as text[]), cast(:finished as timestamptz[])) as f (tenant_id, finished_at)
inner join staging.source_coverage as e on e.tenant_id = f.tenant_id and e.matter = 'deals' and e.since_date <= c.day
where c.day >= :window_start and c.day < :window_end and (:all_days or c.day = any(cast(:window_days as date[])))
order by c.day, f.tenant_id
"""


def prepare_days(connection: sa.Connection, table: str, at: ReadAt, window: Window) -> None:
    """Lay out pg_temp.run_days: each tenant's days of the window, with the instant that the day is seen as of.

    The instant is the day's end; on the day of the newest load that the run can see and that changed something, the
    end of that load: the day still runs. A tenant's days begin with its first deal.
    """
    tenants = [tenant for tenant in at.freshness if window.tenants is None or tenant in window.tenants]
    asked = f"{FILL_RUN_REQUESTS} and {window.condition('q')}"
    clear = "delete from run_days; delete from run_requests"
    connection.execute(
        sa.text(";\n".join((RUN_DAYS, RUN_REQUESTS, clear, FILL_RUN_DAYS, "analyze run_days", asked))),
        {
            "dataset": table,
            "tenants": tenants,
            "finished": [at.changed.get(tenant) for tenant in tenants],
            "all_days": window.days is None,
            "window_days": [],
            **window.params,
        },
    )


def note_days(connection: sa.Connection, file: SqlFile, at: ReadAt, window: Window, run_id: str) -> None:
    """Remember which days of the window have been written, and strike out what had been asked before that."""
    connection.execute(
        sa.text(
            f"delete from ops.partition_ledger as d where d.dataset = :dataset and {window.condition('d')}"
            " and not exists (select from run_days as r where r.tenant_id = d.tenant_id and r.day = d.snapshot_date);\n"
            "delete from ops.stale_partitions where request_id in (select r.request_id from run_requests as r);\n"
            "insert into ops.partition_ledger (dataset, tenant_id, snapshot_date, known_as_of, cut_at, run_id)"
            " select :dataset, r.tenant_id, r.day, :known_as_of, case when r.as_of < c.ends_at then r.as_of end,"
            " :run_id"
            " from run_days as r inner join ops.calendar as c on r.day = c.day"
            " on conflict (dataset, tenant_id, snapshot_date)"
            " do update set known_as_of = excluded.known_as_of, cut_at = excluded.cut_at, run_id = excluded.run_id"
        ),
        {"dataset": file.table, "known_as_of": at.known_as_of, "run_id": run_id, **window.params},
    )


def note_table(connection: sa.Connection, table: str, at: ReadAt, tenants: tuple[str, ...]) -> None:
    """Remember what a table that was built by full refresh could see of these tenants."""
    connection.execute(
        sa.text(
            "insert into ops.table_ledger select :dataset, tenant_id, :known_as_of"
            " from unnest(cast(:tenants as text[])) as t (tenant_id)"
            " on conflict (dataset, tenant_id) do update set known_as_of = excluded.known_as_of"
        ),
        {"dataset": table, "known_as_of": at.known_as_of, "tenants": list(tenants)},
    )

"""Which stored partitions are stale, exactly, and why.

They are kept in ops.stale_partitions until they are written. Three things put them there: rows of a table that is built
by full refresh read otherwise than before (sql/invalidation says on which days of which datasets they matter), a day
that others look back on reads otherwise, and a day was seen while it still ran. With a day come the stored datasets
that read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import sqlalchemy as sa

from revops_assets.catalogue import DAILY_DATASETS, HISTORY, descendants
from revops_assets.invalidation.look_back import read_calendar, reads

# `asked` (dataset, tenant_id, snapshot_date, reason) and its stored readers of the same day, once each.
ASK = """
stored as (
    select distinct dataset, snapshot_date from ops.partition_ledger
),
with_readers as (
    select dataset, tenant_id, snapshot_date, reason from asked
    union all
    select r.reader, a.tenant_id, a.snapshot_date, a.reason || ', which ' || a.dataset || ' reads'
    from asked as a
    inner join unnest(cast(:read as text[]), cast(:readers as text[])) as r (dataset, reader) on a.dataset = r.dataset
    inner join stored as s on s.dataset = r.reader and s.snapshot_date = a.snapshot_date
)
insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
select distinct on (dataset, tenant_id, snapshot_date) dataset, tenant_id, snapshot_date, reason
from with_readers
order by dataset, tenant_id, snapshot_date, length(reason)
on conflict (dataset, tenant_id, snapshot_date) do update
set request_id = default, reason = excluded.reason, requested_at = now()
"""


# Days on which what a dataset reads of pg_temp.changed_rows was another before the write than after it.
AFFECTED = """
with touched as (
{touched}
),
turned as (
    select tenant_id, dataset, content,
        coalesce(range_agg(days) filter (where side = 'was'), '{{}}') as was_on,
        coalesce(range_agg(days) filter (where side = 'is'), '{{}}') as is_on
    from touched
    where not isempty(days)
    group by tenant_id, dataset, content
),
differing as (
    select tenant_id, dataset, range_agg((was_on - is_on) + (is_on - was_on)) as days
    from turned
    where was_on <> is_on
    group by tenant_id, dataset
),
asked as (
    select s.dataset, d.tenant_id, s.snapshot_date, cast(:reason as text) as reason
    from differing as d
    inner join (select distinct dataset, snapshot_date from ops.partition_ledger) as s
        on s.snapshot_date <@ d.days
        and (d.dataset = s.dataset or d.dataset = '*' and s.dataset = any(cast(:behind_history as text[])))
),
"""


GIVEN = """
with asked as (
    select * from unnest(
        cast(:datasets as text[]), cast(:tenants as text[]), cast(:days as date[]), cast(:reasons as text[])
    ) as a (dataset, tenant_id, snapshot_date, reason)
),
"""


# The day that each tenant's newest load came on, and days that were seen as of an instant within them.
RUNNING = """
with newest as (
    select w.tenant_id, max(l.finished_at) as finished_at
    from ops.table_ledger as w
    inner join crm_remote.changing_loads as l on l.tenant_id = w.tenant_id and l.load_seq <= w.known_as_of
    inner join staging.source_coverage as e
        on e.tenant_id = w.tenant_id and e.matter = 'deals' and l.finished_at >= e.since_date::timestamptz
    where w.dataset = :history
    group by w.tenant_id
),
seen as (
    select n.tenant_id, n.finished_at, c.day
    from newest as n
    inner join ops.calendar as c on c.starts_at < n.finished_at and c.ends_at > n.finished_at
)
select r.dataset, r.tenant_id, r.day, r.reason
from (
    select d.dataset, s.tenant_id, s.day, 'the day still ran' as reason
    from seen as s
    cross join unnest(cast(:datasets as text[])) as d (dataset)
    left join ops.partition_ledger as w
        on w.dataset = d.dataset and w.tenant_id = s.tenant_id and w.snapshot_date = s.day
    where w.cut_at is distinct from s.finished_at
    union all
    select w.dataset, w.tenant_id, w.snapshot_date, 'it was built before the day was over'
    from seen as s
    inner join ops.partition_ledger as w on w.tenant_id = s.tenant_id and w.snapshot_date <> s.day
    where w.cut_at is not null and w.dataset = any(:datasets)
) as r
left join ops.stale_partitions as q
    on q.dataset = r.dataset and q.tenant_id = r.tenant_id and q.snapshot_date = r.day
where q.dataset is null
"""


def mark_affected(connection: sa.Connection, table: str, touched: str) -> int:
    """Mark the stored days that pg_temp.changed_rows matter to; `touched`: the table's rule. Returns how many."""
    # Of any company: one that comes later gets the days that the others have.
    stored = sa.text("select exists (select from ops.partition_ledger where dataset = any(:datasets))")
    selects = [name for name, daily in DAILY_DATASETS.items() if daily.made_by == "select"]
    if not connection.scalar(stored, {"datasets": selects}):
        return 0
    return connection.execute(
        sa.text(AFFECTED.format(touched=touched) + ASK),
        {
            "reason": f"{table} has changed",
            "behind_history": [name for name, daily in DAILY_DATASETS.items() if daily.is_behind_history],
            **_readers(),
        },
    ).rowcount


def mark_look_backs(connection: sa.Connection, table: str, changed: Iterable[tuple[str, date]]) -> int:
    """Ask for the stored days that looked back on days of `table` which have changed since; returns how many."""
    by_tenant: dict[str, set[date]] = {}
    for tenant, day in changed:
        by_tenant.setdefault(tenant, set()).add(day)
    kinds = {name: daily.looks_back_on[table] for name, daily in DAILY_DATASETS.items() if table in daily.looks_back_on}
    if not by_tenant or not kinds:
        return 0
    calendar = read_calendar(connection)
    rows = connection.execute(
        sa.text(
            "select dataset, tenant_id, snapshot_date from ops.partition_ledger where dataset = any(:datasets)"
            " and tenant_id = any(:tenants) and snapshot_date > :first"
        ),
        {
            "datasets": list(kinds),
            "tenants": list(by_tenant),
            "first": min(day for days in by_tenant.values() for day in days),
        },
    )
    looked = [
        (name, tenant, day, f"look-back: {kinds[name]} in {table} has changed")
        for name, tenant, day in rows
        if not by_tenant[tenant].isdisjoint(reads(kinds[name], day, calendar))
    ]
    return _request(connection, looked)


# Of each day of a write that is new or reads otherwise, the next stored day behind the write.
FOLLOWING = """
with turned as (
    select d.tenant_id, d.day
    from pg_temp.run_days as d
    where not exists (
        select from ops.partition_ledger as w
        where w.dataset = :dataset and w.tenant_id = d.tenant_id and w.snapshot_date = d.day
    )
    union
    select c.tenant_id, c.day from unnest(cast(:tenants as text[]), cast(:days as date[])) as c (tenant_id, day)
)
select distinct :dataset as dataset, d.tenant_id, f.snapshot_date, :reason as reason
from turned as d
cross join lateral (
    select l.snapshot_date
    from ops.partition_ledger as l
    where l.dataset = :dataset and l.tenant_id = d.tenant_id and l.snapshot_date > d.day
        and not exists (select from pg_temp.run_days as r where r.tenant_id = l.tenant_id and r.day = l.snapshot_date)
        and not exists (
            select from ops.stale_partitions as q
            where q.dataset = :dataset and q.tenant_id = l.tenant_id and q.snapshot_date = l.snapshot_date
        )
    order by l.snapshot_date
    limit 1
) as f
"""


def mark_following(connection: sa.Connection, table: str, changed: Iterable[tuple[str, date]]) -> int:
    """Ask for the stored days that compared themselves with days of this write (pg_temp.run_days) which are new or have
    changed; returns how many. Called before the write is noted in the ledger."""
    pairs = list(changed)
    found = connection.execute(
        sa.text(FOLLOWING),
        {
            "dataset": table,
            "reason": "the day that it compared itself with has changed",
            "tenants": [tenant for tenant, _ in pairs],
            "days": [day for _, day in pairs],
        },
    ).all()
    return _request(connection, found)


def mark_running_days(connection: sa.Connection, first_day: date) -> int:
    """Ask for the day that each tenant's newest load came on, and for days that were built before they were over."""
    found = connection.execute(sa.text(RUNNING), {"history": HISTORY, "datasets": sorted(DAILY_DATASETS)}).all()
    return _request(connection, [row for row in found if row[2] >= first_day])


def _request(connection: sa.Connection, asked: Sequence[Sequence[object]]) -> int:
    if not asked:
        return 0
    datasets, tenants, days, reasons = (list(column) for column in zip(*asked, strict=True))
    return connection.execute(
        sa.text(GIVEN + ASK),
        {"datasets": datasets, "tenants": tenants, "days": days, "reasons": reasons} | _readers(),
    ).rowcount


def _readers() -> dict[str, list[str]]:
    pairs = [(name, reader) for name in sorted(DAILY_DATASETS) for reader in sorted(descendants(name))]
    return {"read": [name for name, _ in pairs], "readers": [reader for _, reader in pairs]}

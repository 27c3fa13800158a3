"""Which datasets would read the same if they were built again: nothing that they are made of has changed since."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import sqlalchemy as sa

from revops_assets.catalogue import CATALOGUE, DAILY_DATASETS, FULL_REFRESHES, all_read
from revops_assets.catalogue.metrics import STALE_DAYS

# Each tenant's newest load, or change of reference data, after which figures may read otherwise.
NEWEST = """
with newest as (
    select t.tenant_id, max(l.load_seq) as load_seq
    from (select distinct tenant_id from crm_remote.loads where tenant_id is not null) as t
    inner join crm_remote.changing_loads as l on l.tenant_id = t.tenant_id or l.tenant_id is null
    group by t.tenant_id
)
"""
REFRESHED = f"""
{NEWEST}
select d.dataset
from unnest(cast(:tables as text[])) as d (dataset)
where not exists (
    select from newest as n
    left join ops.table_ledger as w on w.dataset = d.dataset and w.tenant_id = n.tenant_id
    where w.known_as_of is null or w.known_as_of < n.load_seq
)
"""
# A day that was built before it was over is built again. Days before a tenant's first deal are none of its.
BUILT = f"""
{NEWEST}
select d.dataset
from unnest(cast(:tables as text[])) as d (dataset)
where not exists (
    select from ops.stale_partitions as q where q.dataset = d.dataset and q.snapshot_date between :first and :last
) and not exists (
    select from newest as n
    inner join staging.source_coverage as e on e.tenant_id = n.tenant_id and e.matter = 'deals'
    inner join ops.calendar as c on c.day between greatest(e.since_date, :first) and :last
    left join ops.partition_ledger as w
        on w.dataset = d.dataset and w.tenant_id = n.tenant_id and w.snapshot_date = c.day and w.cut_at is null
    where w.dataset is null
)
"""

WITHOUT_DEALS = f"""
{NEWEST}
select exists (
    select from newest as n
    where not exists (
        select from staging.source_coverage as e
        where e.tenant_id = n.tenant_id and e.matter = 'deals' and e.since_date is not null
    )
)
"""


def current(connection: sa.Connection, tables: Collection[str], first: date, last: date) -> frozenset[str]:
    """Those of the tables that are built of all that is known, daily ones on each day from first to last.

    Of SQL files as they stand: whether a dataset was built by another text is not known here.
    """
    refreshed = set(connection.scalars(sa.text(REFRESHED), {"tables": sorted(FULL_REFRESHES)}))
    # The daily metrics have days of companies without deals, too, and are asked by another table than staging.
    has_deals_everywhere = not connection.scalar(sa.text(WITHOUT_DEALS))
    ready = has_deals_everywhere and STALE_DAYS in refreshed
    daily = sorted(set(tables) & DAILY_DATASETS.keys())
    built = set(connection.scalars(sa.text(BUILT), {"tables": daily, "first": first, "last": last}))
    return frozenset(
        {table for table in tables if table in refreshed}
        | {
            table
            for table in built
            if (FULL_REFRESHES.keys() & everything_read(table)) <= refreshed
            and (ready or DAILY_DATASETS[table].is_behind_history)
        }
    )


def everything_read(table: str) -> set[str]:
    """What a dataset reads, itself or through others."""
    found: set[str] = set()
    newest = {table}
    while newest:
        newest = {dep for name in newest if name in CATALOGUE for dep in all_read(name)} - found
        found |= newest
    return found

"""`python -m bench.closings`: staging.closing_facts over 5,000 and 50,000 closings, beside the same rows by a self-join.

On a server of its own, over made-up intervals and activities. The self-join (the beginning of each closing looked up among all
intervals) is how the dataset was once written.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases, embedded
from revops_assets.warehouse.sql_files import dataset_files
from revops_assets.warehouse.upgrade import upgrade

SIZES, LONGEST = (5_000, 50_000), 60
# Each deal: open for 20 days, closed for 30, then with another amount; four activities before its closing.
INTERVALS = """
insert into staging.deal_intervals (
    tenant_id, opportunity_id, d_from, d_to, status, opened_at, closed_at, credited_owner_id, pushes_count,
    reopenings_count, engaged_contacts_count, champions_count, engaged_economic_buyers_count, known_as_of
)
select 'a', 'd' || n, b.day + p.d_from, case when p.d_to < 999 then b.day + p.d_to else 'infinity' end, p.status,
    b.day::timestamptz, case when p.status <> 'open' then (b.day + 20)::timestamptz end, 'r' || n % 20, 0, 0, n % 4, n % 2, n % 2, 1
from generate_series(1, :size) as n
cross join lateral (select date '2024-01-01' + n % 500 as day) as b
cross join lateral (values (0, 20, 'open'), (20, 50, case when n % 4 = 0 then 'won' else 'lost' end),
    (50, 999, case when n % 4 = 0 then 'won' else 'lost' end)) as p (d_from, d_to, status)
"""
ACTIVITIES = """
insert into staging.activities (tenant_id, activity_id, opportunity_id, kind, occurred_at, day, is_two_way, known_as_of)
select 'a', 'x' || n || '-' || k, 'd' || n, 'meeting', b.day::timestamptz, b.day, true, 1
from generate_series(1, :size) as n
cross join generate_series(1, 4) as k
cross join lateral (select date '2024-01-01' + n % 500 + k as day) as b
"""
NOW = "from closed\n    where day_number = 1\n"
SELF_JOIN = """from (
        select f.*, f.d_to as closed_to
        from (
            select tenant_id, opportunity_id, closed_at, status, min(d_from) as first_from, max(d_to) as d_to
            from staging.deal_intervals where status in ('won', 'lost')
            group by tenant_id, opportunity_id, closed_at, status
        ) as f
    ) as c
    inner join staging.deal_intervals as i
        on c.tenant_id = i.tenant_id and c.opportunity_id = i.opportunity_id and c.first_from = i.d_from
"""


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="revops-closings-"))
    os.environ.update(REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="UTC")
    os.environ.pop("REVOPS_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        upgrade(get_settings())
        for size in SIZES:
            measure(get_settings(), size)
    finally:
        embedded.stop(folder / "home")
        shutil.rmtree(folder)


def measure(settings: Settings, size: int) -> None:
    """Both ways over the same tables."""
    present = dataset_files()["staging.closing_facts"].select
    with databases.engine(settings, "warehouse").connect() as connection:
        connection.execute(sa.text("truncate staging.deal_intervals, staging.activities"))
        connection.execute(sa.text(INTERVALS), {"size": size})
        connection.execute(sa.text(ACTIVITIES), {"size": size})
        connection.execute(sa.text("analyze staging.deal_intervals, staging.activities"))  # as the writer does
        rows, seconds = timed(connection, present)
        assert rows and rows[0] == size
        connection.execute(sa.text(f"set local statement_timeout = {LONGEST * 1000}"))
        again, longer = timed(connection, self_joined(present))
        connection.rollback()
    assert again in (rows, None)
    beside = f"{longer:.2f} s = {longer / seconds:.1f} x" if again else f"not done after {LONGEST} s"
    print(f"{size:,} closings: one pass {seconds:.2f} s, self-join {beside}")


def timed(connection: sa.Connection, select: str) -> tuple[Any, float]:
    """What the rows are in sum, None if that takes too long; and the seconds."""
    started = time.monotonic()
    try:
        found = connection.execute(
            sa.text(f"select count(*), sum(hashtextextended(q::text, 0)::numeric) from ({select}) as q")
        ).one()
    except sa.exc.OperationalError:
        return None, time.monotonic() - started
    return tuple(found), time.monotonic() - started


def self_joined(select: str) -> str:
    """The dataset's SELECT with its closings found by a self-join."""
    assert NOW in select
    _, _, rest = select.partition("stood as (")
    body, _, tail = rest.partition("done as (")
    columns = body.partition(NOW)[0]
    for name in ("tenant_id", "opportunity_id", "closed_at", "status", "closed_to"):
        columns = columns.replace(f" {name}", f" c.{name}").replace(f"({name}", f"(c.{name}")
    for name in ("opened_at", "credited_owner_id", "engaged_contacts_count", "champions_count", "discount_pct",
                 "engaged_economic_buyers_count", "d_from"):  # fmt: skip
        columns = columns.replace(f" {name}", f" i.{name}").replace(f"({name}", f"(i.{name}")
    return f"with stood as ({columns}{SELF_JOIN}),\n\ndone as ({tail}"


if __name__ == "__main__":
    main()

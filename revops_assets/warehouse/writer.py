"""The one writer of datasets: replaces exactly a window of a table by what its SQL file selects, in one transaction.

`known_as_of` (the load number the run reads at) and `data_freshness` (when the newest load of the row's tenant that the
run can see had finished) are filled in here, for every dataset alike.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.sql_file import SqlFile

# Columns of every dataset, after those of its file.
COMMON_COLUMNS = {
    "known_as_of": "number of the newest load that the run could see",
    "data_freshness": "when the newest load of the tenant that the run could see had finished",
}
# Schemas whose datasets also say when a row's day was first built, and when last; after those columns.
STAMPED = ("dashboard", "ai")
STAMPS = {
    "created_at": "when the row's day was first built",
    "updated_at": "when the row was written",
}


def columns_after(file: SqlFile) -> dict[str, str]:
    """Columns of the dataset after those of its file, and what they mean."""
    if file.schema not in STAMPED:
        return COMMON_COLUMNS
    generated = {"generated_at": "when the text was generated"} if file.schema == "ai" else {}
    return COMMON_COLUMNS | generated | STAMPS


@dataclass(frozen=True)
class Window:
    """What a write replaces: everything, or the days [start, end) of a date column; of all tenants or of some.

    `days`: only these of them.
    """

    column: str | None = None
    start: Any = None
    end: Any = None
    tenants: tuple[str, ...] | None = None
    days: tuple[date, ...] | None = None

    def condition(self, alias: str) -> str:
        """SQL that is true inside the window."""
        parts = ["true"]
        if self.column:
            parts.append(f"{alias}.{self.column} >= :window_start and {alias}.{self.column} < :window_end")
        if self.days is not None:
            parts.append(f"{alias}.{self.column} = any(:window_days)")
        if self.tenants is not None:
            parts.append(f"{alias}.tenant_id = any(:window_tenants)")
        return " and ".join(parts)

    @property
    def all_days(self) -> tuple[date, ...]:
        """Its days, one by one; none where it is no window of days."""
        if self.days is not None or self.column is None:
            return self.days or ()
        return tuple(self.start + timedelta(n) for n in range((self.end - self.start).days))

    @property
    def params(self) -> dict[str, Any]:
        """Values of the condition's parameters."""
        values: dict[str, Any] = {"window_start": self.start, "window_end": self.end} if self.column else {}
        if self.days is not None:
            values["window_days"] = list(self.days)
        if self.tenants is not None:
            values["window_tenants"] = list(self.tenants)
        return values


WHOLE = Window()


@dataclass(frozen=True)
class Written:
    """Rows that a write removed and put in, how long it took, and which tenants' days read otherwise than before."""

    deleted: int
    inserted: int
    seconds: float
    changed: frozenset[tuple[str, date]] = frozenset()


@dataclass(frozen=True)
class ReadAt:
    """What a run reads: known time and, for each tenant, when its newest load seen from there had finished."""

    known_as_of: int
    freshness: dict[str, str] = field(default_factory=dict)
    # When the newest of these had finished that changed anything: the day of it is seen as of then.
    changed: dict[str, str] = field(default_factory=dict)


def read_at(connection: sa.Connection, known_as_of: int | None) -> ReadAt:
    """Resolve 'latest' (None) to the newest load's number; a number stays as it is."""
    if known_as_of is None:
        known_as_of = int(connection.scalar(sa.text("select coalesce(max(load_seq), 0) from crm_remote.loads")) or 0)

    def newest(loads: str) -> dict[str, str]:
        statement = (
            f"select tenant_id, max(finished_at)::text from crm_remote.{loads}"
            " where load_seq <= :known_as_of and tenant_id is not null group by tenant_id"
        )
        return {tenant: at for tenant, at in connection.execute(sa.text(statement), {"known_as_of": known_as_of})}

    return ReadAt(known_as_of, newest("loads"), newest("changing_loads"))


RUN_DAYS = """
create temporary table if not exists run_days (
    tenant_id text not null, day date not null, as_of timestamptz not null, quarter text not null,
    quarter_start date not null, quarter_end date not null, week_of_quarter int not null,
    fiscal_year_start date not null, weekday int not null
) on commit drop
"""
# What had been asked for when the write began.
RUN_REQUESTS = "create temporary table if not exists run_requests (request_id bigint not null) on commit drop"
FILL_RUN_REQUESTS = (
    "insert into run_requests select q.request_id from ops.rerun_requests as q where q.dataset = :dataset"
)
FILL_RUN_DAYS = """
insert into run_days
select f.tenant_id, c.day,
    case when f.finished_at > c.starts_at and f.finished_at < c.ends_at then f.finished_at else c.ends_at end,
    c.quarter, c.quarter_start, c.quarter_end, c.week_of_quarter, c.fiscal_year_start, c.weekday
from ops.calendar as c
cross join unnest(cast(:tenants as text[]), cast(:finished as timestamptz[])) as f (tenant_id, finished_at)
inner join staging.evidence as e on e.tenant_id = f.tenant_id and e.matter = 'deals' and e.since_date <= c.day
where c.day >= :window_start and c.day < :window_end and (:all_days or c.day = any(cast(:window_days as date[])))
order by c.day, f.tenant_id
"""


def prepare_days(connection: sa.Connection, table: str, at: ReadAt, window: Window) -> None:
    """Lay out pg_temp.run_days: each tenant's days of the window, with the instant that the day is seen as of.

    That is the day's end; on the day of the newest load that the run can see and that changed something, the end of
    that load: the day still runs. A tenant's days begin with its first deal.
    """
    connection.execute(sa.text(RUN_DAYS))
    connection.execute(sa.text(RUN_REQUESTS))
    connection.execute(sa.text("truncate run_days, run_requests"))
    tenants = [tenant for tenant in at.freshness if window.tenants is None or tenant in window.tenants]
    connection.execute(
        sa.text(FILL_RUN_DAYS),
        {
            "tenants": tenants,
            "finished": [at.changed.get(tenant) for tenant in tenants],
            "window_start": window.start,
            "window_end": window.end,
            "all_days": window.days is None,
            "window_days": list(window.days or ()),
        },
    )
    connection.execute(sa.text("analyze run_days"))
    connection.execute(sa.text(f"{FILL_RUN_REQUESTS} and {window.condition('q')}"), {"dataset": table, **window.params})


def note_days(connection: sa.Connection, file: SqlFile, at: ReadAt, window: Window) -> None:
    """Remember which days of the window have been written, and strike out what had been asked before that."""
    connection.execute(
        sa.text(
            f"delete from ops.days_written as d where d.dataset = :dataset and {window.condition('d')}"
            " and not exists (select from run_days as r where r.tenant_id = d.tenant_id and r.day = d.snapshot_date)"
        ),
        {"dataset": file.table, **window.params},
    )
    connection.execute(
        sa.text("delete from ops.rerun_requests where request_id in (select r.request_id from run_requests as r)")
    )
    connection.execute(
        sa.text(
            "insert into ops.days_written (dataset, tenant_id, snapshot_date, known_as_of, cut_at)"
            " select :dataset, r.tenant_id, r.day, :known_as_of, case when r.as_of < c.ends_at then r.as_of end"
            " from run_days as r inner join ops.calendar as c on r.day = c.day"
            " on conflict (dataset, tenant_id, snapshot_date)"
            " do update set known_as_of = excluded.known_as_of, cut_at = excluded.cut_at"
        ),
        {"dataset": file.table, "known_as_of": at.known_as_of},
    )


def note_table(connection: sa.Connection, table: str, at: ReadAt, tenants: tuple[str, ...]) -> None:
    """Remember what a table that was built as a whole could see of these tenants."""
    connection.execute(
        sa.text(
            "insert into ops.tables_written select :dataset, tenant_id, :known_as_of"
            " from unnest(cast(:tenants as text[])) as t (tenant_id)"
            " on conflict (dataset, tenant_id) do update set known_as_of = excluded.known_as_of"
        ),
        {"dataset": table, "known_as_of": at.known_as_of, "tenants": list(tenants)},
    )


def all_tenants(connection: sa.Connection) -> tuple[str, ...]:
    """Every tenant that ever loaded anything, in order."""
    statement = "select distinct tenant_id from crm_remote.loads where tenant_id is not null order by 1"
    return tuple(connection.scalars(sa.text(statement)))


Guard = Callable[[sa.Connection, SqlFile, Window], None]


def replace_window(
    connection: sa.Connection,
    file: SqlFile,
    at: ReadAt,
    window: Window = WHOLE,
    params: dict[str, Any] | None = None,
    guards: Sequence[Guard] = (),
    compare: bool = False,
    select: str | None = None,
) -> Written:
    """Replace the window; the caller's transaction commits. A guard that raises leaves the old rows in place.

    Writers of one dataset queue (advisory lock); readers see the old rows until the commit. With `compare` the days of
    the window that had rows and read otherwise now are found. `select` stands in for the file's own (reading_alone).
    """
    started = time.monotonic()
    _lock(connection, file, at)
    before = _digests(connection, file, window) if compare else {}
    deleted = connection.execute(
        sa.text(f"delete from {file.table} as d where {window.condition('d')}"), window.params
    ).rowcount
    columns = ", ".join([*file.columns, *columns_after(file)])
    stamps, first_build = "", ""
    if file.schema in STAMPED:
        stamps = (", now()" if file.schema == "ai" else "") + ", coalesce(s.first_written_at, now()), now()"
        first_build = (
            "left join ops.days_written as s on s.dataset = :dataset\n"
            "    and s.tenant_id = q.tenant_id and s.snapshot_date = q.snapshot_date\n"
        )
    statement = (
        f"insert into {file.table} ({columns})\n"
        f"select {', '.join('q.' + name for name in file.columns)}, :known_as_of, f.finished_at{stamps}\n"
        f"from (\n{select or file.select}\n) as q\n"
        "left join unnest(cast(:tenants as text[]), cast(:finished as timestamptz[])) as f (tenant_id, finished_at)\n"
        f"    on f.tenant_id = q.tenant_id\n{first_build}"
        f"where {window.condition('q')}\n{_in_key_order(connection, file)}"
    )
    inserted = connection.execute(
        sa.text(statement),
        {
            **(params or {}),
            **window.params,
            "known_as_of": at.known_as_of,
            "tenants": list(at.freshness),
            "finished": list(at.freshness.values()),
            **({"dataset": file.table} if first_build else {}),
        },
    ).rowcount
    for guard in guards:
        guard(connection, file, window)
    after = _digests(connection, file, window) if before else {}
    changed = frozenset(day for day, digest in before.items() if after.get(day) != digest)
    return Written(deleted, inserted, time.monotonic() - started, changed)


def _lock(connection: sa.Connection, file: SqlFile, at: ReadAt) -> None:
    """One writer of a dataset at a time, reading at the run's known time."""
    lock = "select pg_advisory_xact_lock(hashtextextended(:dataset, 2))"
    connection.execute(sa.text(lock), {"dataset": file.table})
    tell_known_time(connection, at)


def tell_known_time(connection: sa.Connection, at: ReadAt) -> None:
    """Let this transaction read at the run's known time (ops.known_as_of)."""
    connection.execute(sa.text("select set_config('revops.known_as_of', :value, true)"), {"value": str(at.known_as_of)})


# Schemas whose rows are a tenant's own.
OF_TENANTS = ("crm_remote", "history", "staging", "enriched", "analytics", "dashboard", "ai", "pipedrive", "dyno_crm")
NAMED = re.compile(rf"\b({'|'.join(OF_TENANTS)})\.([a-z_0-9]+)\b(?!\s*\()")


@contextmanager
def reading_alone(connection: sa.Connection, select: str, tenants: Sequence[str]) -> Iterator[str]:
    """The SELECT with views in place of the relations that it reads, which show these tenants' rows only: what breaks
    it in another tenant's rows does not break it here."""
    views = []
    for schema, name in sorted(set(NAMED.findall(select))):
        has_tenants = connection.scalar(
            sa.text(
                "select exists (select from pg_attribute"
                " where attrelid = to_regclass(:name) and attname = 'tenant_id' and not attisdropped)"
            ),
            {"name": f"{schema}.{name}"},
        )
        if has_tenants:
            view = f"alone__{schema}__{name}"
            made = connection.scalar(
                sa.text(
                    f"select format('create temporary view {view} as select * from {schema}.{name}"
                    " where tenant_id is null or tenant_id = any(%L)', cast(:tenants as text[]))"
                ),
                {"tenants": list(tenants)},
            )
            connection.exec_driver_sql(str(made).replace("%", "%%"))
            views.append(view)
            select = re.sub(rf"\b{schema}\.{name}\b(?!\s*\()", f"pg_temp.{view}", select)
    yield select
    if views:
        connection.execute(sa.text(f"drop view {', '.join('pg_temp.' + view for view in views)}"))


def replace_rows(
    connection: sa.Connection,
    file: SqlFile,
    at: ReadAt,
    window: Window = WHOLE,
    params: dict[str, Any] | None = None,
    select: str | None = None,
) -> Written:
    """Bring a table to what its file selects, writing only rows that differ; the caller's transaction commits.

    What was there and what is there instead stay in pg_temp.changed_rows (`side`: was or is) until then. Rows that read
    as before keep the known time and freshness of when they were written.
    """
    started = time.monotonic()
    _lock(connection, file, at)
    values = {**(params or {}), **window.params}
    names = ", ".join(file.columns)
    present = f"(select {names} from {file.table} as d where {window.condition('d')})"
    has_rows = connection.scalar(sa.text(f"select exists (select from {present} as p)"), window.params)
    differing = (
        f"select 'was' as side, w.* from ({present} except all select * from fresh_rows) as w\n"
        f"union all select 'is' as side, n.* from (select * from fresh_rows except all {present}) as n"
    )
    for statement in (
        "drop table if exists pg_temp.fresh_rows, pg_temp.changed_rows",
        f"create temporary table fresh_rows on commit drop as select {', '.join('q.' + name for name in file.columns)}"
        f" from (\n{select or file.select}\n) as q where {window.condition('q')}",
        "create temporary table changed_rows on commit drop as\n"
        + (differing if has_rows else "select 'is' as side, n.* from fresh_rows as n"),
        "analyze changed_rows",
    ):
        connection.execute(sa.text(statement), values)
    if keys := key_of(connection, file):
        where = "using changed_rows as c where c.side = 'was' and " + " and ".join(f"d.{k} = c.{k}" for k in keys)
        rows, order = "changed_rows as q", f"where q.side = 'is' order by {', '.join('q.' + key for key in keys)}"
    else:
        where, rows, order = f"where {window.condition('d')}", "fresh_rows as q", ""
    deleted = connection.execute(sa.text(f"delete from {file.table} as d {where}"), values).rowcount
    inserted = connection.execute(
        sa.text(
            f"insert into {file.table} ({names}, {', '.join(COMMON_COLUMNS)})\n"
            f"select {', '.join('q.' + name for name in file.columns)}, :known_as_of, f.finished_at\nfrom {rows}\n"
            "left join unnest(cast(:tenants as text[]), cast(:finished as timestamptz[])) as f (tenant_id, finished_at)"
            f" on f.tenant_id = q.tenant_id\n{order}"
        ),
        {"known_as_of": at.known_as_of, "tenants": list(at.freshness), "finished": list(at.freshness.values())},
    ).rowcount
    return Written(deleted, inserted, time.monotonic() - started)


def _digests(connection: sa.Connection, file: SqlFile, window: Window) -> dict[tuple[str, date], Any]:
    """For each tenant and day with rows a number that their contents give, in whatever order."""
    values = ", ".join(f"d.{name}" for name in file.columns)
    statement = (
        f"select d.tenant_id, d.{window.column}, sum(hashtextextended(row({values})::text, 0)::numeric), count(*)"
        f" from {file.table} as d where {window.condition('d')} group by 1, 2"
    )
    rows = connection.execute(sa.text(statement), window.params)
    return {(tenant, day): tuple(digest) for tenant, day, *digest in rows}


def key_of(connection: sa.Connection, file: SqlFile) -> list[str]:
    """Columns of the table's primary key, in order."""
    keys = connection.scalars(
        sa.text(
            "select a.attname from pg_index as i cross join unnest(i.indkey) with ordinality as k (attnum, place)"
            " inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum"
            " where i.indrelid = to_regclass(:name) and i.indisprimary order by k.place"
        ),
        {"name": file.table},
    )
    return list(keys)


def _in_key_order(connection: sa.Connection, file: SqlFile) -> str:
    """ORDER BY the table's primary key: its index then grows at one end, several times faster than at random places."""
    keys = key_of(connection, file)
    return "order by " + ", ".join(f"q.{key}" for key in keys) if keys else ""


def check_columns(connection: sa.Connection, file: SqlFile) -> None:
    """The table has the columns that its file describes and those that follow, in any order."""
    rows = connection.execute(
        sa.text(
            "select attname from pg_attribute where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
        ),
        {"name": file.table},
    )
    present, wanted = {name for (name,) in rows}, {*file.columns, *columns_after(file)}
    if present != wanted:
        lacking, more = sorted(wanted - present), sorted(present - wanted)
        raise RevopsError(
            f"{file.table} lacks {lacking} and has {more} beyond what its file describes: run `revops db upgrade`"
        )

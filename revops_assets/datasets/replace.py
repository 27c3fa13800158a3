"""The one writer of datasets: replaces exactly a window of a table by what its SQL file selects, in one transaction.

`known_as_of` (the load number the run reads at) and `data_freshness` (when the newest load of the row's tenant that the
run can see had finished) are filled in here, for every dataset alike.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa

from revops_assets.datasets.window import READ_AT, WHOLE, ReadAt, Window, Written
from revops_assets.errors import RevopsError
from revops_assets.warehouse.sql_files import COMMON_COLUMNS, SqlFile

Guard = Callable[[sa.Connection, SqlFile, Window], None]


def replace_window(
    connection: sa.Connection,
    file: SqlFile,
    at: ReadAt,
    window: Window = WHOLE,
    guards: Sequence[Guard] = (),
    compare: bool = False,
    select: str | None = None,
) -> Written:
    """Replace the window; the caller's transaction commits. A guard that raises leaves the old rows in place.

    Writers of one dataset queue (advisory lock); readers see the old rows until the commit. With `compare` the days of
    the window that read otherwise now, with rows or without, are found. `select` stands in for the file's own
    (reading_alone).
    """
    started = time.monotonic()
    _lock(connection, file, at)
    before = _digests(connection, file, window) if compare else {}
    deleted = connection.execute(
        sa.text(f"delete from {file.table} as d where {window.condition('d')}"), window.params
    ).rowcount
    columns = ", ".join(file.all_columns)
    stamps, first_build = "", ""
    if file.has_contract:
        stamps = (", now()" if file.schema == "ai" else "") + ", coalesce(s.first_written_at, now()), now()"
        first_build = (
            "left join ops.partition_ledger as s on s.dataset = :dataset\n"
            "    and s.tenant_id = q.tenant_id and s.snapshot_date = q.snapshot_date\n"
        )
    statement = (
        f"insert into {file.table} ({columns})\n"
        f"select {', '.join('q.' + name for name in file.columns)}, :known_as_of, f.finished_at{stamps}\n"
        f"from (\n{select or file.select}\n) as q\n"
        "left join unnest(cast(:tenants as text[]), cast(:finished as timestamptz[])) as f (tenant_id, finished_at)\n"
        f"    on f.tenant_id = q.tenant_id\n{first_build}"
        f"where {window.condition('q')}\n{_in_key_order(file)}"
    )
    inserted = connection.execute(
        sa.text(statement),
        {
            **window.params,
            "known_as_of": at.known_as_of,
            "tenants": list(at.freshness),
            "finished": list(at.freshness.values()),
            **({"dataset": file.table} if first_build else {}),
        },
    ).rowcount
    for guard in guards:
        guard(connection, file, window)
    after = _digests(connection, file, window, with_contents=bool(before)) if compare else {}
    changed = frozenset(day for day in before.keys() | after.keys() if after.get(day) != before.get(day))
    return Written(deleted, inserted, time.monotonic() - started, changed)


def renew_statistics(connection: sa.Connection, file: SqlFile, written: Sequence[Written]) -> None:
    """What reads the table next is planned by what is there now, after these writes."""
    connection.execute(
        sa.text("select ops.analyze_table(to_regclass(:table), :more, :written, cast(:key as text[]))"),
        {
            "table": file.table,
            "more": abs(sum(each.inserted - each.deleted for each in written)),
            "written": sum(each.inserted + each.deleted for each in written),
            "key": list(file.key),
        },
    )


def _lock(connection: sa.Connection, file: SqlFile, at: ReadAt) -> None:
    """One writer of a dataset at a time, reading at the run's transaction time."""
    lock = f"select pg_advisory_xact_lock(hashtextextended(:dataset, 2)), {READ_AT}"
    connection.execute(sa.text(lock), {"dataset": file.table, "known_as_of": str(at.known_as_of)})


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
    select: str | None = None,
) -> Written:
    """Bring a table to what its file selects, writing only rows that differ; the caller's transaction commits.

    What was there and what is there instead stay in pg_temp.changed_rows (`side`: was or is) until then. Rows that read
    as before keep the transaction time and freshness of when they were written.
    """
    started = time.monotonic()
    _lock(connection, file, at)
    values = window.params
    names = ", ".join(file.columns)
    present = f"(select {names} from {file.table} as d where {window.condition('d')})"
    has_rows = connection.scalar(sa.text(f"select exists (select from {present} as p)"), window.params)
    differing = (
        f"select 'was' as side, w.* from ({present} except all select * from fresh_rows) as w\n"
        f"union all select 'is' as side, n.* from (select * from fresh_rows except all {present}) as n"
    )
    compared = differing if has_rows else "select 'is' as side, n.* from fresh_rows as n"
    for statement in (
        "drop table if exists pg_temp.fresh_rows, pg_temp.changed_rows;\n"
        f"create temporary table fresh_rows on commit drop as select {', '.join('q.' + name for name in file.columns)}"
        f" from (\n{select or file.select}\n) as q where {window.condition('q')}",
        f"create temporary table changed_rows on commit drop as\n{compared};\nanalyze changed_rows",
    ):
        connection.execute(sa.text(statement), values)
    if keys := file.key:
        where = "using changed_rows as c where c.side = 'was' and " + " and ".join(f"d.{k} = c.{k}" for k in keys)
        rows, order = "changed_rows as q", f"where q.side = 'is' order by {', '.join('q.' + key for key in keys)}"
    else:
        where, rows, order = f"where {window.condition('d')}", "fresh_rows as q", ""
    deleted = connection.execute(sa.text(f"delete from {file.table} as d {where}"), values).rowcount if has_rows else 0
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


def _digests(
    connection: sa.Connection, file: SqlFile, window: Window, with_contents: bool = True
) -> dict[tuple[str, date], Any]:
    """For each tenant and day with rows a number that their contents give, in whatever order; or just how many."""
    values = ", ".join(f"d.{name}" for name in file.columns)
    contents = f"sum(hashtextextended(row({values})::text, 0)::numeric), " if with_contents else ""
    statement = (
        f"select d.tenant_id, d.{window.column}, {contents}count(*)"
        f" from {file.table} as d where {window.condition('d')} group by 1, 2"
    )
    rows = connection.execute(sa.text(statement), window.params)
    return {(tenant, day): tuple(digest) for tenant, day, *digest in rows}


def _in_key_order(file: SqlFile) -> str:
    """ORDER BY the table's primary key: its index then grows at one end, several times faster than at random places."""
    return "order by " + ", ".join(f"q.{key}" for key in file.key) if file.key else ""


def check_columns(connection: sa.Connection, file: SqlFile) -> None:
    """The table has the columns that its file describes and those that follow, in any order."""
    rows = connection.execute(
        sa.text(
            "select attname from pg_attribute where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
        ),
        {"name": file.table},
    )
    present, wanted = {name for (name,) in rows}, {*file.all_columns}
    if present != wanted:
        lacking, more = sorted(wanted - present), sorted(present - wanted)
        raise RevopsError(
            f"{file.table} lacks {lacking} and has {more} beyond what its file describes: run `revops db upgrade`"
        )


@contextmanager
def selecting(connection: sa.Connection, file: SqlFile, window: Window, alone: bool) -> Iterator[str]:
    """The file's SELECT; alone: of the window's tenants' rows only."""
    if alone:
        with reading_alone(connection, file.select, window.tenants or ()) as select:
            yield select
    else:
        yield file.select

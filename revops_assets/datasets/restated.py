"""What stored days said before they were written again: ops.restated_rows, of datasets whose header keeps it."""

from __future__ import annotations

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.sql_files import SqlFile

# Rows that read otherwise than before the write, of days that had been written: a first build restates nothing. A write
# at an earlier load than the newest that the day was written at (its front) is a look back: what held at the front
# holds on (restated_by is null), and what the look back wrote is nobody's.
KEEP = """
insert into ops.restated_rows (
    dataset, tenant_id, snapshot_date, row_key, was, known_as_of, restated_by, cut_at, because_of, run_id
)
select w.dataset, w.tenant_id, w.snapshot_date, k.row_key, to_jsonb(b) - cast(:stamps as text[]), f.front,
    case when f.front <= :known_as_of then :known_as_of end, w.cut_at, q.reason, :run_id
from pg_temp.rows_before as b
full join (select * from {table} as d where {condition}) as n using ({keys})
inner join ops.partition_ledger as w
    on w.dataset = :dataset and w.tenant_id = coalesce(b.tenant_id, n.tenant_id)
    and w.snapshot_date = coalesce(b.snapshot_date, n.snapshot_date)
cross join lateral (select jsonb_build_object({key}) as row_key) as k
cross join lateral (
    select greatest(w.known_as_of, max(r.known_as_of)) as front
    from ops.restated_rows as r
    where r.dataset = w.dataset and r.tenant_id = w.tenant_id and r.snapshot_date = w.snapshot_date
        and r.restated_by is null
) as f
left join ops.stale_partitions as q
    on q.dataset = w.dataset and q.tenant_id = w.tenant_id and q.snapshot_date = w.snapshot_date
where ({was}) is distinct from ({is}) and not exists (
    select from ops.restated_rows as r
    where r.dataset = w.dataset and r.tenant_id = w.tenant_id and r.snapshot_date = w.snapshot_date
        and r.row_key = k.row_key and r.restated_by is null
)
"""
# What held while the day showed an earlier load holds until this one.
CLOSE = """
update ops.restated_rows as r
set restated_by = :known_as_of
where r.dataset = :dataset and r.restated_by is null and r.known_as_of <= :known_as_of and {days}
"""


def remember_rows(connection: sa.Connection, file: SqlFile, window: Window) -> None:
    """Lay the window's rows aside before they are replaced (pg_temp.rows_before)."""
    if file.restatements_of is None:
        return
    connection.execute(sa.text("drop table if exists pg_temp.rows_before"))
    connection.execute(
        sa.text(
            f"create temporary table rows_before on commit drop as select * from {file.table} as d"
            f" where {window.condition('d')} and ({file.restatements_of})"
        ),
        window.params,
    )


def keep_restated(connection: sa.Connection, file: SqlFile, at: ReadAt, window: Window, run_id: str) -> None:
    """Keep what rows said that read otherwise now. Called before the write is noted in the ledger."""
    if file.restatements_of is None:
        return
    key = [name for name in file.key if name not in ("tenant_id", "snapshot_date")]
    statement = KEEP.format(
        key=", ".join(f"'{name}', {name}" for name in key),
        keys=", ".join(("tenant_id", "snapshot_date", *key)),
        table=file.table,
        condition=f"{window.condition('d')} and ({file.restatements_of})",
        was=", ".join(f"b.{name}" for name in file.columns),
        **{"is": ", ".join(f"n.{name}" for name in file.columns)},
    )
    stamps = [name for name in file.all_columns if name not in file.columns]
    values = {"dataset": file.table, "known_as_of": at.known_as_of, "run_id": run_id, "stamps": stamps}
    connection.execute(sa.text(statement), window.params | values)
    connection.execute(sa.text(CLOSE.format(days=window.condition("r"))), window.params | values)

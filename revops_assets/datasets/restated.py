"""What stored days said before they were written again: ops.restated_rows, of datasets whose header keeps it."""

from __future__ import annotations

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.sql_files import SqlFile

# Rows that read otherwise than before the write, of days that had been written: a first build restates nothing.
KEEP = """
insert into ops.restated_rows (
    dataset, tenant_id, snapshot_date, row_key, was, known_as_of, restated_by, because_of, run_id
)
select w.dataset, w.tenant_id, w.snapshot_date, jsonb_build_object({key}),
    to_jsonb(b) - cast(:stamps as text[]), w.known_as_of, :known_as_of, q.reason, :run_id
from pg_temp.rows_before as b
full join (select * from {table} as d where {condition}) as n using ({keys})
inner join ops.partition_ledger as w
    on w.dataset = :dataset and w.tenant_id = coalesce(b.tenant_id, n.tenant_id)
    and w.snapshot_date = coalesce(b.snapshot_date, n.snapshot_date)
left join ops.stale_partitions as q
    on q.dataset = w.dataset and q.tenant_id = w.tenant_id and q.snapshot_date = w.snapshot_date
where w.known_as_of <= :known_as_of and ({was}) is distinct from ({is})
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

"""Full exports: records that are known and not in the export any more were deleted.

A deal, a person or a company counts as deleted from the load on. An event (an activity, a change) that the source does
not know any more never was; changes of a deal that is gone itself stay its past.
"""

from __future__ import annotations

from collections.abc import Collection

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import RevopsError
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.targets import HISTORIES, key_of, targets


def stage_gone(
    cursor: PgCursor, mapping: Mapping, load_id: int, tenant: str, read: Collection[str], rejected: list[str]
) -> None:
    """Stage the deletion of what is gone from every table that complete files alone feed.

    `read`: files that are not the same as before; `rejected`: records that were quarantined, which are not gone.
    RevopsError if all deals would be gone.
    """
    cursor.execute("select table_name, is_event from crm.canonical_tables")
    is_event = dict(cursor.fetchall())
    cursor.execute(
        "select distinct file_key from crm.load_files where tenant_id = %s and source = %s",
        (tenant, mapping.raw_schema or mapping.name),
    )
    known = {key for (key,) in cursor.fetchall()}
    for table, specs in mapping.tables.items():
        sources = {str(spec.source) for spec in specs if spec.source} & (known | set(read))
        # Where some of a table's files are as they were or not there, their records are not staged and yet not gone.
        if not sources or not sources <= set(read) or not all(mapping.is_complete(key) for key in sources):
            continue
        folded = mapping.fold_opportunities and not any(
            spec.source in read for spec in mapping.tables.get("opportunities", [])
        )
        if folded and table == "opportunity_history":
            _stage(cursor, mapping, load_id, tenant, "opportunities", rejected, by=table)
        _stage(cursor, mapping, load_id, tenant, table, rejected, is_event=is_event[table])


def _stage(
    cursor: PgCursor, mapping: Mapping, load_id: int, tenant: str, table: str, rejected: list[str],
    is_event: bool = False, by: str | None = None,
) -> None:  # fmt: skip
    """`by`: the history whose records tell which deals there are."""
    key = sql.Identifier(key_of(table))
    columns = [name for name in targets()[table] if name not in ("modified_at", "is_deleted")]
    still_there = sql.SQL("select from pg_temp.{} as s where s.load_id = {} and s.{} = v.{}").format(
        sql.Identifier(by or table), sql.Literal(load_id), key, key
    )
    conditions: sql.Composable = sql.SQL("")
    if table in HISTORIES:  # of records that are there
        record = sql.Identifier(key_of(HISTORIES[table]))
        conditions = sql.SQL(" and exists (select from pg_temp.{} as s where s.load_id = {} and s.{} = v.{})").format(
            sql.Identifier(table), sql.Literal(load_id), record, record
        )
    cursor.execute(
        sql.SQL(
            "insert into pg_temp.{} (load_id, {}, modified_at, is_deleted, record)"
            " select {}, {}, {}, true, v.record from crm.{} as v inner join crm.loads as l on l.load_id = v.load_id"
            " where v.tenant_id = {tenant} and not v.is_deleted and l.source = {source} and not exists ({}){}"
            # Another source's exports, which told of it before, may hold it still.
            " and not exists (select from crm.{} as p inner join crm.loads as o on o.load_id = p.load_id"
            " where p.tenant_id = {tenant} and p.{key} = v.{key} and o.source <> {source})"
            " and not exists (select from unnest({}::text[]) as r (record) where position(v.{} in r.record) > 0)"
        ).format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(load_id),
            sql.SQL(", ").join(sql.Identifier("v", name) for name in columns),
            sql.SQL("null::timestamptz") if is_event
            else sql.SQL("(select n.started_at from crm.loads as n where n.load_id = {})").format(sql.Literal(load_id)),
            sql.Identifier(f"{table}_current"), still_there, conditions, sql.Identifier(f"{table}_versions"),
            sql.Literal(rejected), key, key=key, tenant=sql.Literal(tenant), source=sql.Literal(mapping.name),
        )
    )  # fmt: skip
    gone = cursor.rowcount
    if gone and table == "opportunities":
        cursor.execute(
            sql.SQL("select exists (select from pg_temp.{} as s where s.load_id = {} and not s.is_deleted)").format(
                sql.Identifier(by or table), sql.Literal(load_id)
            )
        )
        if cursor.fetchall() == [(False,)]:
            raise RevopsError(
                f"the export holds none of the {gone} deals that are known, and the mapping says that it is complete;"
                " nothing was loaded"
            )

"""Taking a load back: what is known again is what would be known without it, as a load of its own."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import NotFound, RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

LOAD = """
select l.tenant_id, l.source, l.status, l.undoes, l.undone_by, u.load_id as undo_id,
    not exists (
        select from crm.loads as o
        where o.tenant_id = l.tenant_id and o.load_seq < l.load_seq and o.undoes is null and o.undone_by is null
    ) as is_first
from crm.loads as l
left join crm.loads as u on u.undoes = l.load_id
where l.load_id = %s
"""
# As loads of these files do: which export is the current one is decided under this lock.
LOCK_FILES = """
select pg_advisory_xact_lock(hashtextextended(f.tenant_id || '/' || f.source, 1))
from (select distinct tenant_id, source from crm.load_files where load_id = %s) as f
"""
LATER = """
select l.load_id, l.directory
from crm.loads as l
inner join crm.loads as w on w.tenant_id = l.tenant_id and w.load_seq < l.load_seq
where w.load_id = %s and l.undoes is null and l.undone_by is null
order by l.load_seq
"""


@dataclass(frozen=True)
class UndoneTable:
    """Records of one canonical table: as before the load again, not known any more, as a later load said, and those of
    which the load had only told older versions."""

    table_name: str
    put_back: int
    removed: int
    later: int
    past: int


@dataclass(frozen=True)
class Undone:
    """A load that was taken back, by which load; whether nothing of the tenant came before it.

    `later_loads`: the tenant's later loads that stand, with their folders; what they said in the same words was no
    change then.
    """

    load_id: int
    undo_id: int
    tenant: str
    is_first: bool
    tables: tuple[UndoneTable, ...]
    later_loads: tuple[tuple[int, str | None], ...] = ()


def undo_load(settings: Settings, load_id: int) -> Undone:
    """Take a load back, in one transaction. NotFound; RevopsError where there is nothing to take back."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(LOCK_FILES, (load_id,))
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('crm.load_seq', 0))")
        tenant, is_first = _check(cursor, load_id)
        cursor.execute("select crm.undo_load(%s)", (load_id,))
        [(undo_id,)] = cursor.fetchall()
        cursor.execute(
            "select table_name, rows_put_back, rows_removed, rows_later, rows_past from crm.undone_tables"
            " where load_id = %s and rows_put_back + rows_removed + rows_later + rows_past > 0 order by table_name",
            (undo_id,),
        )
        tables = tuple(UndoneTable(*row) for row in cursor.fetchall())
        cursor.execute(LATER, (load_id,))
        return Undone(load_id, undo_id, tenant, is_first, tables, tuple(cursor.fetchall()))


def _check(cursor: PgCursor, load_id: int) -> tuple[str, bool]:
    """The load's tenant, and whether nothing came before; an error says why it cannot be taken back."""
    cursor.execute(LOAD, (load_id,))
    found = cursor.fetchone()
    if found is None:
        raise NotFound(
            f"there is no load {load_id}: `select load_id, directory, finished_at from crm.loads` lists them"
        )
    tenant, source, status, undoes, undone_by, undo_id, is_first = found
    if status != "finished":
        left = "it left nothing" if status == "failed" else "what is not finished changed nothing"
        raise RevopsError(f"load {load_id} is {status}: {left} to take back")
    if tenant is None:
        raise RevopsError(f"load {load_id} is a change of {source}: change the file in sql/reference back")
    if undoes is not None:
        raise RevopsError(f"load {load_id} took load {undoes} back: load that export again with `revops load DIR`")
    if undone_by is not None:
        raise RevopsError(f"load {load_id} was taken back already, by load {undo_id}")
    return tenant, is_first

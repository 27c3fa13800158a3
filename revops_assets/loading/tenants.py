"""Companies of an installation: which there are, and taking one out again with everything that is its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import NotFound
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

LISTED = """
select t.tenant_id, count(l.load_id) filter (where l.status = 'finished') as loads, max(l.finished_at) as newest
from crm.tenants as t
left join crm.loads as l on t.tenant_id = l.tenant_id
group by t.tenant_id
order by t.tenant_id
"""
# Tables with rows of a company, or of its loads; partitions go with the table that they are of. What reference files
# say of companies stays.
OWN = """
select n.nspname, c.relname, bool_or(a.attname = 'tenant_id') as has_tenant,
    bool_or(a.atttypid = 'uuid'::regtype) as by_uuid
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attname in ('tenant_id', 'load_id') and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema|reference$)'
group by n.nspname, c.relname
having bool_or(a.attname = 'tenant_id') or n.nspname in ('crm', 'crm_staging', 'pipedrive_raw')
order by (n.nspname, c.relname) = ('crm', 'tenants'), (n.nspname, c.relname) = ('crm', 'loads'), 1, 2
"""
OF_ITS_LOADS = "load_id in (select l.load_id from crm.loads as l where l.tenant_id = %s)"


@dataclass(frozen=True)
class Tenant:
    """A company, how many loads it has, and when the newest of them had finished."""

    tenant_id: str
    loads: int
    newest: datetime | None


def list_tenants(settings: Settings) -> list[Tenant]:
    """Every company that anything was loaded for."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(LISTED)
        return [Tenant(*row) for row in cursor.fetchall()]


def remove_tenant(settings: Settings, tenant: str, dry_run: bool = False) -> dict[str, int]:
    """Take a company out of source and warehouses, each in one transaction, the warehouses first: what is left half way
    can be taken out again. Returns how many rows each database loses; NotFound. Loads wait meanwhile; no run may write.
    """
    if tenant not in {one.tenant_id for one in list_tenants(settings)}:
        raise NotFound(f"there is no tenant {tenant!r}: `revops tenant list` shows them")
    lost = {}
    for environment in (settings.for_env("dev"), settings.for_env("prod")):
        with databases.connect(environment, "warehouse") as connection:
            lost[databases.name_of(environment, "warehouse")] = _delete(connection, tenant, dry_run)
    with databases.connect(settings, "source") as connection:
        with connection.cursor() as cursor:
            cursor.execute("lock table crm.loads in share row exclusive mode")
        lost[databases.name_of(settings, "source")] = _delete(connection, tenant, dry_run)
    return lost


def _delete(connection: PgConnection, tenant: str, dry_run: bool) -> int:
    lost = 0
    with connection.cursor() as cursor:
        cursor.execute(OWN)
        for schema, name, has_tenant, by_uuid in cursor.fetchall():
            table = sql.Identifier(schema, name)
            named = "tenant_id = ops.uuid_of('tenant', %s)" if by_uuid else "tenant_id = %s"
            condition = sql.SQL(named if has_tenant else OF_ITS_LOADS)
            if dry_run:
                cursor.execute(sql.SQL("select count(*) from {} where {}").format(table, condition), (tenant,))
                [(count,)] = cursor.fetchall()
                lost += count
            else:
                cursor.execute(sql.SQL("delete from {} where {}").format(table, condition), (tenant,))
                lost += cursor.rowcount
    return lost

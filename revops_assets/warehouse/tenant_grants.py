"""Which companies a login reads: rows of ops.tenant_grants, the same in both warehouses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import NotFound
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

EVERY = "*"
GIVE = "insert into ops.tenant_grants (role, tenant_id) select %s::oid, unnest(%s::text[]) on conflict do nothing"
TAKE = "delete from ops.tenant_grants where role = %s::oid and (tenant_id = any(%s) or %s)"
LISTED = """
select r.rolname, g.tenant_id, g.granted_by, g.granted_at
from ops.tenant_grants as g
inner join pg_roles as r on r.oid = g.role
order by r.rolname, g.tenant_id
"""


@dataclass(frozen=True)
class TenantGrant:
    """A role and a company whose rows its members read; who said so, and when."""

    role: str
    tenant_id: str
    granted_by: str
    granted_at: datetime


def give(settings: Settings, role: str, tenants: Sequence[str]) -> None:
    """Let a role, and whoever is a member of it, read these companies' rows. NotFound."""
    for environment in (settings.for_env("dev"), settings.for_env("prod")):
        with databases.connect(environment, "warehouse") as connection, connection.cursor() as cursor:
            cursor.execute("select tenant_id from semantic.tenants")
            known = {EVERY, *(tenant for (tenant,) in cursor.fetchall())}
            if unknown := sorted(set(tenants) - known):
                raise NotFound(f"there is no tenant {unknown[0]!r}: `revops tenant list` shows them")
            cursor.execute(GIVE, (_role(cursor, role), list(tenants)))


def take(settings: Settings, role: str, tenants: Sequence[str]) -> None:
    """Let a role read these companies' rows no longer; of none that are named: any."""
    for environment in (settings.for_env("dev"), settings.for_env("prod")):
        with databases.connect(environment, "warehouse") as connection, connection.cursor() as cursor:
            cursor.execute(TAKE, (_role(cursor, role), list(tenants), not tenants))


def granted(settings: Settings) -> list[TenantGrant]:
    """Who reads which companies."""
    with databases.connect(settings, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(LISTED)
        return [TenantGrant(*row) for row in cursor.fetchall()]


def _role(cursor: PgCursor, role: str) -> int:
    cursor.execute("select oid from pg_roles where rolname = %s", (role,))
    if (found := cursor.fetchone()) is None:
        raise NotFound(f"there is no role {role!r} on the server: `create role` makes one (docs/bi.md)")
    return int(found[0])

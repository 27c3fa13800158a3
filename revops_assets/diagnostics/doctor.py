"""What `revops doctor` finds: each thing that must work, tried for real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg2

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import roles

# Tables with a tenant_id that are not guarded, how many are, and logins that may read dashboards of no company.
ISOLATION = """
select string_agg(t.name, ', ') filter (where not t.is_guarded), count(*), (
    select array_agg(r.rolname::text order by r.rolname)
    from pg_roles as r
    where r.rolcanlogin and not r.rolsuper and has_table_privilege(r.oid, 'metrics.run_log', 'select')
        and not exists (select from ops.tenant_grants as g where pg_has_role(r.oid, g.role, 'member'))
)
from (
    select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity and array(
        select p.polname from pg_policy as p where p.polrelid = c.oid order by 1
    ) = array['readers', 'writers']::name[] as is_guarded
    from pg_class as c
    inner join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.relnamespace::regnamespace::text !~ '^(pg_|inf)'
) as t
"""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: fine or not, and what was found."""

    what: str
    is_fine: bool
    found: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; a fault does not end the examination."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version)
    yield _try("server", lambda: _server(settings))
    yield _try("source", lambda: _source(settings))
    for env in ("dev", "prod"):
        chosen = settings.for_env(env)
        yield _try(f"warehouse {env}", lambda chosen=chosen: _warehouse(chosen))  # type: ignore[misc]
        yield _try(f"isolation {env}", lambda chosen=chosen: _isolation(chosen))  # type: ignore[misc]
    yield _try("dagster storage", lambda: _dagster(settings))
    yield _try("loads", lambda: _loads(settings))


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (RevopsError, psycopg2.Error) as error:
        return Finding(what, False, " ".join(str(error).split()))


def _one(settings: Settings, database: databases.Database, query: str) -> tuple[object, ...]:
    with databases.connect(settings, database) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        return row if row else ()


def _server(settings: Settings) -> str:
    url = databases.server_url(settings)
    connection = databases.open_connection(settings, url)
    number = connection.server_version
    connection.close()
    kind = "embedded" if settings.database_url is None else "REVOPS_DATABASE_URL"
    if number < 150000:
        raise RevopsError(f"PostgreSQL {number // 10000} is too old; 15 or newer is needed")
    return f"PostgreSQL {number // 10000}.{number % 10000}, {kind}, {url.render_as_string(hide_password=True)}"


def _source(settings: Settings) -> str:
    revision, tenants = _one(
        settings,
        "source",
        "select (select version_num from schema_version), (select count(*) from crm.tenants)",
    )
    return f"{databases.name_of(settings, 'source')}: schema {revision}, {tenants} tenants"


def _warehouse(settings: Settings) -> str:
    revision, loads = _one(
        settings,
        "warehouse",
        "select (select version_num from schema_version), (select count(*) from crm_remote.loads)",
    )
    return f"{databases.name_of(settings, 'warehouse')}: schema {revision}, reads {loads} loads over postgres_fdw"


def _isolation(settings: Settings) -> str:
    open_tables, guarded, blind = _one(settings, "warehouse", ISOLATION)
    if open_tables:
        raise RevopsError(f"{open_tables}: whoever may read that reads every company: run `revops db upgrade`")
    told = f"{guarded} tables show a login its companies only"
    lonely = [name for name in blind or [] if name not in roles(settings).names.values()]  # type: ignore[attr-defined]
    return f"{told}; {', '.join(lonely)} may read and sees none: `revops tenant grant`" if lonely else told


def _dagster(settings: Settings) -> str:
    (runs,) = _one(settings, "dagster", "select count(*) from runs")
    return f"{databases.name_of(settings, 'dagster')}: {runs} runs"


def _loads(settings: Settings) -> str:
    finished, failed, newest, rejected = _one(
        settings,
        "source",
        "select count(*) filter (where status = 'finished'), count(*) filter (where status = 'failed'),"
        " max(finished_at) filter (where status = 'finished'), coalesce(sum(rows_rejected), 0) from crm.loads",
    )
    if not finished:
        return "none yet: `revops load DIR`"
    return f"{finished} finished, {failed} failed, {rejected} records rejected; newest {newest:%Y-%m-%d %H:%M %Z}"

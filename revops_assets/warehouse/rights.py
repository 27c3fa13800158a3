"""What each role may do, and nothing else: `revops db upgrade` grants what is missing and takes away what is more.

RIGHTS is the one list; docs/roles.md shows it, a test holds both to the catalogue. The owner, who upgrades, has no
entry: the databases are his. Whose rows a role reads of what it may read is row-level security's to say
(ops.isolate_tenants).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection
from psycopg2.extensions import cursor as PgCursor

from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import roles

# What a right is on, beside relations and functions by name.
Scope = Literal["tables", "relations", "foreign tables", "sequences", "functions", "database"]
KINDS = {"tables": "rp", "relations": "rpvf", "foreign tables": "f", "sequences": "S"}
READ, WRITE = "select", "select, insert, update, delete"
DATASETS = ("staging", "enriched", "analytics", "dashboard", "ai", "metrics", "dyno_crm", "pipedrive", "reference")
# What of the registry is read by who queries the warehouse; and by the pages only.
REGISTRY = (
    "metric_definitions", "metric_values", "metric_runs", "column_metadata", "table_profiles", "freshness",
    "partitions",
)  # fmt: skip
SHOWN_ON_PAGES = ("loads", "restatements")
BOOKKEEPING = (
    "alerts", "finished_runs", "partition_ledger", "reference_files", "restated_rows", "stale_partitions",
    "table_ledger", "unwritten",
)  # fmt: skip
LOOKED_UP = ("calendar", "calendar_settings", "deal_credits", "exchange_rates", "pipeline_stages", "quarters_ahead",
             "stage_meanings")  # fmt: skip


@dataclass(frozen=True)
class Right:
    """Privileges of a role in a schema: on a scope, or on what is named. `tables` are no views, foreign tables or
    partitions: those are read through their table. Whoever has a right in a schema may use the schema."""

    role: str
    database: databases.Database
    schema: str
    privileges: str
    on: Scope | tuple[str, ...] = "tables"


def _list() -> Iterator[Right]:
    for schema in ("crm", "crm_staging", "pipedrive_raw"):
        yield Right("loader", "source", schema, WRITE, "relations")
        yield Right("loader", "source", schema, "select, usage", "sequences")
    yield Right("loader", "source", "", "temporary", "database")
    yield Right("reader", "source", "crm", READ, "relations")
    yield Right("reader", "source", "pipedrive_raw", READ, "relations")
    yield Right("reader", "warehouse", "pipedrive", READ, "relations")
    yield from _of_the_transformer()
    yield Right("admin", "warehouse", "ops", "select, insert, delete", ("tenant_grants",))
    yield Right("admin", "warehouse", "ops", "select, insert, update", ("api_tokens",))
    yield Right("admin", "warehouse", "semantic", READ, ("tenants",))
    for role in ("bi", "analyst", "web"):
        yield Right(role, "warehouse", "dashboard", READ)
        yield Right(role, "warehouse", "metrics", READ)
        yield Right(role, "warehouse", "metrics", READ, ("stale_days",))
    for role in ("analyst", "web"):
        yield Right(role, "warehouse", "semantic", READ, REGISTRY)
    yield Right("web", "warehouse", "semantic", READ, SHOWN_ON_PAGES)
    for schema in ("staging", "enriched", "analytics"):
        yield Right("web", "warehouse", schema, READ)
    outcomes = ("action_outcomes", "insight_outcomes")
    yield Right("web", "warehouse", "ai", READ, ("coaching_inputs", "rep_coaching_insights", *outcomes))
    yield Right("metrics", "warehouse", "semantic_input", READ, "relations")


def _of_the_transformer() -> Iterator[Right]:
    role = "transformer"
    yield Right(role, "source", "crm", READ, "relations")
    yield Right(role, "source", "crm", "insert, update", ("loads",))  # a change of reference data is a load
    yield Right(role, "source", "crm", "select, usage", ("load_seq",))
    for schema in DATASETS:
        yield Right(role, "warehouse", schema, WRITE)
        yield Right(role, "warehouse", schema, READ, "relations")
    yield Right(role, "warehouse", "metrics", "execute", "functions")
    for schema in ("crm_remote", "pipedrive_remote"):
        yield Right(role, "warehouse", schema, READ, "foreign tables")
    for schema in ("history", "semantic", "semantic_input"):
        yield Right(role, "warehouse", schema, READ, "relations")
    written = ("bindings", "column_metadata", "metric_definitions", "metric_documents", "metric_runs", "metric_values",
               "table_profiles")  # fmt: skip
    yield Right(role, "warehouse", "semantic", WRITE, written)
    yield Right(role, "warehouse", "semantic", "insert", ("metric_audit",))
    yield Right(role, "warehouse", "semantic", "execute", ("push_comments",))
    yield Right(role, "warehouse", "ops", WRITE, BOOKKEEPING)
    yield Right(role, "warehouse", "ops", READ, LOOKED_UP)
    yield Right(role, "warehouse", "ops", "execute", ("analyze_table",))
    yield Right(role, "warehouse", "", "temporary", "database")
    yield Right(role, "dagster", "public", WRITE)
    yield Right(role, "dagster", "public", "select, usage", "sequences")


RIGHTS = tuple(_list())

# Kind of object, its name as PostgreSQL writes it, schema, name, and whether it is a partition.
OBJECTS = """
select c.relkind::text as kind, format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, c.relispartition
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'f', 'm', 'S') and n.nspname !~ '^(pg_|information_schema$)'
union all
select 'function', p.oid::regprocedure::text, n.nspname, p.proname, false
from pg_proc as p inner join pg_namespace as n on n.oid = p.pronamespace
where p.prokind = 'f' and n.nspname !~ '^(pg_|information_schema$)'
"""
GRANTED = """
with held as (
    select 'schema' as what, quote_ident(nspname) as object, a.grantee, a.privilege_type
    from pg_namespace cross join lateral aclexplode(nspacl) as a
    where nspname !~ '^(pg_|information_schema$)'
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, a.grantee, a.privilege_type
    from pg_class as c cross join lateral aclexplode(c.relacl) as a
    where c.relkind in ('r', 'p', 'v', 'f', 'm', 'S')
    union all
    select 'function', p.oid::regprocedure::text, a.grantee, a.privilege_type
    from pg_proc as p cross join lateral aclexplode(p.proacl) as a
    union all
    select 'database', quote_ident(datname), a.grantee, a.privilege_type
    from pg_database cross join lateral aclexplode(datacl) as a
    where datname = current_database()
)
select r.rolname, h.what, h.object, lower(h.privilege_type)
from held as h inner join pg_roles as r on r.oid = h.grantee
where r.rolname = any(%s)
"""
Grant = tuple[str, str, str, str]


def grant(settings: Settings, database: databases.Database) -> None:
    """Bring every role's rights in a database in line with RIGHTS."""
    names = roles(settings).names
    with databases.connect(settings, database) as connection, connection.cursor() as cursor:
        cursor.execute("set local search_path to pg_catalog")
        if database == "warehouse":
            cursor.execute("revoke execute on all functions in schema metrics from public")
            cursor.execute(
                "select ops.isolate_tenants(%(transformer)s, %(admin)s, %(reader)s)",
                names,
            )
        wanted = set(_wanted(cursor, names, database))
        cursor.execute(GRANTED, (list(names.values()),))
        granted: set[Grant] = set(cursor.fetchall())
        for what, statement in (
            (granted - wanted, "revoke {} on {} {} from {}"), (wanted - granted, "grant {} on {} {} to {}"),
        ):  # fmt: skip
            for role, kind, target, privilege in sorted(what):
                words = sql.SQL(privilege), sql.SQL(kind), sql.SQL(target), sql.Identifier(role)
                cursor.execute(sql.SQL(statement).format(*words))
        if database != "dagster":
            _close(connection, databases.name_of(settings, database))


def _wanted(cursor: PgCursor, names: dict[str, str], database: databases.Database) -> Iterator[Grant]:
    """What RIGHTS says of a database: role, kind of object, object, privilege."""
    cursor.execute("select quote_ident(current_database())")
    [(own,)] = cursor.fetchall()
    cursor.execute(OBJECTS)
    there = cursor.fetchall()
    for right in RIGHTS:
        if right.database != database:
            continue
        found = [("database", own)] if right.on == "database" else list(_objects(right, there))
        if right.on != "database":
            yield names[right.role], "schema", right.schema, "usage"
        for kind, target in found:
            for privilege in right.privileges.split(", "):
                yield names[right.role], kind, target, privilege


def _objects(right: Right, there: list[tuple[str, str, str, str, bool]]) -> Iterator[tuple[str, str]]:
    for kind, target, schema, name, is_partition in there:
        if schema != right.schema:
            continue
        if isinstance(right.on, tuple):
            is_meant = name in right.on
        elif right.on == "functions":
            is_meant = kind == "function"
        else:
            is_meant = kind in KINDS.get(right.on, "") and not (is_partition and right.on == "tables")
        if is_meant:
            yield {"function": "function", "S": "sequence"}.get(kind, "table"), target


def _close(connection: PgConnection, database: str) -> None:
    """Take away what everybody may write by PostgreSQL's own defaults: temporary tables, and large objects."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("revoke temporary on database {} from public").format(sql.Identifier(database)))
        cursor.execute("select rolsuper from pg_roles where rolname = current_user")
        if cursor.fetchall() == [(True,)]:  # only a superuser may say so of PostgreSQL's own functions
            cursor.execute(
                "revoke execute on function"
                " lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea) from public"
            )

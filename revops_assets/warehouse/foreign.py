"""The warehouse's windows on other databases: postgres_fdw servers, user mappings and foreign tables.

The source's schemas crm and pipedrive_raw appear as crm_remote and pipedrive_remote; in the prod warehouse the dev
warehouse's funnel appears as dev_remote. Tables are never dropped here (views stand on them): new ones are imported,
new columns added.
"""

from __future__ import annotations

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import roles

FUNNEL_MODELS = (
    "stg_activity", "stg_activity_types", "stg_deal_changes", "stg_stages", "stg_users",
    "int_completed_activities", "int_deal_stage_history", "rep_sales_funnel_monthly",
)  # fmt: skip
# What the published report shows: the bookkeeping columns after these differ from build to build.
# Schemas of the funnel under its published names, and where each reads: prod's own, and dev's.
PUBLISHED_AS = {"prod_pipedrive_analytics": "pipedrive", "public_pipedrive_analytics": "dev_remote"}
PUBLISHED_COLUMNS = {
    "rep_sales_funnel_monthly": "tenant_id, month, kpi_name, funnel_step, deals_count",
}

# Of the address that was given, what says how the connection is secured.
TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "gssencmode", "channel_binding")

RELATIONS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = %s::regnamespace and c.relkind = any(%s) and not c.relispartition
    and c.relname not like '%%\\_lines'
order by c.relname, a.attnum
"""


def link_warehouse(settings: Settings) -> None:
    """Let one warehouse read the source, as the reader; RevopsError if it cannot."""
    with (
        databases.connect(settings, "source") as source,
        databases.connect(settings, "warehouse") as warehouse,
    ):
        _server(warehouse, settings, "source", databases.url_of(settings, "source"))
        _import(source, "crm", warehouse, "crm_remote", "source")
        _import(source, "pipedrive_raw", warehouse, "pipedrive_remote", "source")
        _try(warehouse, settings)


def publish_funnel(prod: Settings) -> None:
    """In the prod warehouse: the eight models of both environments under their published schema names, as views."""
    dev = prod.for_env("dev")
    with databases.connect(dev, "warehouse") as theirs, databases.connect(prod, "warehouse") as ours:
        _server(ours, prod, "dev_warehouse", databases.url_of(dev, "warehouse"))
        with ours.cursor() as cursor:
            cursor.execute("create schema if not exists dev_remote")
        _import(theirs, "pipedrive", ours, "dev_remote", "dev_warehouse")
        with ours.cursor() as cursor:
            for schema, origin in PUBLISHED_AS.items():
                cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
                for model in FUNNEL_MODELS:
                    statement = "create or replace view {}.{} as select {} from {}.{}"
                    cursor.execute(
                        sql.SQL(statement).format(
                            sql.Identifier(schema),
                            sql.Identifier(model),
                            sql.SQL(PUBLISHED_COLUMNS.get(model, "*")),
                            sql.Identifier(origin),
                            sql.Identifier(model),
                        )
                    )


def _try(warehouse: PgConnection, settings: Settings) -> None:
    with warehouse.cursor() as cursor:
        try:
            cursor.execute("select count(*) from crm_remote.tenants")
        except psycopg2.OperationalError as error:
            raise RevopsError(
                f"the warehouse cannot read the source as {roles(settings).reader}: {' '.join(str(error).split())}"
                " (REVOPS_FDW_ADDRESS is where the server reaches itself, REVOPS_READER_PASSWORD that role's password)"
            ) from None


def _server(connection: PgConnection, settings: Settings, name: str, url: sa.URL) -> None:
    """Create or adjust a foreign server, read only. Whoever may select from its tables does so as the reader."""
    host, port = url.query.get("host", url.host) or "127.0.0.1", str(url.port or 5432)
    if settings.fdw_address:
        host, _, port = settings.fdw_address.rpartition(":")
    options = {
        "host": str(host), "port": port, "dbname": str(url.database), "fetch_size": "10000",
        "use_remote_estimate": "true", "updatable": "false", "truncatable": "false", "connect_timeout": "10",
    } | {name: str(url.query[name]) for name in TLS if name in url.query}  # fmt: skip
    reader = roles(settings)
    mapping = {"user": reader.reader} | ({"password": reader.reader_password} if reader.reader_password else {})
    with connection.cursor() as cursor:
        cursor.execute("select rolsuper from pg_roles where rolname = current_user")
        if cursor.fetchall() == [(True,)]:  # else PostgreSQL insists that the server asks for the password
            mapping["password_required"] = "false"
        cursor.execute("select srvoptions from pg_foreign_server where srvname = %s", (name,))
        found = cursor.fetchone()
        if not found:
            cursor.execute(sql.SQL("create server {} foreign data wrapper postgres_fdw").format(sql.Identifier(name)))
        present = {option.split("=", 1)[0] for option in (found[0] or [] if found else [])}
        clause = sql.SQL(", ").join(
            sql.SQL("{} {} {}").format(
                sql.SQL("set" if key in present else "add"), sql.Identifier(key), sql.Literal(value)
            )
            for key, value in options.items()
        )
        cursor.execute(sql.SQL("alter server {} options ({})").format(sql.Identifier(name), clause))
        for who in ("current_user", "public"):
            cursor.execute(sql.SQL(f"drop user mapping if exists for {who} server {{}}").format(sql.Identifier(name)))
        pairs = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(value)) for key, value in mapping.items()
        )
        cursor.execute(
            sql.SQL("create user mapping for public server {} options ({})").format(sql.Identifier(name), pairs)
        )


def _import(source: PgConnection, schema: str, target: PgConnection, local_schema: str, server: str) -> None:
    """Foreign tables in `local_schema` for every table and view of `schema`; existing ones gain missing columns."""
    with source.cursor() as theirs, target.cursor() as ours:
        theirs.execute(RELATIONS, (schema, ["r", "v", "p"]))
        wanted: dict[str, dict[str, str]] = {}
        for table, column, column_type in theirs.fetchall():
            wanted.setdefault(table, {})[column] = column_type
        ours.execute(RELATIONS, (local_schema, ["f"]))
        present: dict[str, set[str]] = {}
        for table, column, _ in ours.fetchall():
            present.setdefault(table, set()).add(column)
        if missing := sorted(wanted.keys() - present.keys()):
            ours.execute(
                sql.SQL("import foreign schema {} limit to ({}) from server {} into {}").format(
                    sql.Identifier(schema),
                    sql.SQL(", ").join(map(sql.Identifier, missing)),
                    sql.Identifier(server),
                    sql.Identifier(local_schema),
                )
            )
        for table in wanted.keys() & present.keys():
            for column in [c for c in wanted[table] if c not in present[table]]:
                ours.execute(
                    sql.SQL("alter foreign table {}.{} add column {} {}").format(
                        sql.Identifier(local_schema),
                        sql.Identifier(table),
                        sql.Identifier(column),
                        sql.SQL(wanted[table][column]),
                    )
                )

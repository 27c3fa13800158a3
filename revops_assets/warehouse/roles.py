"""Who may do what: six roles of least privilege, made and granted to by `revops db upgrade`.

The reader is how the warehouse reaches the source: it reads crm and pipedrive_raw. The loader writes these schemas and
nothing else. The BI role reads metrics and dashboards. The metrics role runs what people define: it reads
semantic_input, one tenant and day at a time. The analyst reads what the BI role reads and the registry of metrics:
`revops analyst setup` writes its profile. The web role reads datasets, for the pages. Loader and BI role cannot log in:
grant them to whoever does.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection
from psycopg2.extensions import encrypt_password

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

SOURCE_SCHEMAS = ("crm", "pipedrive_raw")
LOADED_SCHEMAS = (*SOURCE_SCHEMAS, "crm_staging")
BI_SCHEMAS = ("metrics", "dashboard")
# How long a statement of the metrics role may run.
METRICS_SECONDS = 30
# What of the registry is read by who queries the warehouse.
WEB_SCHEMAS = ("staging", "enriched", "analytics", "dashboard", "ai", "metrics", "reference")
WEB_SECONDS = 15
REGISTRY = (
    "metric_definitions", "metric_values", "metric_runs", "column_metadata", "table_profiles", "freshness",
    "partitions",
)  # fmt: skip


# What only the pages read: loads of every company, and rows of schemas that analysts are not given.
SHOWN_ON_PAGES = ("loads", "restatements")


@dataclass(frozen=True)
class Roles:
    """Names of the roles; passwords of those that log in, null where the server lets them in without one."""

    reader: str
    loader: str
    bi: str
    metrics: str
    analyst: str
    web: str
    reader_password: str | None
    metrics_password: str | None
    analyst_password: str | None
    web_password: str | None


def roles(settings: Settings) -> Roles:
    """The roles of this installation."""
    names = ("revops_reader", "revops_loader", "revops_bi", "revops_metrics", "revops_analyst", "revops_web")
    reader, loader, bi, metrics, analyst, web = (settings.database_prefix + name for name in names)
    given = (settings.reader_password.get_secret_value() if settings.reader_password else None) or None
    ours = databases.server_url(settings).password

    def derived(role: str) -> str | None:
        # The same at every upgrade, and of no use to find out the password that it comes from.
        return hmac.new(str(ours).encode(), role.encode(), hashlib.sha256).hexdigest() if ours else None

    return Roles(
        reader, loader, bi, metrics, analyst, web,
        given or derived(reader), derived(metrics), derived(analyst), derived(web),
    )  # fmt: skip


def metrics_url(settings: Settings) -> sa.URL:
    """The warehouse as the metrics role reaches it."""
    given = roles(settings)
    return databases.url_of(settings, "warehouse").set(username=given.metrics, password=given.metrics_password)


def analyst_url(settings: Settings) -> sa.URL:
    """The warehouse as an analyst reaches it."""
    given = roles(settings)
    return databases.url_of(settings, "warehouse").set(username=given.analyst, password=given.analyst_password)


def web_url(settings: Settings) -> sa.URL:
    """The warehouse as the pages read it."""
    given = roles(settings)
    return databases.url_of(settings, "warehouse").set(username=given.web, password=given.web_password)


def create_roles(connection: PgConnection, settings: Settings) -> None:
    """Create the roles of the server that are not there, and set the reader's password."""
    wanted = roles(settings)
    with connection.cursor() as cursor:
        logins = {
            wanted.reader: wanted.reader_password,
            wanted.metrics: wanted.metrics_password,
            wanted.analyst: wanted.analyst_password,
            wanted.web: wanted.web_password,
        }
        for name in (*logins, wanted.loader, wanted.bi):
            cursor.execute("select 1 from pg_roles where rolname = %s", (name,))
            if not cursor.fetchone():
                create = sql.SQL("create role {} login" if name in logins else "create role {}")
                _as_administrator(cursor, create.format(sql.Identifier(name)), f"create the role {name}")
        for name, password in logins.items():
            role = sql.Identifier(name)
            statements = [sql.SQL("alter role {} set default_transaction_read_only = on").format(role)]
            if password is not None:
                # The server gets what it checks passwords against, not the password: nothing to read in its log.
                verifier = encrypt_password(password, name, connection, "scram-sha-256")
                statements.append(sql.SQL("alter role {} password {}").format(role, sql.Literal(verifier)))
            for statement in statements:
                _as_administrator(cursor, statement, f"alter the role {name}")
        limits = (f"statement_timeout = '{METRICS_SECONDS}s'", "idle_in_transaction_session_timeout = '60s'")
        given = {
            wanted.metrics: ("search_path = semantic_input", *limits),
            wanted.analyst: limits,
            wanted.web: (f"statement_timeout = '{WEB_SECONDS}s'", limits[1]),
        }
        for name, told in given.items():
            for setting in told:
                cursor.execute(sql.SQL(f"alter role {{}} set {setting}").format(sql.Identifier(name)))


def _as_administrator(cursor: psycopg2.extensions.cursor, statement: sql.Composable, what: str) -> None:
    try:
        cursor.execute(statement)
    except psycopg2.errors.InsufficientPrivilege:
        raise RevopsError(f"the database user may not {what}: grant it CREATEROLE") from None


def grant_on_source(settings: Settings) -> None:
    """In the source database: the reader reads, the loader writes."""
    given = roles(settings)
    with databases.connect(settings, "source") as connection:
        _grant(connection, given.reader, SOURCE_SCHEMAS, ("select on all tables",))
        _grant(
            connection,
            given.loader,
            LOADED_SCHEMAS,
            ("select, insert, update, delete on all tables", "usage, select on all sequences"),
        )
        _close(connection, databases.name_of(settings, "source"), temporary_for=given.loader)


def grant_on_warehouse(settings: Settings) -> None:
    """In a warehouse: the BI role reads what is published, the reader the funnel, which prod shows beside its own."""
    given = roles(settings)
    with databases.connect(settings, "warehouse") as connection:
        _grant(connection, given.bi, BI_SCHEMAS, ("select on all tables",))
        _grant(connection, given.reader, ("pipedrive",), ("select on all tables",))
        _grant(connection, given.metrics, ("semantic_input",), ("select on all tables",))
        _grant(connection, given.analyst, BI_SCHEMAS, ("select on all tables",))
        _grant(connection, given.web, WEB_SCHEMAS, ("select on all tables",))
        for role, names in ((given.analyst, REGISTRY), (given.web, (*REGISTRY, *SHOWN_ON_PAGES))):
            registry = sql.SQL(", ").join(sql.Identifier("semantic", name) for name in names)
            _grant(connection, role, ("semantic",), ())
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("grant select on {} to {}").format(registry, sql.Identifier(role)))
        with connection.cursor() as cursor:
            cursor.execute("revoke execute on all functions in schema metrics from public")
        _close(connection, databases.name_of(settings, "warehouse"))


def _close(connection: PgConnection, database: str, temporary_for: str | None = None) -> None:
    """Take away what everybody may write by PostgreSQL's own defaults: temporary tables, and large objects."""
    name = sql.Identifier(database)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("revoke temporary on database {} from public").format(name))
        if temporary_for:
            cursor.execute(sql.SQL("grant temporary on database {} to {}").format(name, sql.Identifier(temporary_for)))
        cursor.execute("select rolsuper from pg_roles where rolname = current_user")
        if cursor.fetchall() == [(True,)]:  # only a superuser may say so of PostgreSQL's own functions
            cursor.execute(
                "revoke execute on function"
                " lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea), lo_put(oid, bigint, bytea) from public"
            )


def _grant(connection: PgConnection, role: str, schemas: tuple[str, ...], rights: tuple[str, ...]) -> None:
    """Give a role these rights in these schemas, and take every other away that it has there."""
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        for schema in map(sql.Identifier, schemas):
            cursor.execute(sql.SQL("revoke all on all tables in schema {} from {}").format(schema, name))
            cursor.execute(sql.SQL("grant usage on schema {} to {}").format(schema, name))
            for right in rights:
                cursor.execute(sql.SQL(f"grant {right} in schema {{}} to {{}}").format(schema, name))

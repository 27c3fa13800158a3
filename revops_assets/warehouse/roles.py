"""The roles of an installation: made by `revops db upgrade`, with the passwords and limits of those that log in.

The loader writes the source, the transformer the warehouses; admins say who reads which company. The reader is how the
warehouse reaches the source. The BI role and the analyst read what is published, the web role what the pages show, the
metrics role what definitions may read: each of them only the companies that it may (ops.tenants_read). Loader,
transformer, admin and BI role cannot log in: grant them to whoever does. What each may do: warehouse/rights.py.
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

BI_SCHEMAS = ("metrics", "dashboard")
# How long a statement may run.
METRICS_SECONDS = 30
WEB_SECONDS = 15


@dataclass(frozen=True)
class Roles:
    """Names of the roles; passwords of those that log in, null where the server lets them in without one."""

    loader: str
    transformer: str
    admin: str
    bi: str
    reader: str
    metrics: str
    analyst: str
    web: str
    reader_password: str | None
    metrics_password: str | None
    analyst_password: str | None
    web_password: str | None

    @property
    def names(self) -> dict[str, str]:
        """Every role's name, by what it is called here."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = ("loader", "transformer", "admin", "bi", "reader", "metrics", "analyst", "web")


def roles(settings: Settings) -> Roles:
    """The roles of this installation."""
    names = {name: f"{settings.database_prefix}revops_{name}" for name in NAMES}
    given = (settings.reader_password.get_secret_value() if settings.reader_password else None) or None
    secret = settings.roles_secret.get_secret_value() if settings.roles_secret else None
    ours = secret or databases.server_url(settings).password

    def derived(role: str) -> str | None:
        # The same at every upgrade, and of no use to find out the password that it comes from.
        return hmac.new(str(ours).encode(), role.encode(), hashlib.sha256).hexdigest() if ours else None

    passwords = {f"{name}_password": derived(names[name]) for name in ("reader", "metrics", "analyst", "web")}
    return Roles(**names | passwords | ({"reader_password": given} if given else {}))  # type: ignore[arg-type]


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
        for name in wanted.names.values():
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

"""Which databases there are and how to reach them: the source, the two warehouses, Dagster's storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError, Unreachable
from revops_assets.settings import Settings
from revops_assets.warehouse import embedded

Database = Literal["source", "warehouse", "dagster"]


def name_of(settings: Settings, database: Database) -> str:
    """The database's name on its server: revops_training, revops_metrics (prod), revops_metrics_dev, dagster."""
    warehouse = "revops_metrics" if settings.env == "prod" else "revops_metrics_dev"
    names = {"source": "revops_training", "warehouse": warehouse, "dagster": "dagster"}
    return settings.database_prefix + names[database]


def server_url(settings: Settings) -> sa.URL:
    """The PostgreSQL server: REVOPS_DATABASE_URL, or the embedded one, started if it does not run."""
    if settings.database_url is None:
        embedded.ensure_running(settings.home)
    return _address(settings)


def _address(settings: Settings) -> sa.URL:
    if settings.database_url is None:
        return embedded.url(settings.home)
    try:
        given = sa.make_url(settings.database_url.get_secret_value())
    except (sa.exc.ArgumentError, ValueError):  # the latter of a port that is no number
        raise RevopsError("REVOPS_DATABASE_URL is not of the form postgresql://user:password@host:port/db") from None
    if "@" in (given.host or ""):  # a part of the password, which no message may repeat
        raise RevopsError("REVOPS_DATABASE_URL: write @ in a password as %40, or use REVOPS_DATABASE_PASSWORD")
    if "password" in given.query:
        given = given.set(password=str(given.query["password"])).difference_update_query(["password"])
    if given.get_backend_name() != "postgresql":
        raise RevopsError(f"REVOPS_DATABASE_URL names {given.get_backend_name()}; only postgresql:// will do")
    if settings.database_password is not None:
        given = given.set(password=settings.database_password.get_secret_value())
    # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3.
    return given.set(drivername="postgresql+psycopg2", database=given.database or "postgres")


def url_of(settings: Settings, database: Database) -> sa.URL:
    """Address of one database, password included."""
    return server_url(settings).set(database=name_of(settings, database))


def metrics_url(settings: Settings) -> sa.URL:
    """The warehouse whose daily metrics are computed: where PG_HOST says, else the installation's."""
    if settings.pg_host is None:
        return url_of(settings, "warehouse")
    return sa.URL.create(
        "postgresql+psycopg2",
        settings.pg_user,
        settings.pg_password.get_secret_value() if settings.pg_password else None,
        settings.pg_host,
        settings.pg_port,
        settings.pg_database,
    )


def libpq_url(url: sa.URL) -> str:
    """The same address in the spelling that psql and libpq read."""
    address, mark, query = url.set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    return address + mark + query.replace("+", "%20")  # a space, to SQLAlchemy; libpq takes a plus for itself


def for_program(url: sa.URL) -> tuple[str, dict[str, str]]:
    """An address for the command line of one of PostgreSQL's programs, which everybody on the machine may read, and the
    environment to run it with, which has the password."""
    given = {"PGPASSWORD": url.password} if url.password else {}
    return libpq_url(url._replace(password=None)), {**os.environ, **given}  # set() takes None for nothing said


def session_options(settings: Settings) -> str:
    """What every session of ours sets: the business time zone, so that no result hangs on the server's; and no
    just-in-time compilation, which takes longer than any of our statements gains by it."""
    return f"-c timezone={settings.timezone} -c jit=off -c application_name=revops-assets"


@contextmanager
def connect(settings: Settings, database: Database, **session: Any) -> Iterator[PgConnection]:
    """A psycopg2 connection whose block is one transaction: committed at its end, rolled back on any error."""
    connection = open_connection(settings, url_of(settings, database), **session)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def open_connection(settings: Settings, url: sa.URL, **session: Any) -> PgConnection:
    """A plain psycopg2 connection; `session` are configuration parameters to set on it. Unreachable."""
    connection = _connect(url, session_options(settings))
    if session:
        with connection, connection.cursor() as cursor:
            for name, value in session.items():
                cursor.execute("select set_config(%s, %s, false)", (name, str(value)))
    return connection


def _connect(url: sa.URL, options: str) -> PgConnection:
    try:
        return psycopg2.connect(libpq_url(url), options=options, connect_timeout=10)
    except (psycopg2.OperationalError, psycopg2.ProgrammingError) as error:  # the latter of an option that is none
        text = " ".join(str(error).split())
        is_ours = str(url.database).endswith(("revops_training", "revops_metrics", "revops_metrics_dev", "dagster"))
        if is_ours and f'database "{url.database}" does not exist' in text:
            raise Unreachable(f"there is no database {url.database}: run `revops db upgrade` first") from None
        where = url.difference_update_query(["sslpassword"]).render_as_string(hide_password=True)
        raise Unreachable(f"cannot connect to {where}: {text} REVOPS_DATABASE_URL says which server") from None


def engine(settings: Settings, database: Database) -> sa.Engine:
    """The process's SQLAlchemy engine of a database; it keeps its connection for the next transaction."""
    url = _address(settings).set(database=name_of(settings, database))
    return _engine(url, session_options(settings), settings.home if settings.database_url is None else None)


def driver_connection(connection: sa.Connection) -> PgConnection:
    """The psycopg2 connection below, in the same transaction: for COPY and for DDL."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, PgConnection)
    return driver


def engine_as(settings: Settings, url: sa.URL, connections: int) -> sa.Engine:
    """An engine that keeps several connections, as another role than the owner."""
    home = settings.home if settings.database_url is None else None
    return _engine(url, session_options(settings), home, connections)


@lru_cache
def _engine(url: sa.URL, options: str, embedded_home: Path | None, connections: int = 1) -> sa.Engine:
    """Connections are tried before they are used, and the embedded server is started before one is opened."""

    def connect() -> PgConnection:
        if embedded_home:
            embedded.ensure_running(embedded_home)
        return _connect(url, options)

    return sa.create_engine(
        url,
        creator=connect,
        pool_size=connections,
        pool_pre_ping=True,
        pool_recycle=600,
        executemany_mode="values_plus_batch",  # not a round trip for each row
    )


def exists(settings: Settings, database: Database) -> bool:
    """Whether `revops db upgrade` has created this database."""
    guard = open_connection(settings, server_url(settings))
    try:
        with guard, guard.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name_of(settings, database),))
            return cursor.fetchone() is not None
    finally:
        guard.close()

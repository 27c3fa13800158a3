"""`revops db upgrade`: creates and upgrades every database, keeping its data; any number may run at once.

Two kinds of SQL under sql/0_schema/<database>/: migrations/ run once each, in order, the first of them the baseline
(Alembic keeps the book; its revisions are made of the files' names); functions/ hold `create or replace` and run every
time, and so do those of both databases (sql/0_schema/functions/) and the wings' own (sql/<wing>/functions/). Datasets'
tables come from their files' headers (warehouse/tables.py). What depends on the installation's
address (foreign servers, user mappings, foreign tables) is brought in line every time too, and so is what the roles may
do.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.util import CommandError
from psycopg2 import sql

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.calendar import fill_calendar
from revops_assets.warehouse.foreign import link_warehouse, publish_funnel
from revops_assets.warehouse.rights import grant
from revops_assets.warehouse.roles import BI_SCHEMAS, create_roles
from revops_assets.warehouse.tables import create_tables
from revops_assets.warehouse.views import comment_tables, create_views

SCHEMA_DIR = SQL_DIR / "0_schema"
MIGRATIONS_DIR = Path(__file__).parent / "migrations"
MINIMUM_VERSION = 150000
# What Alembic takes for a revision.
REVISION = """
from revops_assets.warehouse.upgrade import run_migration_file

revision, down_revision = {revision!r}, {before!r}


def upgrade():
    run_migration_file({kind!r}, {name!r})
"""
# The schema of each database that the functions of both stand in.
SHARED_IN = {"source": "crm", "warehouse": "ops"}


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did: server version, databases created, seconds it took."""

    server_version: str
    created: list[str]
    seconds: float


def upgrade(settings: Settings) -> Upgraded:
    """Build or upgrade source, both warehouses and Dagster's storage; waits while another upgrade runs."""
    started = time.monotonic()
    dev, prod = settings.for_env("dev"), settings.for_env("prod")
    # The lock lives as long as this connection, which spans all databases and transactions below.
    guard = databases.open_connection(settings, databases.server_url(settings))
    guard.autocommit = True
    try:
        with guard.cursor() as cursor:
            if guard.server_version < MINIMUM_VERSION:
                raise RevopsError(f"PostgreSQL 15 or newer is needed; this server is {guard.server_version // 10000}")
            cursor.execute("select pg_advisory_lock(hashtextextended('revops db upgrade', 0))")
            created = [
                name
                for name in (
                    databases.name_of(dev, "source"),
                    databases.name_of(dev, "warehouse"),
                    databases.name_of(prod, "warehouse"),
                    databases.name_of(dev, "dagster"),
                )
                if create_database(cursor, name)
            ]
            cursor.execute("show server_version")
            [(version,)] = cursor.fetchall()
        create_roles(guard, settings)
        _migrate(databases.url_of(dev, "source"), "source")
        grant(dev, "source")
        for environment in (dev, prod):
            _migrate(databases.url_of(environment, "warehouse"), "warehouse")
            link_warehouse(environment)
            with databases.connect(environment, "warehouse") as connection:
                fill_calendar(connection, environment)
                with connection.cursor() as cursor:
                    cursor.execute("select ops.lay_history()")
                create_views(connection)
                with connection.cursor() as cursor:
                    for path in sorted(SQL_DIR.glob("*/functions/*.sql")):
                        cursor.execute(path.read_text())
                comment_tables(connection, BI_SCHEMAS)
                with connection.cursor() as cursor:
                    cursor.execute("select semantic.push_comments()")
            grant(environment, "warehouse")
        publish_funnel(prod)
        _prepare_dagster(settings)
        grant(dev, "dagster")
    finally:
        guard.close()
    return Upgraded(version, created, time.monotonic() - started)


def create_database(cursor: psycopg2.extensions.cursor, name: str) -> bool:
    """Create a database as ours are; False if it is there."""
    cursor.execute("select 1 from pg_database where datname = %s", (name,))
    if cursor.fetchone():
        return False
    # Collation C everywhere: the same order of rows on every server, and the fastest keys.
    statement = "create database {} template template0 encoding 'UTF8' lc_collate 'C'"
    try:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    except psycopg2.errors.InsufficientPrivilege:
        raise RevopsError(f"the database user may not create the database {name}: grant it CREATEDB") from None
    return True


def _migrate(url: sa.URL, kind: str) -> None:
    """Bring one database to the newest revision, then lay its functions down anew: one transaction."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with tempfile.TemporaryDirectory() as folder, engine.begin() as connection:
        _write_revisions(kind, Path(folder))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", folder.replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            stands = connection.scalar(sa.text("select version_num from schema_version"))
            told = (
                f"before the baseline ({error}): upgrade it with commit 2af5b4d, the last before it, then with this one"
                if str(stands) < min(path.stem for path in Path(folder).glob("*.py"))
                else f"a newer release ({error}): upgrade with that one"
            )
            raise RevopsError(f"the database {connection.engine.url.database} has a schema from {told}") from None
        if kind == "warehouse":
            create_tables(connection)
        connection.execute(sa.text(f"set local search_path to {SHARED_IN[kind]}"))
        for path in sorted((SCHEMA_DIR / "functions").glob("*.sql")):
            _run(connection, path)
        connection.execute(sa.text("set local search_path to default"))
        for path in sorted((SCHEMA_DIR / kind / "functions").glob("*.sql")):
            _run(connection, path)


def _write_revisions(kind: str, folder: Path) -> None:
    """A revision for each migration of a database, NNNN_what.sql, each after the one before it."""
    before = None
    for path in sorted((SCHEMA_DIR / kind / "migrations").glob("*.sql")):
        revision = path.stem.split("_")[0]
        text = REVISION.format(revision=revision, before=before, kind=kind, name=path.stem)
        (folder / f"{path.stem}.py").write_text(text, encoding="utf-8")
        before = revision


def run_migration_file(kind: str, name: str) -> None:
    """Called by an Alembic revision: run its SQL file as it stands."""
    _run(op.get_bind(), SCHEMA_DIR / kind / "migrations" / f"{name}.sql")


def _run(connection: sa.Connection, path: Path) -> None:
    connection.execution_options(no_parameters=True).exec_driver_sql(path.read_text())


def _prepare_dagster(settings: Settings) -> None:
    """Create or migrate the tables of Dagster's own storage."""
    from dagster_postgres import DagsterPostgresStorage

    url = databases.url_of(settings, "dagster").render_as_string(hide_password=False)
    storage = DagsterPostgresStorage(url)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.upgrade()  # type: ignore[union-attr]
        part.dispose()

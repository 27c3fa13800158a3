"""What assets are given to run with: the warehouse, and the instant of known time that a run reads at."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import connection as PgConnection
from pydantic import PrivateAttr

from revops_assets.dated_reference import take_over_files
from revops_assets.errors import Unreachable
from revops_assets.settings import Env, Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.writer import ReadAt, read_at

# serialization failure, deadlock
# What exceeds a limit of the server exceeds it again, though psycopg2 calls it an OperationalError.
LIMITS = "54"
TRANSIENT = ("40001", "40P01")
KNOWN_AS_OF_TAG = "revops/known_as_of"
ENV_TAG = "revops/env"
TENANTS_TAG = "revops/tenants"
# Days outside the run's range that are written, too, by the datasets that they are asked of.
ALSO_TAG = "revops/also"
# Why a run is that nobody asked for in person.
REASON_TAG = "revops/reason"
# Of Dagster: runs of higher priority leave the queue first.
PRIORITY_TAG = "dagster/priority"
# One run at a time writes the warehouse (dagster.yaml); the others queue.
POOL = "warehouse"
# What a server that went away costs: three attempts more, within about half a minute.
DATABASE_RETRIES = dg.RetryPolicy(max_retries=3, delay=4, backoff=dg.Backoff.EXPONENTIAL)


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The warehouse that a run writes: of REVOPS_ENV, or of the environment named in the run's config."""

    env: str = ""
    _guard: PgConnection | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Wait until no other run writes this warehouse. Queued runs have waited for the pool; others wait here."""
        self._hold()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let the next run write."""
        self._release()

    def _hold(self) -> None:
        if self._guard is None:
            url = databases.url_of(self.settings, "warehouse")
            self._guard = databases.open_connection(self.settings, url)
            self._guard.autocommit = True
            with self._guard.cursor() as cursor:
                cursor.execute("select pg_advisory_lock(hashtextextended('revops run', 4))")

    def _release(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    @property
    def settings(self) -> Settings:
        """Settings with the run's environment."""
        chosen: dict[str, Env] = {"dev": "dev", "prod": "prod"}
        if self.env and self.env not in chosen:
            raise dg.Failure(f"resources.warehouse.env is {self.env!r}; it takes dev or prod")
        return get_settings().for_env(chosen.get(self.env))

    @property
    def database(self) -> str:
        """Name of the database written."""
        return databases.name_of(self.settings, "warehouse")

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection whose block is one transaction. Where it is lost, the step waits and is tried again."""
        try:
            self._hold()
            with databases.engine(self.settings, "warehouse").begin() as connection:
                yield connection
        except (sa.exc.DBAPIError, psycopg2.Error, Unreachable) as error:
            if not _is_transient(error):
                raise
            self._release()  # the server may have lost what it had locked
            raise dg.RetryRequested(
                max_retries=DATABASE_RETRIES.max_retries, seconds_to_wait=DATABASE_RETRIES.delay
            ) from error


def _is_transient(error: Exception) -> bool:
    """Whether the same may work later: a server went away, or another transaction was in the way."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if str(getattr(cause, "pgcode", None) or "").startswith(LIMITS):
        return False
    return isinstance(cause, (psycopg2.OperationalError, psycopg2.InterfaceError, Unreachable)) or (
        getattr(cause, "pgcode", None) in TRANSIENT
    )


def driver_connection(connection: sa.Connection) -> PgConnection:
    """The psycopg2 connection below, in the same transaction: for COPY and for DDL."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, PgConnection)
    return driver


def resolve_read_at(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, connection: sa.Connection
) -> ReadAt:
    """Known time of this run: from its tag, or 'latest', resolved by its first step and kept in the tag.

    Reference files that changed are taken over first: to the run that finds them, they are known.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    tag = (run or context.run).tags.get(KNOWN_AS_OF_TAG)
    if not tag:
        take_over_files(driver_connection(connection), get_settings())
    at = read_at(connection, int(tag) if tag else None)
    if not tag and run:
        context.instance.add_run_tags(run.run_id, {KNOWN_AS_OF_TAG: str(at.known_as_of)})
    return at


def tenants_of_run(context: dg.AssetExecutionContext) -> tuple[str, ...] | None:
    """The tenants that the run is for, by its tag (slugs with commas between); None: all."""
    tag = context.run.tags.get(TENANTS_TAG)
    return tuple(name.strip() for name in tag.split(",")) if tag else None

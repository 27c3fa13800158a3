"""The warehouse as Dagster gives it to assets: one writer at a time, transactions that are tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg2
import sqlalchemy as sa
from pydantic import PrivateAttr

from revops_assets.errors import Unreachable
from revops_assets.settings import Env, Settings, get_settings
from revops_assets.warehouse import databases

# What exceeds a limit of the server exceeds it again, though psycopg2 calls it an OperationalError.
LIMITS = "54"


TRANSIENT = ("40001", "40P01")  # serialization failure, deadlock


# One run at a time writes the warehouse (dagster.yaml); the others queue.
POOL = "warehouse"


RUN_LOCK = "hashtextextended('revops run', 4)"


# What a server that went away costs: three attempts more, within about half a minute.
DATABASE_RETRIES = dg.RetryPolicy(max_retries=3, delay=4, backoff=dg.Backoff.EXPONENTIAL)


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The warehouse that a run writes: of REVOPS_ENV, or of the environment named in the run's config."""

    env: str = ""
    _session: sa.Connection | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Wait until no other run writes this warehouse. Queued runs have waited for the pool; others wait here."""
        self._hold()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let the next run write."""
        self.release()

    def _hold(self) -> sa.Connection:
        """The session of the run, which has the lock of runs: all that it writes is written with the lock, or not."""
        if self._session is None:
            session = databases.engine(self.settings, "warehouse").connect()
            try:
                _outside_transactions(session, f"select pg_advisory_lock({RUN_LOCK})")
            except BaseException:
                session.invalidate()
                session.close()
                raise
            self._session = session
        return self._session

    def release(self) -> None:
        """Let others write, whom what is written next waits for."""
        if self._session is not None:
            session, self._session = self._session, None
            try:
                if not session.invalidated:
                    _outside_transactions(session, f"select pg_advisory_unlock({RUN_LOCK})")
            except psycopg2.Error:
                session.invalidate()  # the server let go of the lock when it lost the session
            finally:
                session.close()

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
            connection = self._hold()
            with connection.begin():
                yield connection
        except (sa.exc.DBAPIError, psycopg2.Error, Unreachable) as error:
            if not _is_transient(error):
                raise
            self.release()
            raise dg.RetryRequested(
                max_retries=DATABASE_RETRIES.max_retries, seconds_to_wait=DATABASE_RETRIES.delay
            ) from error


def _outside_transactions(session: sa.Connection, statement: str) -> None:
    """Run a statement that may wait for long: an open transaction would keep dead rows of the whole database."""
    driver = databases.driver_connection(session)
    driver.autocommit = True
    with driver.cursor() as cursor:
        cursor.execute(statement)
    driver.autocommit = False


def _is_transient(error: Exception) -> bool:
    """Whether the same may work later: a server went away, or another transaction was in the way."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if str(getattr(cause, "pgcode", None) or "").startswith(LIMITS):
        return False
    return isinstance(cause, (psycopg2.OperationalError, psycopg2.InterfaceError, Unreachable)) or (
        getattr(cause, "pgcode", None) in TRANSIENT
    )

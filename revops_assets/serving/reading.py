"""One company's rows, as the API reads them: as the web role, which sees what the seal of its transaction names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg2.extensions import connection as PgConnection

from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.roles import web_url

CONNECTIONS = 8
MOST_SEALS = 10_000
EVERY = "*"
SETTING = "revops.tenant_seal"


class Reading:
    """A warehouse, read by one company at a time; EVERY stands for all of them."""

    def __init__(self, settings: Settings) -> None:
        self.owner = databases.engine(settings, "warehouse")
        self.engine = databases.engine_as(settings, web_url(settings), CONNECTIONS)
        self.seals: dict[tuple[str, int], str] = {}

    @contextmanager
    def of(self, tenant: str) -> Iterator[sa.Connection]:
        """A connection that reads this company's rows and no others, until the block ends."""
        with self.engine.connect() as connection:
            seal = self.seal(tenant, driver_connection(connection))
            connection.execute(sa.text(f"select set_config('{SETTING}', :seal, true)"), {"seal": seal})
            yield connection

    def seal(self, tenant: str, session: PgConnection) -> str:
        """What a session shows to read a company's rows: made by the owner, of use to that session only."""
        asked = {"tenant": tenant, "pid": session.info.backend_pid}
        key = (tenant, session.info.backend_pid)
        if key not in self.seals:
            if len(self.seals) >= MOST_SEALS:
                self.seals.clear()
            with self.owner.connect() as connection:
                self.seals[key] = str(connection.scalar(sa.text("select ops.seal(:tenant, :pid)"), asked))
        return self.seals[key]

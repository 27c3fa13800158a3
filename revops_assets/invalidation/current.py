"""Whether a run was done before, of all that it would read: then it would write the same rows again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date
from functools import lru_cache

import sqlalchemy as sa

from revops_assets.catalogue import CATALOGUE
from revops_assets.settings import PROJECT_ROOT, SQL_DIR, Settings

NEWEST = "select coalesce(max(load_seq), 0) from crm_remote.changing_loads"
# Nothing that it wrote is stale, unwritten or cut within a day, and no other run has written it since.
DONE = """
select f.run_id
from ops.finished_runs as f
where f.request = :request and f.fingerprint = :fingerprint
    and not exists (select from ops.stale_partitions as q where q.dataset = any(:tables))
    and not exists (select from ops.unwritten as u where u.dataset = any(:tables))
    and not exists (
        select from ops.partition_ledger as w
        where w.dataset = any(:tables) and w.snapshot_date between :first and :last
            and (w.cut_at is not null or w.run_id <> f.run_id)
    )
    and not exists (select from ops.table_ledger as w where w.dataset = any(:tables) and w.known_as_of < f.known_as_of)
"""
NOTE = """
insert into ops.finished_runs (request, fingerprint, known_as_of, run_id)
values (:request, :fingerprint, :known_as_of, :run_id)
on conflict (request) do update
set fingerprint = excluded.fingerprint, known_as_of = excluded.known_as_of, run_id = excluded.run_id,
    finished_at = clock_timestamp()
"""


class Request:
    """Some assets for a range of days, of every tenant and by all that is known, as things stand now."""

    def __init__(
        self, connection: sa.Connection, settings: Settings, assets: Collection[str], first: date, last: date
    ) -> None:
        self.first, self.last = first, last
        self.tables = sorted(CATALOGUE.keys() & set(assets))
        self.known_as_of = int(connection.scalar(sa.text(NEWEST)) or 0)
        told = f"{sorted(assets)} {first} {last}"
        self.request = hashlib.sha256(told.encode()).hexdigest()
        given = (settings.timezone, settings.fiscal_year_month, settings.first_day, settings.max_age_days)
        self.fingerprint = hashlib.sha256(f"{_code()} {given} {self.known_as_of}".encode()).hexdigest()
        # What a language model writes need not be what it wrote.
        self.is_repeatable = settings.model_base_url is None

    def done_by(self, connection: sa.Connection) -> str | None:
        """The run that did it, where doing it again would write the same; else None."""
        values = {"request": self.request, "fingerprint": self.fingerprint, "tables": self.tables}
        found: str | None = connection.scalar(sa.text(DONE), values | {"first": self.first, "last": self.last})
        return found if self.is_repeatable else None

    def note(self, connection: sa.Connection, run_id: str) -> None:
        """It was done, and its checks passed."""
        values = {"request": self.request, "fingerprint": self.fingerprint}
        connection.execute(sa.text(NOTE), values | {"known_as_of": self.known_as_of, "run_id": run_id})


@lru_cache
def _code() -> str:
    """Everything that says what figures are: SQL, reference files, definitions, the package itself."""
    files = (path for root in (SQL_DIR, PROJECT_ROOT / "revops_assets") for path in root.rglob("*"))
    read = sorted(path for path in files if path.suffix in (".sql", ".csv", ".yml", ".yaml", ".py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in read)).hexdigest()

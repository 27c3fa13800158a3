"""What a write replaces, what a run reads, and at which transaction time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Window:
    """What a write replaces: everything, or the days [start, end) of a date column; of all tenants or of some.

    `days`: only these of them.
    """

    column: str | None = None
    start: Any = None
    end: Any = None
    tenants: tuple[str, ...] | None = None
    days: tuple[date, ...] | None = None

    def condition(self, alias: str) -> str:
        """SQL that is true inside the window."""
        parts = ["true"]
        if self.column:
            parts.append(f"{alias}.{self.column} >= :window_start and {alias}.{self.column} < :window_end")
        if self.days is not None:
            parts.append(f"{alias}.{self.column} = any(:window_days)")
        if self.tenants is not None:
            parts.append(f"{alias}.tenant_id = any(:window_tenants)")
        return " and ".join(parts)

    @property
    def all_days(self) -> tuple[date, ...]:
        """Its days, one by one; none where it is no window of days."""
        if self.days is not None or self.column is None:
            return self.days or ()
        return tuple(self.start + timedelta(n) for n in range((self.end - self.start).days))

    @property
    def params(self) -> dict[str, Any]:
        """Values of the condition's parameters."""
        values: dict[str, Any] = {"window_start": self.start, "window_end": self.end} if self.column else {}
        if self.days is not None:
            values["window_days"] = list(self.days)
        if self.tenants is not None:
            values["window_tenants"] = list(self.tenants)
        return values


WHOLE = Window()


@dataclass(frozen=True)
class Written:
    """Rows that a write removed and put in, how long it took, and which tenants' days read otherwise than before."""

    deleted: int
    inserted: int
    seconds: float
    changed: frozenset[tuple[str, date]] = frozenset()


@dataclass(frozen=True)
class ReadAt:
    """What a run reads: transaction time and, for each tenant, when its newest load seen from there had finished."""

    known_as_of: int
    freshness: dict[str, str] = field(default_factory=dict)
    # When the newest of these had finished that changed anything: the day of it is seen as of then.
    changed: dict[str, str] = field(default_factory=dict)
    # Everybody who ever loaded anything, after the transaction time, too.
    tenants: tuple[str, ...] = ()


def read_at(connection: sa.Connection, known_as_of: int | None) -> ReadAt:
    """Resolve 'latest' (None) to the newest load's number; a number stays as it is."""
    if known_as_of is None:
        known_as_of = int(connection.scalar(sa.text("select coalesce(max(load_seq), 0) from crm_remote.loads")) or 0)

    def newest(loads: str) -> dict[str, str]:
        statement = (
            f"select tenant_id, max(finished_at)::text from crm_remote.{loads}"
            " where load_seq <= :known_as_of and tenant_id is not null group by tenant_id"
        )
        return {tenant: at for tenant, at in connection.execute(sa.text(statement), {"known_as_of": known_as_of})}

    return ReadAt(known_as_of, newest("loads"), newest("changing_loads"), all_tenants(connection))


def all_tenants(connection: sa.Connection) -> tuple[str, ...]:
    """Every tenant that ever loaded anything, in order."""
    statement = "select distinct tenant_id from crm_remote.loads where tenant_id is not null order by 1"
    return tuple(connection.scalars(sa.text(statement)))


# Lets the rest of a transaction read at a transaction time (ops.known_as_of).
READ_AT = "set_config('revops.known_as_of', :known_as_of, true)"


def set_transaction_time(connection: sa.Connection, at: ReadAt) -> None:
    """Let this transaction read at the run's transaction time."""
    connection.execute(sa.text(f"select {READ_AT}"), {"known_as_of": str(at.known_as_of)})

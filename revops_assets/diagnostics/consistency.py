"""What several datasets say of the same thing, compared for every stored day and tenant: sql/consistency, a file each.

A file's SELECT gives tenant_id, snapshot_date, what (the thing, and the datasets), one, other: what each says. Only
rows written at the same transaction time are compared: a later load may well have changed one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from revops_assets.settings import SQL_DIR

SHOWN = 20


@dataclass(frozen=True)
class Difference:
    """Two datasets that disagree."""

    tenant_id: str
    snapshot_date: date
    what: str
    one: str | None
    other: str | None

    def __str__(self) -> str:
        return f"tenant {self.tenant_id}, {self.snapshot_date}, {self.what}: {self.one}, {self.other}"


@dataclass(frozen=True)
class Topic:
    """One topic: how often it was said twice, how often differently, and the first of those."""

    name: str
    about: str
    compared: int
    differing: int
    first: tuple[Difference, ...]


def topics(connection: sa.Connection) -> Iterator[Topic]:
    """Compare everything that is said twice; the warehouse's connection."""
    for path in sorted((SQL_DIR / "consistency").glob("*.sql")):
        text = path.read_text()
        compared = f"select q.*, q.one is distinct from q.other as is_different from (\n{text}\n) as q"
        rows = connection.execute(
            sa.text(
                f"with c as materialized ({compared})"
                " select n.compared, n.differing, d.tenant_id, d.snapshot_date, d.what, d.one, d.other"
                " from (select count(*) as compared, count(*) filter (where is_different) as differing from c) as n"
                " left join (select * from c where is_different order by snapshot_date, tenant_id, what limit :shown)"
                " as d on true order by d.snapshot_date, d.tenant_id, d.what"
            ),
            {"shown": SHOWN},
        ).all()
        first = tuple(Difference(*row[2:]) for row in rows if row.tenant_id is not None)
        about = text.splitlines()[0].removeprefix("-- ").rstrip(".")
        yield Topic(path.stem, about, rows[0].compared, rows[0].differing, first)

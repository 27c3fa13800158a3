"""What daily datasets say: a number for each partition that its rows give, in whatever order they stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from revops_assets.catalogue import DAILY_DATASETS

# What names the run or its time.
STAMPS = ("data_freshness", "generated_at", "created_at", "updated_at", "started_at", "finished_at")

Stored = dict[tuple[str, str, date], str]


def stored(ask: Callable[[str], list[Any]], without: tuple[str, ...] = STAMPS) -> Stored:
    """Of each dataset, tenant and day one number, without some columns; it is another where a row reads otherwise."""
    tables = ", ".join(f"('{table}')" for table in sorted(DAILY_DATASETS))
    columns = ask(
        f"select t.name, array_agg(a.attname::text order by a.attnum) from (values {tables}) as t (name) inner join pg_attribute"
        " as a on a.attrelid = t.name::regclass and a.attnum > 0 and not a.attisdropped group by 1"
    )
    found: Stored = {}
    for table, names in columns:
        digest = f"sum(hashtextextended(row({', '.join(name for name in names if name not in without)})::text, 0)::numeric)::text"
        for tenant, day, number in ask(
            f"select tenant_id, {DAILY_DATASETS[table].day_column}, {digest} from {table} group by 1, 2"
        ):
            found[table, tenant, day] = number
    return found


def datasets_of(found: Stored) -> set[str]:
    """Those that have rows."""
    return {table for table, _, _ in found}


def of_tenant(found: Stored, tenant: str) -> dict[tuple[str, date], str]:
    """One tenant's, to be compared with another's."""
    return {(table, day): number for (table, of, day), number in found.items() if of == tenant}

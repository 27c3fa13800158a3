"""What a mapping can fill: the canonical tables' columns, their types, allowed values and meanings.

sql/0_schema/source/columns.csv is where they are described; docs/crm_columns.md comes from it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from revops_assets.settings import SQL_DIR

EVERY_TABLE = "*"
FILE = SQL_DIR / "0_schema" / "source" / "columns.csv"
# Logs of changes, and the records whose changes they hold.
HISTORIES = {"opportunity_history": "opportunities", "lead_history": "leads"}
# Filled in by loads alone.
LOADERS_OWN = {("opportunities", "closing_known_by")}


@dataclass(frozen=True)
class Target:
    """One column of a canonical table: its PostgreSQL type, the values it may have (none named: any), its meaning."""

    table: str
    column: str
    type: str
    allowed: tuple[str, ...]
    meaning: str


@lru_cache(maxsize=1)
def targets() -> dict[str, dict[str, Target]]:
    """Columns by table, the key first."""
    found: dict[str, dict[str, Target]] = {}
    common = []
    with FILE.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            allowed = tuple(row["allowed"].split("|")) if row["allowed"] else ()
            target = Target(row["table"], row["column"], row["type"], allowed, row["meaning"])
            if target.table == EVERY_TABLE:
                common.append(target)
            else:
                found.setdefault(target.table, {})[target.column] = target
    for columns in found.values():
        columns.update({target.column: target for target in common})
    return found


def key_of(table: str) -> str:
    """The column that identifies a record of the table."""
    return next(iter(targets()[table]))

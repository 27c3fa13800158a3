"""Checks as files: sql/checks/<schema>/<dataset>__<rule>.sql, a query that returns offending rows; any row fails it.

The header says what it detects, why that matters, what a row means, and, if it is only a warning, its severity.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR
from revops_assets.warehouse.sql_files import header_and_body


@dataclass(frozen=True)
class Check:
    """One check: the dataset it watches, its rule's name, what it says of itself, its query."""

    table: str
    rule: str
    about: dict[str, str]
    query: str

    @property
    def only_warns(self) -> bool:
        """Whether offending rows are a warning, not an error."""
        return self.about.get("Severity") == "warn"

    def statement(self, max_age_days: float) -> tuple[str, dict[str, datetime | float]]:
        """The query and its parameters. The clock comes in as a parameter, here only."""
        given: dict[str, datetime | float] = {"checked_at": datetime.now(UTC), "max_age_days": max_age_days}
        return self.query, {name: value for name, value in given.items() if f":{name}" in self.query}


@lru_cache(maxsize=1)
def all_checks() -> tuple[Check, ...]:
    """Every check file, by table and rule."""
    return tuple(_read(path) for path in sorted((SQL_DIR / "checks").glob("*/*.sql")))


def _read(path: Path) -> Check:
    header, query = header_and_body(path)
    about = dict(line.split(": ", 1) for line in header if ": " in line)
    for part in ("Detects", "Why", "A row means"):
        if part not in about:
            raise RevopsError(f"{path}: the header comment has no '{part}:' line")
    dataset, _, rule = path.stem.partition("__")
    if not rule:
        raise RevopsError(f"{path}: a check's file is named <dataset>__<rule>.sql")
    return Check(f"{path.parent.name}.{dataset}", rule, about, query)

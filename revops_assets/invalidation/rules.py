"""Which days of which datasets a changed row of a table matters to: sql/invalidation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.settings import SQL_DIR
from revops_assets.warehouse.sql_files import dataset_files, header_and_body

WINDOW = re.compile(r"(?<!:):(\w+_days)\b")


@lru_cache(maxsize=1)
def invalidation_rules() -> dict[str, str]:
    """For each table that has one, its invalidation rule: a query. `:<dataset>_days`: the window of who reads it."""
    windows = {f"{file.name}_days": str(file.window_days) for file in dataset_files().values() if file.window_days}
    rules = {}
    for path in sorted((SQL_DIR / "invalidation").glob("*/*.sql")):
        query = header_and_body(path)[1]
        rules[f"{path.parent.name}.{path.stem}"] = WINDOW.sub(lambda found: windows[found[1]], query)
    return rules


def dated_rule(table: str, columns: Sequence[str]) -> str | None:
    """The rule of a table whose rows hold from valid_from to before valid_to: its readers, on those days."""
    readers = ", ".join(f"('{name}')" for name in sorted(DAILY_DATASETS) if table in DAILY_DATASETS[name].deps)
    return readers and (
        f"select c.tenant_id, c.side, r.dataset, row({', '.join('c.' + name for name in columns)})::text as content,"
        " ops.valid_days(c.valid_from, c.valid_to) as days\n"
        f"from pg_temp.changed_rows as c cross join (values {readers}) as r (dataset)"
    )

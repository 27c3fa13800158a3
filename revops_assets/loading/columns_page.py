"""docs/crm_columns.md: every column that a mapping can fill, from sql/0_schema/source/columns.csv (`make docs`)."""

from __future__ import annotations

from revops_assets.loading.targets import EVERY_TABLE, LOADERS_OWN, Target, targets
from revops_assets.settings import PROJECT_ROOT

PATH = PROJECT_ROOT / "docs" / "crm_columns.md"
HEAD = """# Columns of the canonical tables

What a mapping ([loading.md](loading.md)) can fill. The first column of each table tells its records apart and is the
only one that every record must have (a deal needs a stage and a creation date to be useful). Every table has, too:

{common}
"""


def page() -> str:
    """The page's text."""
    common = [target for target in next(iter(targets().values())).values() if target.table == EVERY_TABLE]
    parts = [HEAD.format(common=_table(common))]
    for table, columns in targets().items():
        own = [target for target in columns.values() if target.table != EVERY_TABLE]
        parts.append(f"\n## {table}\n\n{_table(own)}\n")
    return "".join(parts)


def _table(columns: list[Target]) -> str:
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for target in columns:
        allowed = f"; one of {', '.join(target.allowed)}" if target.allowed else ""
        meaning = f"({target.meaning})" if (target.table, target.column) in LOADERS_OWN else target.meaning
        rows.append(f"| {target.column} | {target.type} | {meaning}{allowed} |")
    return "\n".join(rows)


if __name__ == "__main__":
    PATH.write_text(page())

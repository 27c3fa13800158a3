"""docs/roles.md, its table made from RIGHTS: `python -m revops_assets.warehouse.rights_page` (make docs)."""

from __future__ import annotations

from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse.rights import RIGHTS, Right
from revops_assets.warehouse.roles import NAMES

PAGE = PROJECT_ROOT / "docs" / "roles.md"
HEAD = "| role | database | schema | may |"
ROW = "| `revops_{role}` | {database} | {schema} | {may} |"


def page() -> str:
    """The page with its table as RIGHTS has it; what stands around the table stays."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD)
    after = rest.partition("\n\n")[2]
    return f"{before}{table()}\n\n{after}"


def table() -> str:
    """A line for each role, database and schema."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for right in sorted(RIGHTS, key=lambda right: NAMES.index(right.role)):
        said.setdefault((right.role, right.database, right.schema), []).append(_may(right))
    lines = [
        ROW.format(role=role, database=database, schema=f"`{schema}`" if schema else "", may="; ".join(told))
        for (role, database, schema), told in said.items()
    ]
    return "\n".join([HEAD, "|---|---|---|---|", *lines])


def _may(right: Right) -> str:
    named = ", ".join(f"`{name}`" for name in right.on) if isinstance(right.on, tuple) else right.on
    return f"{right.privileges} on {named}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""`make docs`: docs/data_dictionary.md from the headers of the contracts' SQL files."""

from __future__ import annotations

from collections.abc import Mapping

from revops_assets.contracts import CONTRACTS
from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse.sql_files import SqlFile

PATH = PROJECT_ROOT / "docs" / "data_dictionary.md"
INTRODUCTION = """# Data dictionary

The datasets that dashboards and coaching read: one row is what was true at the end of a business day. This page is made by
`make docs` from the headers of their SQL files, from which the tables come, too. A row that breaks its header's word is
refused inside the write's transaction, and the day keeps its earlier rows. Ratios are fractions (0.15 is 15 %); money is in
the CRM's currency; what cannot be computed is null, in display text a dash.
"""


Said = Mapping[tuple[str, str], str]


def dictionary(said: Said | None = None) -> str:
    """The whole page. `said`: by table and column what people have said of it, in place of the header's word."""
    return "\n".join([INTRODUCTION, *(_section(file, said or {}) for file in CONTRACTS.values())])


def _section(file: SqlFile, said: Said) -> str:
    link = f"../{file.path.relative_to(PROJECT_ROOT)}"
    lines = [
        f"## {file.table}",
        "",
        f"{file.description} Grain: {file.grain}. SQL: [{file.path.name}]({link}); key: {', '.join(file.key)}.",
        "",
        "| column | type | null | values | meaning |",
        "|---|---|---|---|---|",
    ]
    for column in file.all_columns.values():
        nullable = "yes" if column.is_nullable else ""
        meaning = said.get((file.table, column.name), column.meaning).replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {column.name} | {column.type} | {nullable} | {column.allowed} | {meaning} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PATH.write_text(dictionary(), encoding="utf-8")

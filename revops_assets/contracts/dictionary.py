"""`make docs`: docs/data_dictionary.md from the contracts and the headers of their SQL files."""

from __future__ import annotations

from revops_assets.contracts import ALL
from revops_assets.contracts.contract import Contract
from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse.sql_files import columns_after, dataset_files

PATH = PROJECT_ROOT / "docs" / "data_dictionary.md"
INTRODUCTION = """# Data dictionary

The datasets that dashboards and coaching read: one row is what was true at the end of a business day. This page is made by
`make docs` from the contracts in [revops_assets/contracts/](../revops_assets/contracts/) and the headers of the SQL files. A
row that breaks its contract is refused inside the write's transaction, and the day keeps its earlier rows. Ratios are
fractions (0.15 is 15 %); money is in the CRM's currency; what cannot be computed is null, in display text a dash.
"""


def dictionary() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(contract) for contract in ALL)])


def _section(contract: type[Contract]) -> str:
    file = dataset_files()[contract.dataset]
    told = file.columns | columns_after(file)
    link = f"../{file.path.relative_to(PROJECT_ROOT)}"
    lines = [
        f"## {contract.dataset}",
        "",
        f"{file.description} Grain: {file.grain}. SQL: [{file.path.name}]({link}); key: {', '.join(contract.key)}.",
        "",
        "| column | type | null | values | meaning |",
        "|---|---|---|---|---|",
    ]
    for name in told:
        column = contract.columns()[name]
        values = " · ".join(column.values) or _range(column.at_least, column.at_most)
        lines.append(
            f"| {name} | {column.type_name} | {'yes' if column.is_nullable else ''} | {values} | {told[name]} |"
        )
    return "\n".join([*lines, ""])


def _range(least: object, most: object) -> str:
    if least is None:
        return ""
    return f"{least} to {most}" if most is not None else f"from {least}"


if __name__ == "__main__":
    PATH.write_text(dictionary(), encoding="utf-8")

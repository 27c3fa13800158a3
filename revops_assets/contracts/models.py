"""Contracts as models: of the API's answers (pydantic), and of programs in TypeScript."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import GenericAlias
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from revops_assets.contracts import CONTRACTS
from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse.sql_files import Column, SqlFile

PATH = PROJECT_ROOT / "docs" / "contracts.ts"
# Python's and TypeScript's types of PostgreSQL's; numbers go over the wire as such, days and instants as text.
TYPES: dict[str, tuple[Any, str]] = {
    "text": (str, "string"), "date": (date, "string"), "timestamptz": (datetime, "string"), "uuid": (UUID, "string"),
    "int": (int, "number"), "integer": (int, "number"), "bigint": (int, "number"), "numeric": (float, "number"),
    "double precision": (float, "number"), "float8": (float, "number"), "boolean": (bool, "boolean"), "jsonb": (Any, "unknown"),
}  # fmt: skip


def _types(column: Column) -> tuple[Any, str]:
    name = column.type.removesuffix("[]").split("(")[0]
    python, script = TYPES[name]
    listed: Any = GenericAlias(list, (python,))
    return (listed, f"{script}[]") if column.type.endswith("[]") else (python, script)


def model_name(file: SqlFile) -> str:
    """DashboardKpis for dashboard.dashboard_kpis."""
    return "".join(part.capitalize() for part in file.name.split("_"))


@lru_cache
def model(table: str) -> type[BaseModel]:
    """A row of a contract's dataset."""
    file = CONTRACTS[table]
    fields: dict[str, Any] = {}
    for column in file.all_columns.values():
        python, _ = _types(column)
        told = Field(description=column.meaning + (f" ({column.allowed})" if column.allowed else ""))
        fields[column.name] = (python | None if column.is_nullable else python, told)
    made: type[BaseModel] = create_model(model_name(file), __doc__=f"{file.description} Grain: {file.grain}.", **fields)
    return made


def list_of(table: str) -> Any:
    """Rows of a contract's dataset."""
    return GenericAlias(list, (model(table),))


def plain(value: Any) -> Any:
    """A value as it goes over the wire."""
    return float(value) if isinstance(value, Decimal) else value


def typescript() -> str:
    """The contracts as TypeScript interfaces."""
    parts = [
        "// Rows of GET /api/datasets/{dataset}. Made by `make docs` from the headers of the contracts' SQL files.\n"
    ]
    for table, file in CONTRACTS.items():
        lines = [f"/** {table}. {file.description} Grain: {file.grain}. */", f"export interface {model_name(file)} {{"]
        for column in file.all_columns.values():
            script = " | ".join(f'"{value}"' for value in column.values) if column.values else _types(column)[1]
            script = f"({script})[]" if column.values and column.type.endswith("[]") else script
            lines.append(f"  /** {column.meaning} */")
            lines.append(f"  {column.name}: {script}{' | null' if column.is_nullable else ''};")
        parts.append("\n".join([*lines, "}", ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PATH.write_text(typescript(), encoding="utf-8")

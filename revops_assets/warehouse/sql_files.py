"""Dataset SQL files: where they lie and what their header comment says.

A file is one SELECT headed by a comment: a description, `Grain: …`, and a `Columns:` list (`name: meaning`).
The folder sql/<folder>/ names the schema (a leading number orders folders and is no part of the name). Folders named
functions hold functions of the database instead, laid down by `revops db upgrade`; those that make a table have such a
header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR

NOT_DATASETS = {"consistency", "0_schema", "checks", "invalidation", "reference"}
COLUMN = re.compile(r"^  (\w+): (.+)$")


@dataclass(frozen=True)
class SqlFile:
    """A dataset's file. `columns` maps each column to its description, in the SELECT's order."""

    schema: str
    name: str
    path: Path
    description: str
    grain: str
    columns: dict[str, str]
    select: str

    @property
    def table(self) -> str:
        """Qualified name of the relation it makes."""
        return f"{self.schema}.{self.name}"

    @property
    def is_select(self) -> bool:
        """Whether the file is the SELECT that makes the relation, not functions that do."""
        return self.path.parent.name != "functions"


def header_and_body(path: Path) -> tuple[list[str], str]:
    """The leading comment's lines without their dashes, and the SQL after it."""
    header: list[str] = []
    lines = path.read_text().splitlines()
    while lines and lines[0].startswith("--"):
        header.append(lines.pop(0)[2:].removeprefix(" "))
    return header, "\n".join(lines).strip().rstrip(";")


@lru_cache(maxsize=1)
def dataset_files() -> dict[str, SqlFile]:
    """Every dataset file, by qualified name."""
    found: dict[str, SqlFile] = {}
    for folder in sorted(SQL_DIR.iterdir()):
        if not folder.is_dir() or folder.name in NOT_DATASETS:
            continue
        for path in sorted(path for path in folder.rglob("*.sql") if path.parent.name != "functions"):
            file = parse(path, re.sub(r"^\d+_", "", folder.name))
            if file.table in found:
                raise RevopsError(f"{file.table} is made by two files: {found[file.table].path} and {path}")
            found[file.table] = file
    return found


@lru_cache(maxsize=1)
def table_functions() -> dict[str, SqlFile]:
    """Files of functions that make a table, by the table's qualified name: those whose header lists columns."""
    files = [
        parse(path, re.sub(r"^\d+_", "", path.parents[1].name))
        for path in sorted(SQL_DIR.glob("*/functions/*.sql"))
        if "Columns:" in header_and_body(path)[0]
    ]
    return {file.table: file for file in files}


def parse(path: Path, schema: str) -> SqlFile:
    """Read one file; an error names what its header lacks."""
    header, select = header_and_body(path)
    description: list[str] = []
    columns: dict[str, str] = {}
    grain, in_columns = "", False
    for line in header:
        if line.startswith("Grain: "):
            grain = line.removeprefix("Grain: ").rstrip(".")
        elif line == "Columns:":
            in_columns = True
        elif in_columns:
            match = COLUMN.match(line)
            if not match:
                raise RevopsError(f"{path}: not of the form '  column: meaning': {line!r}")
            columns[match[1]] = match[2]
        elif not grain and line:
            description.append(line)
    for what, value in (
        ("description", description),
        ("'Grain:' line", grain),
        ("'Columns:' list", columns),
    ):
        if not value:
            raise RevopsError(f"{path}: the header comment has no {what}")
    return SqlFile(schema, path.stem, path, " ".join(description), grain, columns, select)


# Columns of every dataset, after those of its file.
COMMON_COLUMNS = {
    "known_as_of": "number of the newest load that the run could see",
    "data_freshness": "when the newest load of the tenant that the run could see had finished",
}


# Schemas whose datasets also say when a row's day was first built, and when last; after those columns.
STAMPED = ("dashboard", "ai")


STAMPS = {
    "created_at": "when the row's day was first built",
    "updated_at": "when the row was written",
}


def columns_after(file: SqlFile) -> dict[str, str]:
    """Columns of the dataset after those of its file, and what they mean."""
    if file.schema not in STAMPED:
        return COMMON_COLUMNS
    generated = {"generated_at": "when the text was generated"} if file.schema == "ai" else {}
    return COMMON_COLUMNS | generated | STAMPS

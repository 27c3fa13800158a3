"""Dataset SQL files: where they lie and what their header comment says.

A file is one SELECT headed by a comment that says everything else of the dataset: a description, `Grain: …`, and a
`Columns:` list. A view's columns are `name: meaning`. A table's also have a type, and its header a key:

    Key: tenant_id, snapshot_date, opportunity_id
    Unique: tenant_id, snapshot_date, action_id
    Index: (snapshot_date)
    Columns:
      urgency text not null, one of CRITICAL, HIGH, LOW: how much it matters
      risk_flags text[] not null, any of STUCK, NO_EB: what is wrong
      health_score int, 0 to 100: its health; null where nothing is known
      amount numeric(18, 2), at least 0: what it is worth
    Rules:
      urgency does not agree with risk_flags unless urgency = 'LOW' or risk_flags <> '{}'

`Restatements: kept where team_id = 'All'` (or `true`): what such rows of a stored day said before they were written
again and read otherwise stays in ops.restated_rows.

`Preview: health_score, amount desc` orders the rows that Dagster shows of the newest day: what people ask for first.

Where it looks at the days up to each of its own, `Window: 90 days` says how many: `:window` in the header,
`:window_days` in the SELECT, and `:<name>_days` in the invalidation rules of what it reads.

A rule names the column to blame, what is then wrong, and, behind `unless`, the SQL condition that must not be false.
Lines that are indented further go on with the one before. Tables (warehouse/tables.py), contracts and the data
dictionary come from these headers.

The folder sql/<folder>/ names the schema (a leading number orders folders and is no part of the name). Folders named
functions hold functions of the database instead, laid down by `revops db upgrade`; those that make a table have such a
header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR

NOT_DATASETS = {"consistency", "0_schema", "checks", "invalidation", "reference", "pages", "questions"}
COLUMN = re.compile(
    r"^(?P<name>\w+)"
    r"(?: (?P<type>[a-z0-9]+(?:\(\d+(?:, \d+)?\))?(?:\[\])?)(?P<required> not null)?(?:, (?P<allowed>[^:]+))?)?"
    r": (?P<meaning>.+)$"
)
LISTED = re.compile(r"(one|any) of (.+)")
NUMBER = r"-?[\d.]+"
WITHIN = re.compile(
    rf"(?P<from>{NUMBER}) to (?P<to>{NUMBER})|at least (?P<least>{NUMBER})|more than (?P<above>{NUMBER})"
)
WINDOW = re.compile(r"Window: (\d+) days")
RULE = re.compile(r"^(\w+) (.+?) unless (.+)$")


@dataclass(frozen=True)
class Rule:
    """A condition on a row that must not be false; `column` is the one to blame, `fault` what is then wrong with it."""

    column: str
    fault: str
    condition: str


@dataclass(frozen=True)
class Column:
    """A column; of a view's only name and meaning are known. `allowed`: in words, `one of A, B`, `0 to 1`, …"""

    name: str
    meaning: str
    type: str = ""
    is_nullable: bool = True
    allowed: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """Values that it, or an item of it, may have; none where they are not listed."""
        listed = LISTED.fullmatch(self.allowed)
        return tuple(listed[2].split(", ")) if listed else ()

    def rules(self) -> Iterator[Rule]:
        """What `allowed` says, as conditions."""
        if self.values:
            listed = ", ".join(f"'{value}'" for value in self.values)
            is_in = f"{self.name} <@ array[{listed}]" if self.type.endswith("[]") else f"{self.name} in ({listed})"
            yield Rule(self.name, f"is none of {listed}", is_in)
        elif self.allowed:
            limits = WITHIN.fullmatch(self.allowed)
            if not limits:
                raise RevopsError(f"column {self.name}: '{self.allowed}' is no list of values and no range")
            if limits["from"]:
                bounds = f"between {limits['from']} and {limits['to']}"
                yield Rule(self.name, f"is not {bounds}", f"{self.name} {bounds}")
            elif limits["least"]:
                yield Rule(self.name, f"is below {limits['least']}", f"{self.name} >= {limits['least']}")
            else:
                yield Rule(self.name, f"is not above {limits['above']}", f"{self.name} > {limits['above']}")


@dataclass(frozen=True)
class SqlFile:
    """A dataset's file. `columns` maps each column's name to what the header says, in the SELECT's order.
    `restatements_of`: the condition on rows whose earlier versions are kept; None: none are."""

    schema: str
    name: str
    path: Path
    description: str
    grain: str
    columns: dict[str, Column]
    select: str
    key: tuple[str, ...] = ()
    uniques: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    window_days: int | None = None
    row_rules: tuple[Rule, ...] = ()
    restatements_of: str | None = None
    preview_order: str = ""

    @property
    def table(self) -> str:
        """Qualified name of the relation it makes."""
        return f"{self.schema}.{self.name}"

    @property
    def is_select(self) -> bool:
        """Whether the file is the SELECT that makes the relation, not functions that do."""
        return self.path.parent.name != "functions"

    @property
    def is_table(self) -> bool:
        """Whether its relation is a table: its columns have types."""
        return all(column.type for column in self.columns.values())

    @property
    def has_contract(self) -> bool:
        """Whether others build on it: every write is held to its header (contracts/guard.py)."""
        return self.schema in CONTRACTED

    @property
    def all_columns(self) -> dict[str, Column]:
        """The table's columns: the file's, and those that every dataset has after them."""
        return self.columns | columns_after(self)

    def rules(self) -> Iterator[Rule]:
        """What must not be false of any row, besides that values are there."""
        for column in self.columns.values():
            yield from column.rules()
        yield from self.row_rules


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
    window = next((int(match[1]) for line in header if (match := WINDOW.fullmatch(line))), None)
    if window:
        header = [re.sub(r":window\b", f"{window} days", line) for line in header]
        select = select.replace(":window_days", str(window))
    parts = _parts(path, header)
    for what, name in (("description", ""), ("'Grain:' line", "Grain"), ("'Columns:' list", "Columns")):
        if not parts[name]:
            raise RevopsError(f"{path}: the header comment has no {what}")
    columns = [_column(path, line) for line in parts["Columns"]]
    file = SqlFile(
        schema,
        path.stem,
        path,
        " ".join(parts[""]),
        parts["Grain"][0].rstrip("."),
        {column.name: column for column in columns},
        select,
        tuple(parts["Key"][0].split(", ")) if parts["Key"] else (),
        tuple(parts["Unique"]),
        tuple(parts["Index"]),
        window,
        tuple(_rule(path, line) for line in parts["Rules"]),
        parts["Restatements"][0].removeprefix("kept where ") if parts["Restatements"] else None,
        parts["Preview"][0] if parts["Preview"] else "",
    )
    known = file.all_columns.keys()
    if any(column.type for column in columns) and not file.is_table:
        raise RevopsError(f"{path}: some columns have a type, {[c.name for c in columns if not c.type]} have none")
    if unknown := {*file.key, *(rule.column for rule in file.row_rules)} - known:
        raise RevopsError(f"{path}: key or rules name {sorted(unknown)}, which are no columns")
    return file


def _parts(path: Path, header: list[str]) -> dict[str, list[str]]:
    """The header's lines by part: the description under no name, then what follows `Name:` or is indented below it."""
    parts: dict[str, list[str]] = {
        name: []
        for name in ("", "Window", "Grain", "Key", "Unique", "Index", "Restatements", "Preview", "Columns", "Rules")
    }
    name = ""
    for line in header:
        word, colon, rest = line.partition(":")
        if word in parts and colon and word:
            name = word
            if rest.strip():
                parts[name].append(rest.strip())
        elif line.startswith("      ") and parts[name]:
            parts[name][-1] += " " + line.strip()
        elif line.startswith("  ") and name in ("Columns", "Rules"):
            parts[name].append(line.strip())
        elif line and name == "":
            parts[name].append(line)
        elif name in ("Columns", "Rules"):
            raise RevopsError(f"{path}: '{line}' stands in the list of {name.lower()} and is not indented")
    return parts


def _column(path: Path, line: str) -> Column:
    match = COLUMN.match(line)
    if not match:
        raise RevopsError(f"{path}: not of the form '  column: meaning' or '  column type: meaning': {line!r}")
    column = Column(
        match["name"], match["meaning"], match["type"] or "", not match["required"], (match["allowed"] or "").strip()
    )
    for _ in column.rules():  # an error where `allowed` says nothing
        pass
    return column


def _rule(path: Path, line: str) -> Rule:
    match = RULE.match(line)
    if not match:
        raise RevopsError(f"{path}: not of the form '  column is wrong unless condition': {line!r}")
    return Rule(*match.groups())


# Schemas whose datasets people build on: their headers are contracts, and their rows also say when their day was first
# built, and when last.
CONTRACTED = ("dashboard", "ai")
# Columns of every dataset, after those of its file.
COMMON_COLUMNS = {
    column.name: column
    for column in (
        Column("known_as_of", "number of the newest load that the run could see", "bigint", False),
        Column(
            "data_freshness", "when the newest load of the tenant that the run could see had finished", "timestamptz"
        ),
    )
}
GENERATED_AT = Column("generated_at", "when the text was generated", "timestamptz", False)
STAMPS = {
    column.name: column
    for column in (
        Column("created_at", "when the row's day was first built", "timestamptz", False),
        Column("updated_at", "when the row was written", "timestamptz", False),
    )
}


def columns_after(file: SqlFile) -> dict[str, Column]:
    """Columns of the dataset after those of its file."""
    if not file.has_contract:
        return COMMON_COLUMNS
    generated = {GENERATED_AT.name: GENERATED_AT} if file.schema == "ai" else {}
    return COMMON_COLUMNS | generated | STAMPS

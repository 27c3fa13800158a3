"""What a mapping says: which file feeds which canonical table, and how. mapping_file.py reads one from YAML."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from revops_assets.errors import quoted
from revops_assets.loading import fields
from revops_assets.settings import is_time_zone
from revops_assets.untrusted.regular_files import is_inner

# Columns that the loader puts beside a file's fields.
RESERVED = {"load_id", "file_name", "line_no", "extra"}
# Means itself in every encoding whose lines can be cut apart and read by themselves.
ODD_BYTES = b'id;"\\u0041+AAA-~{\x1b$'
# PostgreSQL cuts names off here.
LONGEST_NAME, LONGEST_KEY = 63, 50
# What a condition compares a field with: a value, one of several, a beginning ('00Q*'), or null for none.
Wanted = str | None | list[str | None]
Condition = dict[str, Wanted]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Several = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class FieldSpec(_Strict):
    """One field of a file: its type; `required`: a record without it is refused; `optional`: a CSV need not have the
    column; `path`: where it stands if not under its own name ('Owner.Name'), the first of several that is filled;
    `format`: how it is written ('%m/%d/%Y', epoch_ms, '1.234,56'), the first of several that fits."""

    type: fields.FieldType
    required: bool = False
    optional: bool = False
    path: Annotated[list[str], BeforeValidator(_as_list)] = []
    format: Annotated[list[str], BeforeValidator(_as_list)] = []

    @model_validator(mode="after")
    def _formats_are_known(self) -> FieldSpec:
        for text in self.format:
            if not fields.is_format(self.type, text):
                numbers = ", ".join(fields.NUMBER_FORMATS)
                raise ValueError(
                    f"format {quoted(text)} is none of type {self.type}: times and days take iso, epoch_s, epoch_ms or"
                    f" a pattern such as %m/%d/%Y %H:%M, numbers an example: {numbers}"
                )
        return self


def _field_spec(value: Any) -> Any:
    if isinstance(value, dict):
        return value | ({"required": True} if value.get("type") in ("id",) else {})
    if not isinstance(value, str):
        return value
    kind, *rest = value.split()
    if kind not in fields.TYPES or any(word not in ("required", "optional") for word in rest):
        raise ValueError(
            f"{quoted(value)} is no type of field; there are {', '.join(fields.TYPES)}, then 'required' or 'optional'"
        )
    return {"type": kind, "required": "required" in rest or kind == "id", "optional": "optional" in rest}


class FileSpec(_Strict):
    """One object of an export and the fields it must have; others are kept as extras.

    `path`: its file, see find.py; several: all of them. `skip`: records that meet one of these conditions are left out.
    `complete`: records that are gone from the next export were deleted. `records`: where in a JSON answer the records
    stand ('data.deals'); without it an envelope's records, results, data, value or items are found. `explode`: a list
    within each record of which each entry is a record, its parts at 'item.…'. `optional_columns`: a CSV need only have
    the required ones.
    """

    path: Several
    required: bool = True
    skip: list[Condition] = []
    complete: bool | None = None
    raw: bool = True
    encoding: str = "utf-8"
    delimiter: str = Field(",", pattern=r'^[^"\r\n]$')
    records: str | None = None
    explode: str | None = None
    optional_columns: bool = False
    fields: dict[str, Annotated[FieldSpec, BeforeValidator(_field_spec)]] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_free(self) -> FileSpec:
        for name in RESERVED & self.fields.keys():
            raise ValueError(
                f"fields: {name} is a name of the loader's own; take the field by 'path' under another name"
            )
        return self

    @field_validator("fields")
    @classmethod
    def _names_are_told_apart(cls, value: dict[str, FieldSpec]) -> dict[str, FieldSpec]:
        cut = [name.encode()[:LONGEST_NAME] for name in value]
        if b"" in cut:
            raise ValueError("a field without a name; take it by 'path' under one")
        if len(set(cut)) < len(cut):
            raise ValueError(
                f"two names that differ after {LONGEST_NAME} bytes only; take the fields by 'path' under shorter names"
            )
        return value

    @model_validator(mode="after")
    def _skips_by_known_fields(self) -> FileSpec:
        for name in (name for condition in self.skip for name in condition):
            if name not in self.fields:
                raise ValueError(f"skip: there is no field {name!r}")
        return self

    @field_validator("encoding")
    @classmethod
    def _splits_at_newline_bytes(cls, value: str) -> str:
        try:
            fits = "\n".encode(value) == b"\n" and ODD_BYTES.decode(value, "surrogateescape") == ODD_BYTES.decode()
        except (LookupError, ValueError):
            raise ValueError(f"{quoted(value)} is no encoding of texts") from None
        if not fits:
            raise ValueError(f"{quoted(value)} is not an encoding in which a line ends with one byte; convert to UTF-8")
        return value

    @field_validator("path")
    @classmethod
    def _stays_in_the_folder(cls, value: list[str]) -> list[str]:
        for path in value:
            if not is_inner(path):
                raise ValueError(f"{quoted(path)} is no name of a file below the export's folder")
        return value


class ColumnSpec(_Strict):
    """Where a canonical column's value comes from.

    One of: a field (of several the first that is filled), a constant, a join of fields (with a `separator`), the line
    number, or the `first` of several such origins that has a value. A number may be taken `times` another, or its
    `inverse`. `values` translates a field's values, whatever their case; `else` is for all others (without it they
    stay), `default` for none. `when`: only of records that meet the condition, `unless`: of those that do not. `file`
    with `match` takes the field from the record of another file whose fields equal these ({mine: theirs}).
    """

    field: Annotated[list[str], BeforeValidator(_as_list)] = []
    file: str | None = None
    match: dict[str, str] = {}
    default: str | None = None
    values: dict[str, str | None] = {}
    otherwise: str | None = Field(None, alias="else")
    constant: str | None = None
    join: list[str] = []
    separator: str = "|"
    times: Decimal | None = None
    inverse: bool = False
    line: bool = False
    first: list[Annotated[ColumnSpec, BeforeValidator(lambda value: _column_spec(value))]] = []
    when: Condition = {}
    unless: Condition = {}

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnSpec:
        if sum(map(bool, (self.field, self.constant is not None, self.join, self.line, self.first))) != 1:
            raise ValueError("a column takes exactly one of field, constant, join, line, first")
        if bool(self.file) != bool(self.match) or (self.file and not self.field):
            raise ValueError("'file' needs 'match' ({field here: field there}) and 'field', and 'match' needs 'file'")
        if (self.values or self.has_else) and not self.field:
            raise ValueError("'values' and 'else' translate a field")
        folded = [name.strip().casefold() for name in self.values]
        if len(set(folded)) < len(folded):
            raise ValueError("values: two of them differ only by case, which is not looked at")
        return self

    @property
    def has_else(self) -> bool:
        """Whether values that are not translated become something else (perhaps nothing)."""
        return "otherwise" in self.model_fields_set

    @property
    def reads(self) -> list[str]:
        """The fields that it reads of the table's own file."""
        inner = [name for origin in self.first for name in origin.reads]
        own = [*self.match] if self.file else self.field
        return [*own, *self.join, *self.when, *self.unless, *inner]

    @property
    def looks_into(self) -> list[tuple[str, str]]:
        """Other files' fields that it reads: file, field."""
        there = [*self.match.values(), *self.field] if self.file else []
        return [
            *((str(self.file), name) for name in there),
            *(pair for origin in self.first for pair in origin.looks_into),
        ]


def _column_spec(value: Any) -> Any:
    return {"field": value} if isinstance(value, str | list) else value


class ChangeSpec(_Strict):
    """A change that a record tells of: `field` became, `at` the instant of one of the record's fields, what `new` (a
    field) or `to` (a value) says. Where `at` has a *, what stands in its place in the column's name is the value."""

    field: str
    at: str
    new: str | None = None
    to: str | None = None
    values: dict[str, str | None] = {}

    @model_validator(mode="after")
    def _one_value(self) -> ChangeSpec:
        if sum((self.new is not None, self.to is not None, "*" in self.at)) != 1:
            raise ValueError("a change takes exactly one of new (a field), to (a value), and a * in its at")
        return self


class TableSpec(_Strict):
    """What feeds one canonical table: the records of a file; changes that they tell of; or rows in the mapping itself.

    `when`: only records that meet the condition. `changes` with `record` (the field with the deal's or lead's id): one
    row for each change, of one record after another where they are snapshots; keys are made. `merged_ids`: a field with
    the ids, ';' between them, of records that were merged into this one.
    """

    source: str | None = Field(None, alias="from")
    when: Condition = {}
    columns: dict[str, Annotated[ColumnSpec, BeforeValidator(_column_spec)]] = {}
    changes: list[ChangeSpec] = []
    record: str | None = None
    changed_by: str | None = None
    merged_ids: str | None = None
    rows: list[dict[str, str]] = []

    @model_validator(mode="after")
    def _one_kind(self) -> TableSpec:
        if bool(self.rows) == bool(self.source) or bool(self.source) != (bool(self.columns) != bool(self.changes)):
            raise ValueError("a table takes either 'from' with 'columns' or with 'changes', or 'rows'")
        if bool(self.changes) != (self.record is not None):
            raise ValueError("'changes' need 'record': the field with the id of the deal or lead")
        return self

    @property
    def reads(self) -> list[tuple[str, str]]:
        """Fields of its own file that it reads, with the place in the mapping."""
        found = [("when", name) for name in self.when]
        found += [(f"columns.{column}", name) for column, spec in self.columns.items() for name in spec.reads]
        for number, change in enumerate(self.changes):
            found += [(f"changes.{number}", name) for name in (change.at, change.new) if name]
        found += [("record", self.record)] if self.record else []
        found += [("changed_by", self.changed_by)] if self.changed_by else []
        return [*found, *([("merged_ids", self.merged_ids)] if self.merged_ids else [])]

    @property
    def looks_into(self) -> set[str]:
        """Other files that it reads."""
        return {file for spec in self.columns.values() for file, _ in spec.looks_into}


class Mapping(_Strict):
    """One source of CRM exports. `timezone`: of times without a zone; days without a time are business days."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    timezone: str = "UTC"
    raw_schema: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")
    complete: bool = False
    max_reject_share: float = Field(0.05, ge=0, le=1)
    files: dict[Annotated[str, Field(min_length=1, max_length=LONGEST_KEY)], FileSpec] = Field(min_length=1)
    tables: dict[str, Annotated[list[TableSpec], BeforeValidator(_as_list), Field(min_length=1)]] = Field(min_length=1)
    fold_opportunities: bool = False
    sha256: str = ""

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if not is_time_zone(value):
            raise ValueError(f"{quoted(value)} is not a time zone name")
        return value

    def is_raw(self, key: str) -> bool:
        """Whether the lines of this file are kept as exported, in the raw schema."""
        return self.raw_schema is not None and self.files[key].raw

    def is_complete(self, key: str) -> bool:
        """Whether records that are gone from this file were deleted."""
        said = self.files[key].complete
        return self.complete if said is None else said

    def tables_of(self, key: str) -> list[tuple[str, TableSpec]]:
        """The tables that a file feeds, in the order of the mapping."""
        return [(table, spec) for table, specs in self.tables.items() for spec in specs if spec.source == key]

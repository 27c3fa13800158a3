"""Mapping files: which file feeds which canonical table, and how. Read, checked, and turned into SQL expressions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from psycopg2 import sql
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from revops_assets.errors import RevopsError, in_words

SHIPPED = Path(__file__).parent / "mappings"

FieldType = Literal["id", "text", "integer", "number", "money", "boolean", "timestamp", "date"]


# Columns that the loader puts beside a file's fields.
RESERVED = {"load_id", "line_no", "extra"}
# Which types of field each type of column takes without a translation, so that no cast can fail.
FITTING: dict[str, set[str]] = {
    "numeric(14,2)": {"money"},
    "numeric": {"money", "number", "integer"},
    "bigint": {"integer"},
    "boolean": {"boolean"},
    "date": {"date", "timestamp"},
    "timestamp with time zone": {"timestamp", "date"},
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldSpec(_Strict):
    """One field of a file: its type, whether a record without it is refused ('timestamp required'), and, in JSON, where
    it stands if not under its own name ('Owner.Name')."""

    type: FieldType
    required: bool = False
    path: str | None = None


def _field_spec(value: Any) -> Any:
    if not isinstance(value, str):
        return value | {"required": True} if isinstance(value, dict) and value.get("type") == "id" else value
    kind, _, rest = value.partition(" ")
    if rest not in ("", "required"):
        raise ValueError(f"{value!r} is not '<type>' or '<type> required'")
    return {"type": kind, "required": rest == "required" or kind == "id"}


class FileSpec(_Strict):
    """One file of an export and the fields it must have; others are kept as extras. `skip`: records whose fields have
    all the values of one of these are left out (a log of another kind in the same file)."""

    path: str
    required: bool = True
    skip: list[dict[str, str]] = []
    encoding: str = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    fields: dict[str, Annotated[FieldSpec, BeforeValidator(_field_spec)]] = Field(min_length=1)

    @property
    def is_json(self) -> bool:
        """Whether records are JSON objects: in an array, or one a line."""
        return Path(self.path).suffix in (".json", ".jsonl", ".ndjson")

    @model_validator(mode="after")
    def _names_are_free(self) -> FileSpec:
        for name in RESERVED & self.fields.keys():
            raise ValueError(f"fields: {name} is a name of the loader's own; JSON can take it by 'path'")
        return self

    @model_validator(mode="after")
    def _skips_by_known_fields(self) -> FileSpec:
        for name in (name for condition in self.skip for name in condition):
            if name not in self.fields:
                raise ValueError(f"skip: there is no field {name!r}")
        return self

    @field_validator("encoding")
    @classmethod
    def _splits_at_newline_bytes(cls, value: str) -> str:
        if "\n".encode(value) != b"\n":
            raise ValueError(f"{value} is not an encoding in which a line ends with one byte; convert to UTF-8")
        return value


class ColumnSpec(_Strict):
    """Where a canonical column's value comes from: a field (its values translated, with a default where it is empty),
    a constant, a join of fields, or the line number."""

    field: str | None = None
    default: str | None = None
    values: dict[str, str] = {}
    otherwise: str | None = Field(None, alias="else")
    constant: str | None = None
    join: list[str] = []
    line: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnSpec:
        if sum([self.field is not None, self.constant is not None, bool(self.join), self.line]) != 1:
            raise ValueError("a column takes exactly one of field, constant, join, line")
        return self

    @property
    def reads(self) -> list[str]:
        """The file's fields it reads."""
        return [self.field] if self.field else self.join


def _column_spec(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


class TableSpec(_Strict):
    """What feeds one canonical table: the records of a file, or rows written in the mapping itself."""

    source: str | None = Field(None, alias="from")
    columns: dict[str, Annotated[ColumnSpec, BeforeValidator(_column_spec)]] = {}
    rows: list[dict[str, str]] = []

    @model_validator(mode="after")
    def _one_kind(self) -> TableSpec:
        if bool(self.rows) == bool(self.source) or bool(self.source) != bool(self.columns):
            raise ValueError("a table takes either 'from' with 'columns', or 'rows'")
        return self


class Mapping(_Strict):
    """One source of CRM exports."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    timezone: str = "UTC"
    raw_schema: str | None = None
    max_reject_share: float = Field(0.05, ge=0, le=1)
    files: dict[str, FileSpec] = Field(min_length=1)
    tables: dict[str, TableSpec] = Field(min_length=1)
    fold_opportunities: bool = False
    sha256: str = ""

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Mapping:
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone: {self.timezone!r} is not a time zone name") from None
        for table, spec in self.tables.items():
            if spec.source and spec.source not in self.files:
                raise ValueError(f"tables.{table}.from: there is no file {spec.source!r} under files")
            for column, origin in spec.columns.items():
                for name in origin.reads:
                    if spec.source and name not in self.files[spec.source].fields:
                        raise ValueError(f"tables.{table}.columns.{column}: file {spec.source} has no field {name!r}")
        return self


def read_mapping(name_or_path: str) -> Mapping:
    """A shipped mapping by name, or a file; an error names the file, the place in it and what is wrong."""
    path = SHIPPED / f"{name_or_path}.yaml"
    if not path.exists():
        path = Path(name_or_path)
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.yaml")))
        raise RevopsError(f"no mapping {name_or_path!r}: neither a file nor one of {shipped}")
    content = path.read_bytes()
    try:
        document = yaml.safe_load(content)
        if not isinstance(document, dict):
            raise RevopsError(f"{path}: a mapping is a YAML object with name, files and tables")
        return Mapping(**{**document, "sha256": hashlib.sha256(content).hexdigest()})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RevopsError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RevopsError(f"{path}: {place + ': ' if place else ''}{in_words(first['msg'])}") from None


def detect_mapping(directory: Path) -> Mapping:
    """The one shipped mapping whose required files the directory holds."""
    if not directory.is_dir():
        raise RevopsError(f"{directory} is {'a file; give its folder' if directory.exists() else 'not there'}")
    found = []
    for path in sorted(SHIPPED.glob("*.yaml")):
        mapping = read_mapping(path.stem)
        if all((directory / file.path).exists() for file in mapping.files.values() if file.required):
            found.append(mapping)
    if len(found) != 1:
        what = "fits no shipped mapping" if not found else f"fits {', '.join(m.name for m in found)}"
        raise RevopsError(f"{directory} {what}; say which with --mapping")
    return found[0]


def column_expression(spec: ColumnSpec, file: FileSpec, timezone: str) -> sql.Composable:
    """SQL that computes a canonical column from a file's record `r` (all its fields text, checked beforehand)."""
    if spec.line:
        return sql.SQL("r.line_no")
    if spec.constant is not None:
        return sql.Literal(spec.constant)
    if spec.join:
        parts = sql.SQL(", ").join(sql.Identifier("r", name) for name in spec.join)
        joined = sql.SQL("concat_ws('|', {})").format(parts)
        # An id must fit into an index; a longer one keeps its beginning and becomes unique by its hash.
        return sql.SQL("case when length({0}) > 512 then left({0}, 400) || '|' || md5({0}) else {0} end").format(joined)
    assert spec.field is not None
    value: sql.Composable = sql.Identifier("r", spec.field)
    if file.fields[spec.field].type == "timestamp":
        value = sql.SQL("crm.instant({}, {})").format(value, sql.Literal(timezone))
    if spec.values:
        cases = sql.SQL(" ").join(
            sql.SQL("when {} then {}").format(sql.Literal(old), sql.Literal(new)) for old, new in spec.values.items()
        )
        other = value if spec.otherwise is None else sql.Literal(spec.otherwise)
        value = sql.SQL("case {} {} else {} end").format(value, cases, other)
    if spec.default is not None:
        value = sql.SQL("coalesce({}, {})").format(value, sql.Literal(spec.default))
    return value

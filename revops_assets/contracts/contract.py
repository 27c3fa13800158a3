"""What a contract is: a typed row, from which JSON schemas, Dagster's column metadata, the data dictionary and the guard of
the write are made. What a column means is said once, in the header of the dataset's SQL file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.fields import FieldInfo

from revops_assets.warehouse.sql_files import dataset_files

Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
Share = Annotated[Number, Ge(0), Le(1)]
Count = Annotated[int, Ge(0)]

# Types of PostgreSQL that a Python type may be stored as.
STORED_AS: dict[Any, tuple[str, ...]] = {
    str: ("text",),
    int: ("integer", "bigint"),
    Decimal: ("numeric", "double precision"),
    bool: ("boolean",),
    date: ("date",),
    datetime: ("timestamp with time zone",),
    UUID: ("uuid",),
    list: ("text[]", "jsonb"),
}


@dataclass(frozen=True)
class Rule:
    """A condition on a row `d` that the types do not say; `column` is the one to blame."""

    column: str
    condition: str
    meaning: str


@dataclass(frozen=True)
class SetRule:
    """A condition on several rows: SELECT of key, value of those that break it, from {window} (the rows of the write)."""

    column: str
    offending: str
    meaning: str


@dataclass(frozen=True)
class Column:
    """A column as the contract has it."""

    name: str
    python: Any
    is_nullable: bool
    values: tuple[str, ...]  # of an enumeration, or of a list's items
    at_least: Any
    at_most: Any
    has_parts: bool = False  # a list of objects

    @property
    def stored_as(self) -> tuple[str, ...]:
        """Types of PostgreSQL that fit."""
        return STORED_AS[self.python]

    @property
    def type_name(self) -> str:
        """The type in the words of the published contracts."""
        words = {
            str: "string",
            int: "number",
            Decimal: "number",
            bool: "boolean",
            date: "Date",
            datetime: "Date",
            UUID: "string",
            list: "string[]",
        }
        return "object[]" if self.has_parts else words[self.python]


class Contract(BaseModel):
    """A dataset's row. Every dataset has these fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    rules: ClassVar[tuple[Rule, ...]] = ()
    sets: ClassVar[tuple[SetRule, ...]] = ()

    tenant_id: str
    snapshot_date: date
    known_as_of: Count
    data_freshness: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def columns(cls) -> dict[str, Column]:
        """The columns, by name."""
        return {name: _column(name, field) for name, field in cls.model_fields.items()}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The row as JSON schema, each field with what the SQL file says of it."""
        schema = cls.model_json_schema(mode="serialization")
        told = dataset_files()[cls.dataset].columns
        for name, described in schema["properties"].items():
            if name in told:
                described["description"] = told[name]
        return {"title": cls.dataset, "description": dataset_files()[cls.dataset].description} | {
            name: value for name, value in schema.items() if name not in ("title", "description")
        }

    @classmethod
    def conditions(cls) -> Iterator[Rule]:
        """What must be true of every row `d`, from the types and the rules."""
        for column in cls.columns().values():
            name = f"d.{column.name}"
            if not column.is_nullable:
                yield Rule(column.name, f"{name} is not null", "is missing")
            if column.values:
                listed = ", ".join(f"'{value}'" for value in column.values)
                inside = f"{name} <@ array[{listed}]" if column.python is list else f"{name} in ({listed})"
                yield Rule(column.name, f"coalesce({inside}, true)", f"is none of {listed}")
            for limit, sign, word in ((column.at_least, ">=", "below"), (column.at_most, "<=", "above")):
                if limit is not None:
                    yield Rule(column.name, f"coalesce({name} {sign} {limit}, true)", f"is {word} {limit}")
        yield from cls.rules


def _column(name: str, field: FieldInfo) -> Column:
    annotation, limits = field.annotation, list(field.metadata)
    is_nullable, has_parts = False, False
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        is_nullable, annotation = len(parts) < len(get_args(annotation)), parts[0]
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        limits += more
    values: tuple[str, ...] = ()
    if get_origin(annotation) is list:
        [item] = get_args(annotation)
        has_parts = isinstance(item, type) and issubclass(item, BaseModel)
        values, annotation = (get_args(item) if get_origin(item) is Literal else ()), list
    elif get_origin(annotation) is Literal:
        values, annotation = get_args(annotation), str
    least = next((limit.ge for limit in limits if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in limits if isinstance(limit, Le)), None)
    return Column(name, annotation, is_nullable, values, least, most, has_parts)

"""A metric's definition: what a file, a request and a row of semantic.metric_definitions hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from revops_assets.errors import RevopsError

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=100)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
Type = Literal["sum", "avg", "count", "ratio", "min", "max", "median", "custom"]
SURROGATE = re.compile("[\ud800-\udfff]")
Grain = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]
# Whether values add up over periods and dimensions, over dimensions only (a stock), or not at all.
Additivity = Literal["additive", "semi_additive", "non_additive"]
VARIANT = re.compile(r"by_[a-z0-9_]+")
DEEPEST = 20


def fault_of(value: Any, depth: int = 0) -> str | None:
    """Why a value cannot be stored: texts hold what PostgreSQL has not, or it is nested too deeply; None: it can."""
    if isinstance(value, str):
        if "\0" in value:
            return "a text holds a NUL character"
        return None if value.isascii() or not SURROGATE.search(value) else "a text holds half a character"
    if depth > DEEPEST:
        return f"it is nested more than {DEEPEST} deep"
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return next((fault for one in value if (fault := fault_of(one, depth + 1))), None)
    return None


class Metric(BaseModel):
    """One metric. `id` is category/name; `sql` reads the views of semantic_input by their bare names and gives a column
    period, columns of dimensions, and a column value (further numbers are further measures)."""

    model_config = ConfigDict(extra="forbid")

    name: Word
    category: Word
    display_name: Text
    description: Text
    type: Type = "sum"
    additivity: Additivity | None = None
    unit: Text | None = None
    grain: Grain | None = None
    table_name: Word | None = None
    tables: list[Word] = Field(default_factory=list)
    expression: Text | None = None
    time_column: Word | None = None
    dimensions: list[Word] = Field(default_factory=list)
    filters: list[Text] = Field(default_factory=list)
    synonyms: list[Text] = Field(default_factory=list)
    notes: list[Text] = Field(default_factory=list)
    sql: Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
    sql_variants: dict[str, Annotated[str, StringConstraints(min_length=1, max_length=100_000)]] = Field(
        default_factory=dict
    )
    validation: dict[str, Any] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """category/name."""
        return f"{self.category}/{self.name}"

    @property
    def reads(self) -> list[str]:
        """The tables that it says it reads, each once."""
        return sorted({*self.tables, *([self.table_name] if self.table_name else [])})

    @property
    def adds_up(self) -> Additivity:
        """How its values add up: as it says, else as its type has it; a ratio by its numerator and denominator."""
        return self.additivity or ("additive" if self.type in ("sum", "count", "ratio") else "non_additive")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        """An `id` must be category/name and tells both; a name for people is made of the name."""
        if not isinstance(given, dict):
            return given
        given = dict(given)
        if (identity := given.pop("id", None)) is not None:
            category, slash, name = str(identity).partition("/")
            if not slash or given.get("category", category) != category or given.get("name", name) != name:
                raise ValueError(f"id {identity!r} is not category/name")
            given |= {"category": category, "name": name}
        if "display_name" not in given and isinstance(given.get("name"), str):
            given["display_name"] = given["name"].replace("_", " ").capitalize()
        return given

    @model_validator(mode="after")
    def _check(self) -> Metric:
        if fault := fault_of({name: getattr(self, name) for name in type(self).model_fields}):
            raise ValueError(fault)
        wrong = [key for key in self.sql_variants if not VARIANT.fullmatch(key)]
        if wrong:
            raise ValueError(f"variant {wrong[0]!r} is not of the form by_…")
        try:
            json.dumps(self.validation, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("validation holds what is no JSON") from None
        if len(set(self.synonyms)) < len(self.synonyms):
            raise ValueError("a synonym stands twice")
        return self


def once(metrics: Iterable[Metric]) -> list[Metric]:
    """The definitions of one document; RevopsError where one stands twice."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        if found.setdefault(metric.id, metric) is not metric:
            raise RevopsError(f"{metric.id} stands twice")
    return list(found.values())


def in_words(error: ValidationError) -> str:
    """What is wrong with a definition, on one line."""
    faults = []
    for fault in error.errors():
        where = ".".join(map(str, fault["loc"]))
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{where}: {message}" if where else message)
    return "; ".join(faults)


def metric_of(given: Any) -> Metric:
    """A definition from plain data; RevopsError says what is wrong with it."""
    if not isinstance(given, dict):
        raise RevopsError(f"a definition is a mapping of fields, not {type(given).__name__}")
    try:
        return Metric.model_validate(given)
    except ValidationError as error:
        raise RevopsError(in_words(error)) from None

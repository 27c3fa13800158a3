"""Apache Ossie (Open Semantic Interchange 0.2) documents: the registry as one, and one as definitions.

A metric that is one aggregate over one table is an Ossie metric; one that only its whole SQL says rides in the model's
custom_extensions, as does the full definition of every metric, from which import makes it again exactly. A document of
somebody else becomes definitions by its expressions; they are proposed, like all that was not reviewed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlglot
import yaml
from sqlglot import exp

from revops_assets.errors import RevopsError
from revops_assets.registry.columns import Column
from revops_assets.registry.definition import Metric, metric_of, once

VERSION = "0.2.0.dev0"
VENDOR = "REVOPS_ASSETS"
FILE = "ossie.yml"
SOURCE = "semantic_input"
DIALECTS = ("ANSI_SQL", "OSSIE_SQL_2026", "SNOWFLAKE", "DATABRICKS", "BIGQUERY")
# Logical types of Ossie by ours.
TYPES = {
    "STRING": "String", "INTEGER": "Integer", "NUMERIC": "Decimal", "FLOAT": "Float", "BOOLEAN": "Boolean",
    "DATE": "Date", "TIMESTAMP": "DateTimeTz", "JSON": "Opaque",
}  # fmt: skip
AGGREGATES = {exp.Sum: "sum", exp.Count: "count", exp.Avg: "avg", exp.Min: "min", exp.Max: "max"}


# --------------------------------------------------------------------------------------------------------- export


def to_ossie(metrics: Iterable[Metric], tables: Mapping[str, Sequence[Column]]) -> str:
    """The registry as a document. `tables`: the columns of each table that metrics may read."""
    metrics = list(metrics)
    names = [metric.name for metric in metrics]
    read = sorted({table for metric in metrics for table in metric.reads if table in tables}) or sorted(tables)
    told, whole = [], []
    for metric in metrics:
        expression = _scalar(metric, tables)
        name = metric.name if names.count(metric.name) == 1 else f"{metric.category}_{metric.name}"
        if expression is None:
            whole.append(_extension(metric))
        else:
            told.append(_metric(metric, name, expression))
    document = {
        "version": VERSION,
        "name": "revops_assets",
        "description": "Business metrics of a company's CRM, as of the end of a day.",
        "datasets": [_dataset(name, tables[name]) for name in read],
        **({"metrics": told} if told else {}),
        **({"custom_extensions": whole} if whole else {}),
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _dataset(name: str, columns: Sequence[Column]) -> dict[str, Any]:
    return {"name": name, "source": f"{SOURCE}.{name}", "fields": [_field(column) for column in columns]}


def _field(column: Column) -> dict[str, Any]:
    kind = TYPES.get(column.basetype or "")
    field: dict[str, Any] = {"name": column.column_name, "expression": _expression(column.column_name)}
    if kind in ("String", "Boolean", "Date", "DateTimeTz"):
        field["dimension"] = {"is_time": kind in ("Date", "DateTimeTz")}
    if kind:
        field["datatype"] = kind
    if column.description:
        field["description"] = column.description
    return field


def _metric(metric: Metric, name: str, expression: str) -> dict[str, Any]:
    notes = [*metric.notes, f"Adds up: {metric.adds_up.replace('_', '-')}."]
    notes += [f"Unit: {metric.unit}."] if metric.unit else []
    return {
        "name": name,
        "expression": _expression(expression),
        "description": metric.description,
        "ai_context": {"instructions": " ".join(notes), "synonyms": list(metric.synonyms)},
        "custom_extensions": [_extension(metric)],
    }


def _expression(text: str) -> dict[str, Any]:
    return {"dialects": [{"dialect": "ANSI_SQL", "expression": text}]}


def _extension(metric: Metric) -> dict[str, str]:
    data = json.dumps({"metric": metric.model_dump(exclude_none=True)}, ensure_ascii=False)
    return {"vendor_name": VENDOR, "data": data}


def _scalar(metric: Metric, tables: Mapping[str, Sequence[Column]]) -> str | None:
    """The metric as one aggregate expression, its filters within; None where it is more than that."""
    table = metric.table_name
    if table is None or table not in tables or not metric.expression:
        return None
    try:
        expression = sqlglot.parse_one(metric.expression, read="postgres")
        parts = [sqlglot.parse_one(part, read="postgres") for part in metric.filters]
    except sqlglot.errors.SqlglotError:
        return None
    aggregates = list(expression.find_all(exp.AggFunc))
    known = {column.column_name for column in tables[table]}
    named = [column for node in (expression, *parts) for column in node.find_all(exp.Column)]
    outside = [column for column in expression.find_all(exp.Column) if not column.find_ancestor(exp.AggFunc)]
    strange = list(expression.find_all(exp.Anonymous, exp.Alias, exp.Query))
    if not aggregates or outside or strange or any(column.name not in known or column.table for column in named):
        return None
    condition = exp.and_(*parts) if parts else None
    for aggregate in aggregates:
        given = aggregate.this
        if condition is not None:
            inner = given.expressions[0] if isinstance(given, exp.Distinct) else given
            value = exp.Literal.number(1) if isinstance(inner, exp.Star) else inner.copy()
            case = exp.Case(ifs=[exp.If(this=condition.copy(), true=value)])
            inner.replace(case)
    for column in expression.find_all(exp.Column):
        column.set("table", exp.to_identifier(table))
    return expression.sql()


# --------------------------------------------------------------------------------------------------------- import


def is_ossie(given: Any) -> bool:
    """Whether a file's content is such a document."""
    return isinstance(given, dict) and "version" in given and bool({"datasets", "semantic_model"} & given.keys())


def from_ossie(given: Mapping[str, Any]) -> list[Metric]:
    """The definitions of a document; RevopsError says what cannot be one."""
    version = str(given["version"])
    if not re.match(r"0\.[12]\.", version):
        raise RevopsError(f"an Ossie document of version {version!r}: 0.1 and 0.2 are read")
    models = given.get("semantic_model", [given])
    if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise RevopsError("semantic_model is no list of models")
    found = once(metric for model in models for metric in _of_model(model))
    if not found:
        raise RevopsError("the document holds no metric")
    return found


def _of_model(model: Mapping[str, Any]) -> Iterator[Metric]:
    for extension in _listed(model, "custom_extensions"):
        if (own := _own(extension)) is not None:
            yield own
    datasets = {str(one.get("name")): one for one in _listed(model, "datasets")}
    for one in _listed(model, "metrics"):
        own = next((found for found in map(_own, _listed(one, "custom_extensions")) if found is not None), None)
        yield own or _foreign(one, str(model.get("name") or "ossie"), datasets)


def _listed(given: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = given.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RevopsError(f"{name} is no list of mappings")
    return found


def _mapping(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def _own(extension: Mapping[str, Any]) -> Metric | None:
    """The definition that an extension of ours carries."""
    if extension.get("vendor_name") != VENDOR:
        return None
    try:
        data = json.loads(str(extension.get("data")))
    except ValueError as error:
        raise RevopsError(f"an extension of {VENDOR} is no JSON: {error}") from None
    return metric_of(data.get("metric")) if isinstance(data, dict) and "metric" in data else None


def _foreign(given: Mapping[str, Any], model: str, datasets: Mapping[str, Mapping[str, Any]]) -> Metric:
    """A definition by a metric's expression, over the one dataset that it reads."""
    name = str(given.get("name"))
    where = f"metric {name!r}"
    expression = given.get("expression")
    dialects = _listed(expression, "dialects") if isinstance(expression, dict) else []
    by_dialect = {str(one.get("dialect")): str(one.get("expression")) for one in dialects}
    text = next((by_dialect[dialect] for dialect in DIALECTS if dialect in by_dialect), None)
    if text is None:
        raise RevopsError(f"{where} has no expression in {', '.join(DIALECTS)}")
    try:
        parsed = sqlglot.parse_one(text)
    except sqlglot.errors.SqlglotError as error:
        raise RevopsError(f"{where}: {' '.join(str(error).split())[:200]}") from None
    columns = list(parsed.find_all(exp.Column))
    read = {column.table for column in columns if column.table} or set(datasets)
    if len(read) != 1 or not read <= datasets.keys():
        raise RevopsError(f"{where} does not read one dataset of the document, but {', '.join(sorted(read)) or 'none'}")
    dataset = datasets[read.pop()]
    fields = {str(one.get("name")): one for one in _listed(dataset, "fields")}
    for column in columns:
        column.set("table", None)
        if column.name in fields:
            column.replace(_of_field(fields[column.name], where))
    *schema, table = str(dataset.get("source")).split(".")
    if schema and schema[-1] != SOURCE:
        raise RevopsError(f"{where} reads {dataset.get('source')}, which is outside {SOURCE}")
    table = _word(table)
    timed = [field for field, one in fields.items() if _mapping(one, "dimension").get("is_time")]
    context = given.get("ai_context")
    synonyms = context.get("synonyms") if isinstance(context, dict) else []
    sql = parsed.sql(dialect="postgres")
    return metric_of(
        {
            "name": _word(name),
            "category": _word(model),
            "display_name": name,
            "description": str(given.get("description") or name),
            "type": next((kind for node, kind in AGGREGATES.items() if isinstance(parsed, node)), "custom"),
            "table_name": table,
            "tables": [table],
            "expression": sql,
            "time_column": timed[0] if timed else None,
            "dimensions": [field for field, one in fields.items() if "dimension" in one and field not in timed],
            "synonyms": [str(one) for one in synonyms] if isinstance(synonyms, list) else [],
            "sql": f"select {sql} as value\nfrom {table}\n",
        }
    )


def _of_field(field: Mapping[str, Any], where: str) -> exp.Expr:
    """What a field stands for: a column of the source, or an expression over them."""
    expression = field.get("expression")
    dialects = _listed(expression, "dialects") if isinstance(expression, dict) else []
    text = next((str(one.get("expression")) for one in dialects if one.get("dialect") in DIALECTS), None)
    try:
        parsed: exp.Expr = sqlglot.parse_one(text or str(field.get("name")))
    except sqlglot.errors.SqlglotError as error:
        raise RevopsError(f"{where}: field {field.get('name')!r}: {' '.join(str(error).split())[:200]}") from None
    return parsed if isinstance(parsed, exp.Column) else exp.Paren(this=parsed)


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.strip().strip('"').lower()).strip("_")

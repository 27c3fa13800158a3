"""Which registered metrics a free query computes again, or contradicts.

Query and definitions are brought to a normal form (names resolved, subqueries merged, conditions in conjuncts) and
compared: aggregate, table, conditions. Only equal forms are called the same; where a form cannot be made, that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.optimizer import optimize

from revops_assets.errors import RevopsError
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import SCHEMA

Verdict = Literal["re-invents", "contradicts"]
# The registry's own tables: what reads them asks for a metric.
REGISTRY = ("semantic.metric_values", "semantic.metric_definitions")


@dataclass(frozen=True)
class Form:
    """The normal form of one output: the aggregate expression, the table it is over, the conditions on its rows."""

    expression: str
    table: str
    conditions: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """What a query's output is to a metric, and why that is said."""

    output: str
    verdict: Verdict
    metric_id: str
    reason: str

    def __str__(self) -> str:
        """On one line."""
        return f"{self.output}: {self.verdict} {self.metric_id}: {self.reason}"


@dataclass(frozen=True)
class Comparison:
    """What is found of a query, and what cannot be said."""

    findings: tuple[Finding, ...]
    unsaid: tuple[str, ...]


def compare(sql: str, metrics: Iterable[Metric], columns: Mapping[str, Mapping[str, str]]) -> Comparison:
    """Compare a query with definitions. `columns`: of each table of semantic_input the types by name. RevopsError where
    the query is no single SELECT."""
    try:
        statements = [one for one in sqlglot.parse(sql, read="postgres") if one is not None]
    except sqlglot.errors.SqlglotError as error:
        raise RevopsError(f"the query does not parse: {' '.join(str(error).split())[:300]}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise RevopsError("the query is no single SELECT")
    query = statements[0]
    read = {".".join(part for part in (table.db, table.name) if part) for table in query.find_all(exp.Table)}
    if read & set(REGISTRY):
        return Comparison((), ())
    definitions = list(metrics)
    forms, unsaid = _forms(query, columns)
    known: list[tuple[Metric, Form]] = []
    for metric in definitions:
        found, _ = _forms(sqlglot.parse_one(metric.sql, read="postgres"), columns)
        if (form := found.get("value")) is not None:
            known.append((metric, form))
    findings: list[Finding] = []
    for output, given in forms.items():
        findings += _of_output(output, given, definitions, known)
    for output in _named(query):
        if output not in forms:
            findings += _by_name(output, definitions, "it is computed in a way that is not the definition's")
    return Comparison(tuple(findings), tuple(unsaid))


def _of_output(
    output: str, given: Form, definitions: list[Metric], known: list[tuple[Metric, Form]]
) -> Iterator[Finding]:
    same = [metric for metric, form in known if form == given]
    for metric in same:
        yield Finding(output, "re-invents", metric.id, f"{given.expression} over {given.table} is its definition")
    if same:
        return
    told = False
    for metric, form in known:
        if (form.expression, form.table) == (given.expression, given.table):
            lacking = sorted(form.conditions - given.conditions)
            more = sorted(given.conditions - form.conditions)
            parts = [f"leaves out {', '.join(lacking)}" if lacking else "", f"adds {', '.join(more)}" if more else ""]
            told, reason = True, " and ".join(part for part in parts if part)
            if not lacking and _divides(more, metric):
                yield Finding(output, "re-invents", metric.id, f"a part of it by its dimensions: {reason}")
            else:
                yield Finding(output, "contradicts", metric.id, reason)
    if not told:
        yield from _by_name(output, definitions, f"{given.expression} over {given.table} is not its definition")


def _divides(conditions: list[str], metric: Metric) -> bool:
    """Whether conditions are on the metric's dimensions and time alone."""
    asked = {
        column.name for text in conditions for column in sqlglot.parse_one(text, read="postgres").find_all(exp.Column)
    }
    return asked <= {*metric.dimensions, metric.time_column}


def _by_name(output: str, definitions: list[Metric], reason: str) -> Iterator[Finding]:
    for metric in definitions:
        if output.lower() in (metric.name, *(word.lower() for word in metric.synonyms)):
            yield Finding(output, "contradicts", metric.id, f"it has the metric's name, and {reason}")


def _named(query: exp.Query) -> list[str]:
    return [output.alias_or_name for output in query.selects]


def _forms(query: exp.Expr, columns: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, Form], list[str]]:
    """The normal form of each aggregate that a query gives, by output; and what has none."""
    bare = query.copy()
    for named in bare.find_all(exp.Table):
        if named.db == SCHEMA:
            named.set("db", None)
    try:
        plain = optimize(bare, schema=dict(columns), dialect="postgres")
    except sqlglot.errors.SqlglotError as error:
        return {}, [f"the query is not compared: {' '.join(str(error).split())[:200]}"]
    if not isinstance(plain, exp.Select):
        return {}, ["a set operation is not compared"]
    source = plain.args.get("from_")
    table: object = source.this if source else None
    if not isinstance(table, exp.Table) or plain.args.get("joins") or plain.args.get("with_"):
        return {}, ["what reads more than one table, or in steps, is not compared"]
    if table.db or table.name not in columns:
        return {}, [f"{table.sql(dialect='postgres', identify=False)} is no table of {SCHEMA}: not compared"]
    if plain.args.get("having") or plain.args.get("distinct") or plain.args.get("limit"):
        return {}, ["a query with having, distinct or limit is not compared"]
    where = plain.args.get("where")
    rows = frozenset(map(_text, where.this.flatten())) if where and isinstance(where.this, exp.And) else (
        frozenset([_text(where.this)]) if where else frozenset()
    )  # fmt: skip
    forms = {}
    for output in plain.selects:
        value = output.unalias()
        if value.find(exp.AggFunc) is None or value.find(exp.Window):
            continue
        inner, conditions = _without_conditions(value)
        forms[output.alias_or_name] = Form(_text(inner), table.name, rows | conditions)
    return forms, []


def _without_conditions(value: exp.Expr) -> tuple[exp.Expr, frozenset[str]]:
    """An expression whose aggregates all have the same condition (filter, or case without else), and that condition."""
    value = value.copy()
    holder = exp.Paren(this=value)
    found: list[frozenset[str]] = []
    for aggregate in list(holder.find_all(exp.AggFunc)):
        condition = None
        parent = aggregate.parent
        if isinstance(parent, exp.Filter):
            condition = parent.expression.this
            parent.replace(aggregate.copy())
        elif isinstance(aggregate.this, exp.Case) and _is_condition(aggregate.this):
            [branch] = aggregate.this.args["ifs"]
            condition = branch.this
            aggregate.set("this", branch.args["true"].copy())
        parts = [] if condition is None else condition.flatten() if isinstance(condition, exp.And) else [condition]
        found.append(frozenset(map(_text, parts)))
    if len(set(found)) != 1:
        return value, frozenset()
    return holder.this, found[0]


def _is_condition(case: exp.Case) -> bool:
    return case.this is None and len(case.args.get("ifs", [])) == 1 and case.args.get("default") in (None, exp.Null())


def _text(node: exp.Expr) -> str:
    """An expression without its tables' names and quotes."""
    node = node.copy().unnest()
    for column in node.find_all(exp.Column):
        column.set("table", None)
    for identifier in node.find_all(exp.Identifier):
        identifier.set("quoted", False)
    return node.sql(dialect="postgres").lower()

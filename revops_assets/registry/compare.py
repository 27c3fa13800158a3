"""Which registered metrics a free query computes again, or contradicts.

Query and definitions are brought to a normal form (names resolved, plain subqueries merged, conditions in conjuncts)
and compared: aggregate, table, conditions, grouping. Only equal forms are called the same. What has no such form
(several tables, joins, windows, sampling …), or another grouping than the metric allows, is named as not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.optimizer import optimize

from revops_assets.errors import RevopsError
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import SCHEMA, Refused, check

Verdict = Literal["re-invents", "contradicts"]
LONGEST = 20_000
MOST_NODES = 1_500
# The registry's own tables: what reads nothing else asks for a metric.
REGISTRY = frozenset(("semantic.metric_values", "semantic.metric_definitions"))
# Parts that a SELECT, a table, a subquery and a grouping may have here.
PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(("expressions", "from_", "where", "group", "order", "with_")),
    exp.Table: frozenset(("this", "db", "alias")),
    exp.Subquery: frozenset(("this", "alias")),
    exp.TableAlias: frozenset(("this",)),
    exp.Group: frozenset(("expressions",)),
}
STRANGE = (
    exp.Join, exp.Lateral, exp.Exists, exp.SetOperation, exp.Window, exp.Unnest, exp.GenerateSeries, exp.Explode,
    exp.Any, exp.All, exp.ExplodingGenerateSeries,
)  # fmt: skip
# Of what a condition on dimensions and time may be made.
PLAIN = (
    exp.Column, exp.Identifier, exp.Literal, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between,
    exp.And, exp.Or, exp.Not, exp.Is, exp.Null, exp.Boolean, exp.Paren, exp.Cast, exp.DataType, exp.DateTrunc,
    exp.TimestampTrunc, exp.Extract, exp.Var, exp.Interval, exp.Add, exp.Sub, exp.IntervalSpan,
)  # fmt: skip
# What sqlglot's optimizer has raised on statements that it cannot digest.
INDIGESTIBLE = (
    sqlglot.errors.SqlglotError, RecursionError, ValueError, IndexError, KeyError, ArithmeticError, TypeError,
    AttributeError,
)  # fmt: skip


class _NotCompared(RevopsError):
    """There is no normal form; the text says why."""


@dataclass(frozen=True)
class Form:
    """The normal form of an output: aggregate, table, conditions on its rows, and how these are grouped."""

    expression: str
    table: str
    conditions: frozenset[str]
    groups: frozenset[str] = frozenset()
    gives_zero: bool = False
    parts: tuple[exp.Expr, ...] = field(default=(), compare=False, repr=False)


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
    if len(sql) > LONGEST:
        raise RevopsError(f"the query is longer than {LONGEST:,} characters")
    try:
        statements = [one for one in sqlglot.parse(sql, read="postgres") if one is not None]
    except INDIGESTIBLE as error:
        raise RevopsError(f"the query does not parse: {_brief(error)}") from None
    query = statements[0].unnest() if len(statements) == 1 else None
    if not isinstance(query, exp.Query):
        raise RevopsError("the query is no single SELECT")
    if {_name(table) for table in query.find_all(exp.Table)} <= REGISTRY and query.find(exp.Table):
        return Comparison((), ())
    definitions = list(metrics)
    try:
        forms = _forms(query.sql(dialect="postgres"), columns)
    except (*INDIGESTIBLE, RevopsError) as error:
        names = [output.alias_or_name for output in query.selects]
        told = [f"{name}: has the name of {one.id}, and is not compared" for name, one in _called(names, definitions)]
        return Comparison((), (f"the query is not compared: {_brief(error)}", *told))
    known: list[tuple[Metric, Form]] = []
    for metric in definitions:
        try:
            known += [(metric, form) for name, form in _forms(metric.sql, columns) if name == "value"]
        except (*INDIGESTIBLE, RevopsError):
            continue  # a definition in steps: what equals it cannot be said, and is not
    findings: list[Finding] = []
    unsaid: list[str] = []
    for output, form in forms:
        found, told = _of_output(output, form, known)
        findings += found
        unsaid += told
        if not found and not told:
            comparable = {metric.id for metric, _ in known}
            for _, metric in _called([output], definitions):
                if metric.id in comparable:
                    reason = f"it has the metric's name, and {form.expression} over {form.table} is not its definition"
                    findings.append(Finding(output, "contradicts", metric.id, reason))
                else:
                    unsaid.append(f"{output}: has the name of {metric.id}, which is computed in steps and not compared")
    return Comparison(tuple(findings), tuple(unsaid))


def _of_output(output: str, given: Form, known: list[tuple[Metric, Form]]) -> tuple[list[Finding], list[str]]:
    """What an output is to the definitions of the same aggregate over the same table."""
    findings: list[Finding] = []
    unsaid: list[str] = []
    near = [
        (metric, form) for metric, form in known if (form.expression, form.table) == (given.expression, given.table)
    ]
    exact = [(metric, form) for metric, form in near if form.conditions == given.conditions]
    for metric, form in exact or near:
        lacking, more = form.conditions - given.conditions, given.conditions - form.conditions
        extra = [part for part in given.parts if _text(part) in more]
        if lacking or not all(_divides(part, metric) for part in extra):
            parts = [
                f"leaves out {', '.join(sorted(lacking))}" if lacking else "",
                f"adds {', '.join(sorted(more))}" if more else "",
            ]
            findings.append(Finding(output, "contradicts", metric.id, " and ".join(part for part in parts if part)))
            continue
        verdict, reason = _by_groups(given, form, metric, bool(extra))
        reason += f"; with {', '.join(sorted(more))}" if more else ""
        reason += "; 0 where the definition gives nothing" if given.gives_zero and not form.gives_zero else ""
        if verdict is None:
            unsaid.append(f"{output}: {given.expression} over {given.table}, as {metric.id}, but {reason}")
        else:
            findings.append(Finding(output, verdict, metric.id, reason))
    return findings, unsaid


def _by_groups(given: Form, form: Form, metric: Metric, is_part: bool) -> tuple[Verdict | None, str]:
    """Whether rows are grouped so that the numbers are the metric's; None: that cannot be said."""
    what = f"{given.expression} over {given.table} is its definition"
    further = given.groups - form.groups
    lacking = form.groups - given.groups
    strange = sorted(further - {*metric.dimensions})
    if not lacking and not strange:
        return "re-invents", what if not further else f"{what}, by {', '.join(sorted(further))}"
    if strange and not all(metric.time_column and metric.time_column in group for group in strange):
        return None, f"grouped by {', '.join(strange)}"
    if metric.adds_up == "additive":
        return "re-invents", f"{what}, over {'other' if strange else 'all'} periods"
    if metric.adds_up == "semi_additive" and not strange and not is_part:
        return "contradicts", "it adds a stock up over its periods"
    return None, "of other periods, and it does not add up over them"


def _called(outputs: Iterable[str], metrics: Iterable[Metric]) -> Iterator[tuple[str, Metric]]:
    """Outputs that have a metric's name or synonym."""
    metrics = list(metrics)
    for output in outputs:
        for metric in metrics:
            if output.lower() in (metric.name, *(word.lower() for word in metric.synonyms)):
                yield output, metric


def _divides(condition: exp.Expr, metric: Metric) -> bool:
    """Whether a condition plainly chooses among the metric's dimensions or time."""
    named = {column.name for column in condition.find_all(exp.Column)}
    is_plain = all(isinstance(node, PLAIN) for node in condition.walk())
    return bool(named) and named <= {*metric.dimensions, metric.time_column} and is_plain


def _forms(sql: str, columns: Mapping[str, Mapping[str, str]]) -> list[tuple[str, Form]]:
    """The normal form of each aggregate that a query gives, by output. RevopsError says why there is none."""
    bare = sqlglot.parse_one(check(sql), read="postgres")
    if sum(1 for _ in bare.walk()) > MOST_NODES:
        raise _NotCompared("it is too long")
    if (strange := bare.find(*STRANGE)) is not None:
        raise _NotCompared(f"it has {strange.sql(dialect='postgres')[:60]}")
    for node in bare.walk():
        for kind, allowed in PARTS.items():
            if type(node) is kind and (more := {name for name, given in node.args.items() if given} - allowed):
                raise _NotCompared(f"it has {', '.join(sorted(more)).strip('_')}")
        if isinstance(node, exp.Subquery) and not isinstance(node.parent, exp.From):
            raise _NotCompared("it has a subquery beside its table")
    for named in bare.find_all(exp.Table):
        named.set("db", None)
    plain = optimize(bare, schema=dict(columns), dialect="postgres")
    if not isinstance(plain, exp.Select):
        raise _NotCompared("it is no plain SELECT")
    source = plain.args.get("from_")
    table: object = source.this if source else None
    if not isinstance(table, exp.Table) or plain.args.get("with_") or table.name not in columns:
        raise _NotCompared(f"it is not of one table of {SCHEMA}, in one step")
    where = plain.args.get("where")
    rows = tuple(_conjuncts(where.this)) if where else ()
    group = plain.args.get("group")
    groups = frozenset(_text(one) for one in group.expressions) if group else frozenset()
    forms = []
    for output in plain.selects:
        value = output.unalias()
        if value.find(exp.AggFunc) is None:
            continue
        inner, conditions, gives_zero = _without_conditions(value)
        parts = (*rows, *conditions)
        forms.append(
            (
                output.alias_or_name,
                Form(_text(inner), table.name, frozenset(map(_text, parts)), groups, gives_zero, parts),
            )
        )
    return forms


def _without_conditions(value: exp.Expr) -> tuple[exp.Expr, list[exp.Expr], bool]:
    """An expression whose aggregates all have the same condition (filter, or case), without it; and that condition.
    Where they have different ones it stays as it is. The last: whether a sum gives 0 where nothing holds."""
    holder = exp.Paren(this=value.copy())
    found: list[list[exp.Expr]] = []
    gives_zero = False
    for aggregate in list(holder.find_all(exp.AggFunc)):
        condition = None
        if isinstance(aggregate.parent, exp.Filter):
            condition = aggregate.parent.expression.this
            aggregate.parent.replace(aggregate.copy())
        elif isinstance(aggregate.this, exp.Case) and (zero := _is_condition(aggregate)) is not None:
            [branch] = aggregate.this.args["ifs"]
            condition, gives_zero = branch.this, gives_zero or zero
            aggregate.set("this", branch.args["true"].copy())
        found.append([] if condition is None else list(_conjuncts(condition)))
    if len({frozenset(map(_text, conditions)) for conditions in found}) != 1:
        return value, [], False
    return holder.this, found[0], gives_zero


def _is_condition(aggregate: exp.Expr) -> bool | None:
    """Whether `case when … then x end` only chooses rows; True where it gives a sum 0 for the others, None where it is
    more."""
    case, default = aggregate.this, aggregate.this.args.get("default")
    if case.this is not None or len(case.args.get("ifs", [])) != 1:
        return None
    if default is None or isinstance(default, exp.Null):
        return False
    is_zero = isinstance(default, exp.Literal) and default.this == "0"
    return True if is_zero and isinstance(aggregate, exp.Sum) else None


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    parts = condition.unnest().flatten() if isinstance(condition.unnest(), exp.And) else [condition]
    yield from (_simple(part.unnest()) for part in parts)


def _simple(condition: exp.Expr) -> exp.Expr:
    """A condition as it is mostly written: `in` of one value as equality, comparison with true or false without it."""
    if isinstance(condition, exp.In) and len(condition.expressions) == 1 and not condition.args.get("query"):
        return exp.EQ(this=condition.this.copy(), expression=condition.expressions[0].copy())
    if isinstance(condition, exp.EQ) and isinstance(condition.expression, exp.Boolean):
        return condition.this.copy() if condition.expression.this else exp.Not(this=condition.this.copy())
    return condition


def _text(node: exp.Expr) -> str:
    """An expression without its tables' names and quotes."""
    node = node.copy().unnest()
    for column in node.find_all(exp.Column):
        column.set("table", None)
    for identifier in node.find_all(exp.Identifier):
        identifier.set("quoted", False)
    return node.sql(dialect="postgres", normalize_functions="lower")


def _name(table: exp.Table) -> str:
    return ".".join(part for part in (table.catalog, table.db, table.name) if part)


def _brief(error: Exception) -> str:
    if isinstance(error, RevopsError | Refused):
        return str(error)
    told = " ".join(str(error).split())[:200]
    return told if isinstance(error, sqlglot.errors.SqlglotError) and told else "it has no normal form"

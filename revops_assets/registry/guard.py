"""What a definition's SQL may be: one SELECT over semantic_input, of functions that only compute.

The metrics role can read nothing else and write nothing (warehouse/roles.py); this says so before anything is asked,
in words, and keeps out what a reading role could still do: sleep, change its settings, read the catalogue or the clock.
What runs is what was checked: the statement as it is written anew from its parsed tree, its tables named in full.
"""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR

INPUTS = SQL_DIR / "semantic" / "functions"
SCHEMA = "semantic_input"
# Functions by name, beside operators and aggregates of the standard.
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """
        abs age array_agg array_length avg bool_and bool_or cardinality ceil ceiling coalesce concat
        concat_ws corr count covar_pop covar_samp cume_dist date date_bin date_part date_trunc dense_rank
        div every exp extract first_value floor generate_series greatest initcap isfinite justify_days
        justify_hours lag last_value lead least left length ln log lower ltrim make_date make_interval max
        md5 min mod mode nth_value ntile nullif percent_rank percentile_cont percentile_disc position power
        rank regexp_replace regr_intercept regr_r2 regr_slope replace reverse right round row_number rtrim
        sign split_part sqrt stddev stddev_pop stddev_samp string_agg strpos substr substring sum to_char
        to_date to_timestamp translate trim trunc unnest upper var_pop var_samp variance width_bucket
        """,
    )
)
CALL = re.compile(r"(?<![\w.\"$])\"?([a-zA-Z_][\w$]*)\"?\s*\(")
# Words before a bracket that call nothing.
NO_CALLS = frozenset(
    re.findall(
        r"\w+",
        """
        all and any array as between by case cast char cross cube decimal distinct else end except exists
        filter from full group grouping having ilike in inner intersect interval is join lateral like limit
        materialized not null numeric offset on or order outer over overlaps partition range recursive
        rollup row rows select sets similar some then time timestamp timestamptz to union using values
        varchar when where window with within
        """,
    )
)
REFUSED = (
    exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Copy, exp.Set,
    exp.Into, exp.Lock, exp.Parameter, exp.Placeholder, exp.SessionParameter,
)  # fmt: skip
CLOCKS = (
    exp.CurrentDate, exp.CurrentDatetime, exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp,
)  # fmt: skip
SESSION = (exp.CurrentUser, exp.SessionUser, exp.CurrentRole, exp.CurrentCatalog, exp.CurrentSchema)
ODD_TEXTS = (exp.ByteString, exp.UnicodeString, exp.RawString, exp.National, exp.HexString, exp.BitString)
TEMPORAL = frozenset(("DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ"))
# Of what a date may be made; texts that are put together are none of it.
OF_DATES = (
    exp.Column, exp.Identifier, exp.Literal, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Paren, exp.Add, exp.Sub,
    exp.Mul, exp.Interval, exp.IntervalSpan, exp.Var, exp.DateTrunc, exp.TimestampTrunc, exp.Extract, exp.Case,
    exp.If, exp.Coalesce, exp.Nullif, exp.Min, exp.Max, exp.Least, exp.Greatest, exp.Null, exp.Predicate,
    exp.Connector, exp.Not, exp.Boolean, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.Window,
    exp.WindowSpec, exp.Order, exp.Ordered, exp.Neg, exp.Filter, exp.Where, exp.Subquery, exp.Select, exp.From,
    exp.Table, exp.TableAlias, exp.AtTimeZone, exp.TsOrDsToDate,
)  # fmt: skip
DATES_MADE = frozenset(("make_date", "date_bin", "generate_series"))
SESSION_WORDS = frozenset(
    ("user", "current_role", "current_user", "session_user", "current_catalog", "current_schema", "system_user")
)
NOW = re.compile(r"\s*(now|today|tomorrow|yesterday)\b", re.IGNORECASE)
TYPES = frozenset(
    (
        "SMALLINT", "INT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "TEXT", "VARCHAR", "CHAR", "BOOLEAN", "DATE", "TIME",
        "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL", "ARRAY",
    )
)  # fmt: skip


class Refused(RevopsError):
    """A definition's SQL is not run."""


@lru_cache(maxsize=1)
def inputs() -> frozenset[str]:
    """Names of the views of semantic_input."""
    return frozenset(path.stem.removeprefix("input_") for path in INPUTS.glob("input_*.sql"))


@lru_cache(maxsize=1024)
def check(sql: str) -> str:
    """The statement that may run; Refused says why none may."""
    if "\0" in sql:
        raise Refused("it holds a NUL character")
    try:
        statements = [part for part in sqlglot.parse(sql, read="postgres") if part is not None]
        if len(statements) != 1:
            raise Refused(f"it is {len(statements)} statements, not one")
        return _checked(statements[0])
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise Refused(f"it does not parse: {' '.join(str(error).split())[:300]}") from None


@lru_cache(maxsize=1024)
def read_by(checked: str) -> tuple[str, ...]:
    """The views of semantic_input that a checked statement reads."""
    tables = sqlglot.parse_one(checked, read="postgres").find_all(exp.Table)
    return tuple(sorted({table.name for table in tables if table.db == SCHEMA}))


def _checked(statement: exp.Expr) -> str:
    if not isinstance(statement, exp.Query):
        raise Refused("it is no SELECT")
    normalize_identifiers(statement, dialect="postgres")
    for node in statement.find_all(*REFUSED):
        raise Refused(f"it does more than read: {_shown(node)}")
    for dot in statement.find_all(exp.Dot):
        raise Refused(f"it reads a field of a value, which may call a function: {_shown(dot)}")
    for clock in statement.find_all(*CLOCKS):
        raise Refused(f"it reads the clock ({_shown(clock)}); a metric is as of the end of a day")
    for literal in statement.find_all(exp.Literal):
        if literal.is_string and NOW.match(literal.this):
            raise Refused(f"it reads the clock ({_shown(literal)}); a metric is as of the end of a day")
    for odd in statement.find_all(*ODD_TEXTS):
        raise Refused(f"it has a text in another notation than '…': {_shown(odd)}")
    for cast in statement.find_all(exp.Cast):
        if _kind(cast.to) in TEMPORAL and (made := _made(cast.this)) is not None:
            raise Refused(f"it makes a date of a text that it puts together, which may be the clock: {_shown(made)}")
    for asked in statement.find_all(*SESSION):
        raise Refused(f"it asks who runs it: {_shown(asked)}")
    for column in statement.find_all(exp.Column):
        if column.name in SESSION_WORDS and not column.table and not column.this.quoted:
            raise Refused(f"it asks who runs it: {column.name}")
    for kind in statement.find_all(exp.DataType):
        if not isinstance(kind.this, exp.Interval) and _kind(kind) not in TYPES:
            raise Refused(f"it casts to {_shown(kind)}, which is not among the types that metrics may use")
    _qualify(statement)
    for name in sorted(_calls(statement)):
        if name not in FUNCTIONS:
            raise Refused(f"it calls {name}(), which is not among the functions that metrics may use")
    return statement.sql(dialect="postgres", comments=False)


def _kind(type_: exp.Expr) -> str:
    return getattr(type_.this, "name", str(type_.this))


def _made(operand: exp.Expr) -> exp.Expr | None:
    """A part of what is made a date that may be a text put together."""
    for node in operand.walk():
        if isinstance(node, exp.Anonymous) and str(node.this).lower() in DATES_MADE:
            continue
        if not isinstance(node, OF_DATES):
            return node
    return None


def _qualify(statement: exp.Query) -> None:
    """Name every table in full, so that none can mean another one; what is no view of semantic_input is refused."""
    named = {
        id(node)
        for scope in traverse_scope(statement)
        for node, source in scope.selected_sources.values()
        if isinstance(source, Scope) and isinstance(node, exp.Table)
    }
    for cte in statement.find_all(exp.CTE):
        if cte.alias in inputs():
            raise Refused(f"it names a part of itself {cte.alias!r}, which is a table")
    for table in list(statement.find_all(exp.Table)):
        if table.catalog or table.db not in ("", SCHEMA):
            raise Refused(f"it reads {_shown(table)}, which is outside {SCHEMA}")
        if isinstance(table.this, exp.Func) or (id(table) in named and not table.db):
            continue
        if table.name not in inputs():
            raise Refused(f"it reads {table.name!r}; there are: {', '.join(sorted(inputs()))}")
        table.set("db", exp.to_identifier(SCHEMA))


def _calls(statement: exp.Query) -> set[str]:
    """Names of the functions that it calls, by the text that PostgreSQL gets without constants and lists of columns."""
    bare = statement.copy()
    for literal in list(bare.find_all(exp.Literal)):
        if literal.is_string:
            literal.replace(exp.Literal.string(""))
    for alias in bare.find_all(exp.TableAlias):
        alias.set("columns", None)
    anonymous = [(str(node.this).strip('"').lower(), node.expressions) for node in statement.find_all(exp.Anonymous)]
    if any(name == "age" and len(given) == 1 for name, given in anonymous):
        raise Refused("it reads the clock (age of one instant); a metric is as of the end of a day")
    called = {name for name, _ in anonymous}
    called |= {name.lower() for name in CALL.findall(bare.sql(dialect="postgres", comments=False))}
    return called - NO_CALLS


def _shown(node: exp.Expr) -> str:
    return node.sql(dialect="postgres", comments=False)[:80]

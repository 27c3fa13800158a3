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
    for asked in statement.find_all(*SESSION):
        raise Refused(f"it asks who runs it: {_shown(asked)}")
    for column in statement.find_all(exp.Column):
        if column.name in SESSION_WORDS and not column.table and not column.this.quoted:
            raise Refused(f"it asks who runs it: {column.name}")
    for kind in statement.find_all(exp.DataType):
        if not isinstance(kind.this, exp.Interval) and getattr(kind.this, "name", str(kind.this)) not in TYPES:
            raise Refused(f"it casts to {_shown(kind)}, which is not among the types that metrics may use")
    _qualify(statement)
    for name in sorted(_calls(statement)):
        if name not in FUNCTIONS:
            raise Refused(f"it calls {name}(), which is not among the functions that metrics may use")
    return statement.sql(dialect="postgres", comments=False)


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

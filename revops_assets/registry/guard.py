"""What a definition's SQL may be: one SELECT over semantic_input, of functions that only compute.

The metrics role can read nothing else and write nothing (warehouse/roles.py); this says so before anything is asked,
in words, and keeps out what a reading role could still do: sleep, change its settings, read files or other databases.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

import sqlglot
from sqlglot import exp

from revops_assets.errors import RevopsError
from revops_assets.settings import SQL_DIR

INPUTS = SQL_DIR / "semantic" / "functions"
# Functions by name, beside operators and aggregates of the standard.
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """
        abs age array_agg avg bool_and bool_or ceil ceiling coalesce concat concat_ws corr count covar_pop
        covar_samp cume_dist date_bin date_part date_trunc dense_rank div every exp extract first_value
        floor generate_series greatest initcap isfinite lag last_value lead least left length ln log lower
        lpad ltrim make_date make_interval max min mod mode nth_value ntile nullif percent_rank
        percentile_cont percentile_disc position power rank regr_intercept regr_r2 regr_slope right round
        row_number rpad rtrim sign split_part sqrt stddev stddev_pop stddev_samp string_agg strpos substr
        substring sum to_char to_date translate trim trunc upper var_pop var_samp variance width_bucket
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
        materialized not null numeric offset on or order outer over partition range recursive rollup row
        rows select sets similar some then time timestamp timestamptz to union using values varchar when
        where window with within
        """,
    )
)
REFUSED = (
    exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Copy, exp.Set,
    exp.Into, exp.Lock, exp.Parameter, exp.Placeholder, exp.SessionParameter,
)  # fmt: skip


class Refused(RevopsError):
    """A definition's SQL is not run."""


@lru_cache(maxsize=1)
def inputs() -> frozenset[str]:
    """Names of the views of semantic_input."""
    return frozenset(path.stem.removeprefix("input_") for path in INPUTS.glob("input_*.sql"))


def check(sql: str, tables: Collection[str] | None = None) -> exp.Query:
    """The statement, parsed; Refused says why it is not run. `tables`: in place of the views of semantic_input."""
    if "\0" in sql:
        raise Refused("it holds a NUL character")
    try:
        statements = [part for part in sqlglot.parse(sql, read="postgres") if part is not None]
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise Refused(f"it does not parse: {' '.join(str(error).split())[:300]}") from None
    if len(statements) != 1:
        raise Refused(f"it is {len(statements)} statements, not one")
    statement = statements[0]
    if not isinstance(statement, exp.Query):
        raise Refused("it is no SELECT")
    for node in statement.find_all(*REFUSED):
        raise Refused(f"it does more than read: {node.sql(dialect='postgres')[:80]}")
    known = inputs() if tables is None else frozenset(tables)
    names = {cte.alias_or_name for cte in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            continue
        if table.catalog or table.db not in ("", "semantic_input"):
            raise Refused(
                f"it reads {table.sql(dialect='postgres', comments=False)[:80]}, which is outside semantic_input"
            )
        if table.name not in (known if table.db else known | names):
            raise Refused(f"it reads {table.name!r}; there are: {', '.join(sorted(known))}")
    for name in sorted(_calls(statement)):
        if name not in FUNCTIONS:
            raise Refused(f"it calls {name}(), which is not among the functions that metrics may use")
    return statement


def _calls(statement: exp.Query) -> set[str]:
    """Names of the functions that it calls, by the text that PostgreSQL would get: constants and comments left out."""
    bare = statement.copy()
    for literal in list(bare.find_all(exp.Literal)):
        if literal.is_string:
            literal.replace(exp.Literal.string(""))
    called = {str(node.this).strip('"').lower() for node in statement.find_all(exp.Anonymous)}
    for node in statement.find_all(exp.Dot):
        if isinstance(node.expression, exp.Func):
            called.add(node.sql(dialect="postgres").split("(")[0].lower())
    text = bare.sql(dialect="postgres", comments=False)
    names = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
    aliases = {alias.name.lower() for alias in statement.find_all(exp.TableAlias)}
    called |= {name.lower() for name in CALL.findall(text)} - NO_CALLS - names - aliases
    called |= {"current_setting" for _ in statement.find_all(exp.SessionUser, exp.CurrentUser)}
    return called


def normalized(statement: exp.Query) -> str:
    """The statement as it is sent: from the parsed tree, so that what was checked is what runs."""
    return statement.sql(dialect="postgres", comments=False)

"""What files say of relations, laid down: datasets that are views, and comments on what people read."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.warehouse.foreign import PUBLISHED_AS
from revops_assets.warehouse.sql_files import SqlFile, dataset_files, table_functions

# Tables that are also read as they would be built now (or at the session's transaction time): table, view.
LIVE = {
    "staging.pipeline_stages": "ops.pipeline_stages",
    "staging.exchange_rates": "ops.exchange_rates",
    "staging.deal_credits": "ops.deal_credits",
}
# Views that read a view, themselves or through others: the last of each chain first.
READERS = """
with recursive readers (oid, depth) as (
    select to_regclass(%s)::oid, 0
    union all
    select r.ev_class, d.depth + 1
    from readers as d
    inner join pg_depend as p on p.refobjid = d.oid and p.refclassid = 'pg_class'::regclass
        and p.classid = 'pg_rewrite'::regclass
    inner join pg_rewrite as r on r.oid = p.objid and r.ev_class <> d.oid
)
select n.nspname || '.' || c.relname
from readers as d
inner join pg_class as c on c.oid = d.oid
inner join pg_namespace as n on n.oid = c.relnamespace
where d.depth > 0
group by n.nspname, c.relname
order by max(d.depth) desc, 1
"""


def create_views(connection: PgConnection) -> None:
    """Lay down every dataset that is no table: one that reads another after it, else in the order of the folders."""
    files = sorted(dataset_files().values(), key=lambda file: str(file.path))
    views = [file.table for file in files if not file.is_table]
    while views:
        ready = next(table for table in views if not any(other in dataset_files()[table].select for other in views))
        create_view(connection, ready, ready)
        views.remove(ready)
    for table, view in LIVE.items():
        create_view(connection, table, view)


def create_view(connection: PgConnection, table: str, view: str) -> None:
    """Lay a dataset's SELECT down as a view, with its comments. One whose columns changed is dropped first, with those
    of the project's own views that read it; RevopsError where somebody else's do."""
    file = dataset_files()[table]
    target = sql.Identifier(*view.split("."))
    create = sql.SQL("create or replace view {} as {}").format(target, sql.SQL(file.select))
    with connection.cursor() as cursor:
        cursor.execute("savepoint replace_view")
        try:
            cursor.execute(create)
        except psycopg2.errors.InvalidTableDefinition:
            cursor.execute("rollback to savepoint replace_view")
            _drop(cursor, view)
            cursor.execute(create)
    _comment(connection, "view", view, file)


def _drop(cursor: psycopg2.extensions.cursor, view: str) -> None:
    cursor.execute(READERS, (view,))
    readers = [name for (name,) in cursor.fetchall()]
    own = {*dataset_files(), *LIVE.values()}
    # The funnel under its published names is laid down anew after the datasets' views.
    if others := [name for name in readers if name not in own and name.split(".")[0] not in PUBLISHED_AS]:
        raise RevopsError(
            f"the columns of {view} change with this release, and {', '.join(others)} read it: drop these, upgrade, and"
            " lay them down anew"
        )
    for name in [*readers, view]:
        cursor.execute(sql.SQL("drop view {}").format(sql.Identifier(*name.split("."))))


def comment_tables(connection: PgConnection, schemas: Iterable[str]) -> None:
    """Comment the tables of these schemas, and their columns, as their files' headers say."""
    for table, file in (dataset_files() | table_functions()).items():
        if file.schema in schemas:
            _comment(connection, "table", table, file)


def _comment(connection: PgConnection, kind: str, relation: str, file: SqlFile) -> None:
    name = relation.split(".")
    columns = file.all_columns if kind == "table" else file.columns
    comments = [(sql.SQL(kind), sql.Identifier(*name), file.description)]
    comments += [(sql.SQL("column"), sql.Identifier(*name, column.name), column.meaning) for column in columns.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("; ").join(
                sql.SQL("comment on {} {} is {}").format(what, target, sql.Literal(text))
                for what, target, text in comments
            )
        )

"""What files say of relations, laid down: datasets that are views, and comments on what people read."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.warehouse.sql_files import SqlFile, columns_after, dataset_files, table_functions

# Tables that are also read as they would be built now (or at the session's known time): table, view.
LIVE = {
    "staging.pipeline_stages": "ops.pipeline_stages",
    "staging.exchange_rates": "ops.exchange_rates",
    "staging.deal_credits": "ops.deal_credits",
}


def create_views(connection: PgConnection) -> None:
    """Lay down every dataset that is no table: one that reads another after it, else in the order of the folders."""
    views = []
    with connection.cursor() as cursor:
        for table in sorted(dataset_files(), key=lambda name: str(dataset_files()[name].path)):
            cursor.execute("select relkind from pg_class where oid = to_regclass(%s)", (table,))
            if cursor.fetchone() in (None, ("v",)):
                views.append(table)
    while views:
        ready = next(table for table in views if not any(other in dataset_files()[table].select for other in views))
        create_view(connection, ready, ready)
        views.remove(ready)
    for table, view in LIVE.items():
        create_view(connection, table, view)


def create_view(connection: PgConnection, table: str, view: str) -> None:
    """Lay a dataset's SELECT down as a view, with its comments; one whose columns changed is dropped first, with what
    reads it."""
    file = dataset_files()[table]
    target = sql.Identifier(*view.split("."))
    create = sql.SQL("create or replace view {} as {}").format(target, sql.SQL(file.select))
    with connection.cursor() as cursor:
        cursor.execute("savepoint replace_view")
        try:
            cursor.execute(create)
        except psycopg2.errors.InvalidTableDefinition:
            cursor.execute("rollback to savepoint replace_view")
            cursor.execute(sql.SQL("drop view {} cascade").format(target))
            cursor.execute(create)
    _comment(connection, "view", view, file)


def comment_tables(connection: PgConnection, schemas: Iterable[str]) -> None:
    """Comment the tables of these schemas, and their columns, as their files' headers say."""
    for table, file in (dataset_files() | table_functions()).items():
        if file.schema in schemas:
            _comment(connection, "table", table, file)


def _comment(connection: PgConnection, kind: str, relation: str, file: SqlFile) -> None:
    name = relation.split(".")
    columns = file.columns | (columns_after(file) if kind == "table" else {})
    comments = [(sql.SQL(kind), sql.Identifier(*name), file.description)]
    comments += [(sql.SQL("column"), sql.Identifier(*name, column), text) for column, text in columns.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("; ").join(
                sql.SQL("comment on {} {} is {}").format(what, target, sql.Literal(text))
                for what, target, text in comments
            )
        )

"""Datasets that are views: the SQL file's SELECT, as `create or replace view`."""

from __future__ import annotations

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.sql_file import dataset_files

# Tables that are also read as they would be built now (or at the session's known time): table, view.
LIVE = {"staging.pipeline_stages": "ops.pipeline_stages"}


def create_views(connection: PgConnection) -> None:
    """Lay down every dataset that is no table, in the order of the folders."""
    with connection.cursor() as cursor:
        for table, file in sorted(dataset_files().items(), key=lambda item: str(item[1].path)):
            cursor.execute("select relkind from pg_class where oid = to_regclass(%s)", (table,))
            if cursor.fetchone() in (None, ("v",)):
                create_view(connection, table, table)
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
        cursor.execute(sql.SQL("comment on view {} is {}").format(target, sql.Literal(file.description)))
        for column, meaning in file.columns.items():
            column_name = sql.Identifier(*view.split("."), column)
            cursor.execute(sql.SQL("comment on column {} is {}").format(column_name, sql.Literal(meaning)))

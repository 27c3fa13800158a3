"""Datasets that are views: the SQL file's SELECT, as `create or replace view`."""

from __future__ import annotations

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.sql_file import dataset_files


def create_views(connection: PgConnection) -> None:
    """Lay down every dataset that is no table, in the order of the folders."""
    with connection.cursor() as cursor:
        for table, file in sorted(dataset_files().items(), key=lambda item: str(item[1].path)):
            cursor.execute("select relkind from pg_class where oid = to_regclass(%s)", (table,))
            if cursor.fetchone() in (None, ("v",)):
                create_view(connection, file.schema, file.name)


def create_view(connection: PgConnection, schema: str, name: str) -> None:
    """Lay the view down anew, with its comments. A view whose columns changed is dropped first, with what reads it."""
    file = dataset_files()[f"{schema}.{name}"]
    target = sql.Identifier(schema, name)
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
            column_name = sql.Identifier(schema, name, column)
            cursor.execute(sql.SQL("comment on column {} is {}").format(column_name, sql.Literal(meaning)))

"""Reference data: tables under reference, from the CSV files that people edit."""

from __future__ import annotations

import csv
from typing import Any

import sqlalchemy as sa
from psycopg2 import sql

from revops_assets.building.full_refresh import write_table
from revops_assets.building.run import Run
from revops_assets.datasets.dated_reference import Topic, effective
from revops_assets.invalidation.rules import dated_rule
from revops_assets.loading.copy import copy_rows
from revops_assets.settings import SQL_DIR
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.sql_files import Column, SqlFile


def write_dated(run: Run, topic: Topic) -> dict[str, Any]:
    """Fill reference.<topic> with what holds for each tenant and span of days, as known to the run."""
    names = ["tenant_id", "valid_from", "valid_to", "is_default", *topic.columns]
    with run.warehouse.transaction() as connection:
        with driver_connection(connection).cursor() as cursor:
            select = effective(topic).as_string(cursor)
        file = SqlFile("reference", topic.name, topic.path, "", "", {name: Column(name, "") for name in names}, select)
        rule = dated_rule(f"reference.{topic.name}", topic.columns)
        return write_table(connection, file, run.at, run.tenants, rule)


def write_file(connection: sa.Connection, table: str) -> tuple[int, list[list[str]]]:
    """Replace a table by its file, whose rows are dated by nothing; returns how many, and header and rows.

    A file that breaks the table's constraints changes nothing.
    """
    schema, name = table.split(".")
    with (SQL_DIR / "reference" / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    table_id = sql.Identifier(schema, name)
    columns = sql.SQL(", ").join(map(sql.Identifier, header))
    with driver_connection(connection).cursor() as cursor:
        cursor.execute(sql.SQL("delete from {}").format(table_id))
        count = copy_rows(cursor, sql.SQL("{} ({})").format(table_id, columns), rows)
    return count, [header, *rows]

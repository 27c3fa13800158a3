"""The window writer: replaces exactly its window, in one transaction, one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from revops_assets.datasets.replace import check_columns, replace_window
from revops_assets.datasets.window import WHOLE, ReadAt, Window
from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import Column, SqlFile

AT = ReadAt(7, {"a": "2024-03-01 12:00:00+00"})


@pytest.fixture
def dataset(clean: Settings) -> Iterator[SqlFile]:
    """A table of two tenants and three days, and a SELECT that gives every cell the value of :value."""
    with databases.engine(clean, "warehouse").begin() as connection:
        connection.exec_driver_sql(
            "create schema if not exists writer_test; drop table if exists writer_test.t; create table writer_test.t ("
            "tenant_id text, day date, value int check (value < 100), known_as_of bigint, data_freshness timestamptz);"
            "insert into writer_test.t select t, d, 0, 1 from unnest('{a,b}'::text[]) t, unnest('{2024-02-28,2024-02-29,2024-03-01}'::date[]) d"
        )
    select = (
        "select t as tenant_id, d as day, :value as value from unnest(array['a', 'b']) as t,"
        " unnest(array['2024-02-28', '2024-02-29', '2024-03-01']::date[]) as d"
    )
    yield SqlFile(
        "writer_test",
        "t",
        Path("t.sql"),
        "d",
        "g",
        {name: Column(name, "") for name in ("tenant_id", "day", "value")},
        select,
    )
    with databases.engine(clean, "warehouse").begin() as connection:
        connection.exec_driver_sql("drop schema writer_test cascade")


def write(settings: Settings, file: SqlFile, value: int, window: Window = WHOLE, **options: object) -> tuple[int, int]:
    with databases.engine(settings, "warehouse").begin() as connection:
        written = replace_window(connection, file, AT, window, select=giving(file, value), **options)  # type: ignore[arg-type]
    return written.deleted, written.inserted


def giving(file: SqlFile, value: int) -> str:
    return file.select.replace(":value", str(value))


def values(settings: Settings) -> dict[str, list[int]]:
    with databases.engine(settings, "warehouse").begin() as connection:
        rows = connection.execute(
            sa.text("select tenant_id, array_agg(value order by day) from writer_test.t group by 1")
        )
        return {tenant: found for tenant, found in rows}


@pytest.mark.parametrize(
    ("window", "after"),
    [
        (WHOLE, {"a": [5, 5, 5], "b": [5, 5, 5]}),
        (Window(tenants=("b",)), {"a": [0, 0, 0], "b": [5, 5, 5]}),
        (Window("day", "2024-02-29", "2024-03-01"), {"a": [0, 5, 0], "b": [0, 5, 0]}),
        (Window("day", "2024-02-29", "2024-03-02", ("a",)), {"a": [0, 5, 5], "b": [0, 0, 0]}),
    ],
)
def test_exactly_the_window_is_replaced(
    clean: Settings, dataset: SqlFile, window: Window, after: dict[str, list[int]]
) -> None:
    deleted, inserted = write(clean, dataset, 5, window)
    assert values(clean) == after
    assert deleted == inserted == sum(row.count(5) for row in after.values())


def test_known_time_and_freshness_are_filled_in(clean: Settings, dataset: SqlFile) -> None:
    write(clean, dataset, 5)
    with databases.engine(clean, "warehouse").begin() as connection:
        rows = connection.execute(
            sa.text("select distinct tenant_id, known_as_of, data_freshness::text from writer_test.t order by 1")
        )
        assert [tuple(row) for row in rows] == [("a", 7, "2024-03-01 12:00:00+00"), ("b", 7, None)]


def test_a_row_that_the_table_refuses_leaves_the_old_rows(clean: Settings, dataset: SqlFile) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        write(clean, dataset, 100)
    assert values(clean) == {"a": [0, 0, 0], "b": [0, 0, 0]}


def test_a_guard_that_raises_leaves_the_old_rows(clean: Settings, dataset: SqlFile) -> None:
    def refuse(connection: sa.Connection, file: SqlFile, window: Window) -> None:
        assert connection.scalar(sa.text("select max(value) from writer_test.t")) == 5
        raise RevopsError("no")

    with pytest.raises(RevopsError):
        write(clean, dataset, 5, guards=[refuse])
    assert values(clean) == {"a": [0, 0, 0], "b": [0, 0, 0]}


def test_a_second_writer_waits_and_readers_see_the_old_rows_meanwhile(clean: Settings, dataset: SqlFile) -> None:
    first = databases.engine(clean, "warehouse").connect()
    transaction = first.begin()
    replace_window(first, dataset, AT, select=giving(dataset, 5))
    second = threading.Thread(target=write, args=(clean, dataset, 6))
    second.start()
    second.join(0.5)
    assert second.is_alive()
    assert values(clean) == {"a": [0, 0, 0], "b": [0, 0, 0]}
    transaction.commit()
    first.close()
    second.join(30)
    assert values(clean) == {"a": [6, 6, 6], "b": [6, 6, 6]}


def test_a_table_that_does_not_fit_its_file(clean: Settings, dataset: SqlFile) -> None:
    file = SqlFile(
        "writer_test",
        "t",
        Path("t.sql"),
        "d",
        "g",
        {name: Column(name, "") for name in ("tenant_id", "month")},
        "select 1",
    )
    with (
        databases.engine(clean, "warehouse").begin() as connection,
        pytest.raises(RevopsError, match="run `revops db upgrade`"),
    ):
        check_columns(connection, file)

"""Taking a company out: nothing of it is left, and nothing of the others is touched."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from revops_assets.cli import register
from revops_assets.errors import NotFound
from revops_assets.loading.tenants import remove_tenant
from revops_assets.registry.sync import import_definitions
from revops_assets.serving import tokens
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_odd_records import REP, STAGES, closed, still_open

ROWS = """
select n.nspname || '.' || c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|reference$)'
"""


def rows_of(ask: Query, tenant: str) -> dict[str, list[Any]]:
    named = [tenant]
    if ask("select to_regproc('ops.uuid_of') is not null") == [(True,)]:
        named.append(str(ask("select ops.uuid_of('tenant', %s)", tenant)[0][0]))
    statement = "select t::text from {} as t where tenant_id::text = any(%s) order by 1"
    found = {table: ask(statement.format(table), named) for (table,) in ask(ROWS)}
    return {table: rows for table, rows in found.items() if rows}


def test_a_company_is_taken_out_and_the_others_stay(put: Put, clean: Settings, warehouse: Query, source: Query) -> None:
    records = {
        "pipeline_stages": STAGES,
        "reps": [REP],
        "opportunities": [still_open("o", 30), closed("c", "03-05", "won", 10)],
    }
    for tenant in ("gone", "stays"):
        put(tenant, **records)
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
        tokens.create(connection, "Al", "reader", "gone")
    materialize(clean, "+group:dashboard or +group:semantic or group:metrics", "2024-03-07", "2024-03-08")
    kept = rows_of(warehouse, "stays"), rows_of(source, "stays")
    assert len(rows_of(warehouse, "gone")) > 30 and len(rows_of(source, "gone")) > 4

    def says(*words: str) -> Any:
        return CliRunner().invoke(register(), ["tenant", *words])

    assert "gone" in says("list").output
    would = says("remove", "gone")
    assert would.exit_code == 1 and "would go" in would.output and "Nothing was done" in would.output
    assert rows_of(source, "gone") and rows_of(warehouse, "gone")
    done = says("remove", "gone", "--yes")
    assert done.exit_code == 0, done.exception
    assert would.output.replace("would go", "are gone").startswith(done.output)
    assert rows_of(warehouse, "gone") == rows_of(source, "gone") == {}
    assert (rows_of(warehouse, "stays"), rows_of(source, "stays")) == kept
    assert "gone" not in says("list").output
    assert source(
        "select count(*) from crm.load_tables as t left join crm.loads as l using (load_id) where l.load_id is null"
    ) == [(0,)]
    with pytest.raises(NotFound, match="there is no tenant 'gone'"):
        remove_tenant(clean, "gone")
    put("gone", **records)  # and may come again
    materialize(clean, "+group:dashboard", "2024-03-08")
    assert rows_of(warehouse, "gone")

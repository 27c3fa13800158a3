"""A backup holds everything: restored, every table reads as before, and the installation goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import backup as backups
from revops_assets.warehouse import databases
from revops_assets.warehouse.backup import backup, restore
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import TEST_SERVER, Put, query
from revops_assets_tests.test_odd_records import REP, STAGES, still_open

TABLES = """
select format('%I.%I', n.nspname, c.relname) from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)' order by 1
"""
POLICIES = "select schemaname, tablename, policyname, roles::text, cmd, qual from pg_policies order by 1, 2, 3"
FORCED = "select oid::regclass::text, relforcerowsecurity from pg_class where relrowsecurity order by 1"
pytestmark = pytest.mark.skipif(bool(TEST_SERVER), reason="drops databases under the sessions of others")


def contents(settings: Settings) -> dict[str, Any]:
    """What every table of every database holds, and who may read which rows."""
    found: dict[str, Any] = {}
    for env in ("dev", "prod"):
        for database in ("source", "warehouse", "dagster"):
            where = settings.for_env(env), database
            for (table,) in query(*where, TABLES):  # type: ignore[arg-type]
                found[f"{env} {database} {table}"] = query(*where, f"select t::text from {table} as t order by 1")  # type: ignore[arg-type]
            found[f"{env} {database}"] = query(*where, POLICIES), query(*where, FORCED)  # type: ignore[arg-type]
    return found


@pytest.fixture
def login(clean: Settings) -> Any:
    """A login that an operator made, with rows of one company to read."""
    query(clean, "warehouse", "create role backup_reader login in role revops_bi")
    query(clean, "warehouse", "insert into ops.tenant_grants (role, tenant_id) values ('backup_reader', 'a')")
    yield "backup_reader"
    query(clean, "warehouse", "delete from ops.tenant_grants; drop role if exists backup_reader")


def test_there_and_back(put: Put, clean: Settings, login: str, tmp_path: Path) -> None:
    put("a", pipeline_stages=STAGES, reps=[REP], opportunities=[still_open("o", 30)])
    materialize(clean, "+group:dashboard", "2024-03-07")
    before = contents(clean)
    parts = backup(clean, tmp_path / "kept")
    assert [part.file for part in parts] == ["dagster.dump", "warehouse_dev.dump", "warehouse_prod.dump", "source.dump"]
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    with pytest.raises(RevopsError, match="holds days that were built; nothing was restored: --force replaces it all"):
        restore(clean, tmp_path / "kept")
    put("a", opportunities=[still_open("late", 30)])
    query(clean, "warehouse", f"delete from ops.tenant_grants; drop role {login}")
    assert restore(clean, tmp_path / "kept", force=True) == [login]
    after = contents(clean)
    assert {name for name in before if before[name] != after.get(name)} == set() and after.keys() == before.keys()
    put("a", opportunities=[still_open("later", 30)])
    materialize(clean, "+group:dashboard", "2024-03-07", "2024-03-08")
    assert query(clean, "warehouse", "select count(distinct opportunity_id) from staging.deal_days") == [(2,)]
    url = databases.url_of(clean, "warehouse").set(username=login)
    connection = databases.open_connection(clean, url)
    with connection, connection.cursor() as cursor:
        cursor.execute("select distinct tenant_id from dashboard.dashboard_kpis")
        assert cursor.fetchall() == [("a",)]
    connection.close()


def test_what_is_no_backup(clean: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RevopsError, match=r"is no finished backup: it has no backup\.json"):
        restore(clean, tmp_path)
    (tmp_path / "backup.json").write_text("[]")
    with pytest.raises(RevopsError, match="is none that `revops db backup` wrote"):
        restore(clean, tmp_path)
    with pytest.raises(RevopsError, match="is not an empty folder"):
        backup(clean, tmp_path)
    backup(clean, tmp_path / "kept")
    with (tmp_path / "kept" / "source.dump").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RevopsError, match=r"source\.dump is not as `revops db backup` wrote it; nothing was restored"):
        restore(clean, tmp_path / "kept", force=True)
    monkeypatch.setattr(backups.embedded, "binary", lambda name: tmp_path / name)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RevopsError, match="pg_dump is missing: install PostgreSQL's client programs"):
        backup(clean, tmp_path / "other")


def test_a_password_is_on_no_command_line(settings: Settings, tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$* has $PGPASSWORD" >&2\nexit 1\n')
    program.chmod(0o755)
    away = settings.model_copy(update={"database_url": SecretStr("postgresql://u:hush@127.0.0.1:1/db")})
    with pytest.raises(RevopsError) as raised:
        backups._run(away, "source", [str(program)], "backup")
    assert "--dbname=postgresql://u@127.0.0.1:1/" in str(raised.value) and str(raised.value).endswith(" has hush")

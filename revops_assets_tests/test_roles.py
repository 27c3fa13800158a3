"""Roles of least privilege, tried: what each may do works, and everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from pydantic import SecretStr

from revops_assets.errors import RevopsError
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.registry.sync import import_definitions
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import PROJECT_ROOT, Settings, get_settings
from revops_assets.warehouse import databases, rights_page
from revops_assets.warehouse.roles import BI_SCHEMAS, NAMES, create_roles, roles
from revops_assets.warehouse.tenant_grants import give, granted
from revops_assets_tests.building import materialize
from revops_assets_tests.company import ALL, COPIED
from revops_assets_tests.conftest import Export, Put, Query, query
from revops_assets_tests.test_cli import run_here

DENIED = psycopg2.errors.InsufficientPrivilege


@pytest.fixture
def member(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """Settings of a user of its own, who has no rights but those of the role it is granted: its name comes along."""
    name = f"{settings.database_prefix}revops_test_member"
    server = databases.open_connection(settings, databases.server_url(settings))
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute(sql.SQL("drop role if exists {0}").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("create role {} login password 'm'").format(sql.Identifier(name)))
    url = databases.server_url(settings).set(drivername="postgresql", username=name, password="m")
    try:
        yield settings.model_copy(update={"database_url": SecretStr(url.render_as_string(hide_password=False))}), name
    finally:
        with server.cursor() as cursor:
            cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
        server.close()


def grant(settings: Settings, role: str, name: str) -> None:
    with databases.connect(settings, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(name)))


def refused(settings: Settings, database: databases.Database, *statements: str) -> None:
    """Each statement is denied, whatever the others do."""
    connection = databases.open_connection(settings, databases.url_of(settings, database))
    connection.autocommit = True
    try:
        for statement in statements:
            with connection.cursor() as cursor, pytest.raises((DENIED, psycopg2.errors.WrongObjectType)):
                cursor.execute(statement)
    finally:
        connection.close()


def attempt(settings: Settings, database: databases.Database, statement: str) -> list[tuple[object, ...]]:
    with databases.connect(settings, database) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def relations(warehouse: Query) -> list[tuple[str, bool]]:
    """Every table, view and foreign table of ours in the warehouse, and whether it is published to BI."""
    return [
        (name, schema in BI_SCHEMAS)
        for name, schema in warehouse(
            "select format('%I.%I', n.nspname, c.relname), n.nspname from pg_class as c"
            " inner join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'v', 'f', 'p', 'm') and n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'"
            " order by 1"
        )
    ]


def test_the_bi_role_reads_metrics_and_dashboards_and_nothing_else(
    clean: Settings, put: Put, warehouse: Query, member: tuple[Settings, str]
) -> None:
    put("a", leads=[{"lead_id": "L", "created_at": "2024-03-01Z"}])
    warehouse("select metrics.run_daily_metrics(date '2024-03-01')")
    bi, name = member
    refused(bi, "warehouse", *(f"select * from {table}" for table, _ in relations(warehouse)))
    grant(clean, roles(clean).bi, name)
    assert attempt(bi, "warehouse", "select total_leads from metrics.daily_lead_funnel") == []
    give(clean, name, ["a"])
    assert attempt(bi, "warehouse", "select total_leads from metrics.daily_lead_funnel") == [(1,)]
    for table, is_published in relations(warehouse):
        if is_published:
            attempt(bi, "warehouse", f"select * from {table} limit 1")
        refused(
            bi,
            "warehouse",
            *(() if is_published else (f"select * from {table}",)),
            f"insert into {table} select * from {table}",
            f"delete from {table}",
            f"truncate {table}",
            f"drop table {table}",
        )
    refused(
        bi,
        "warehouse",
        "update metrics.run_log set rows_written = 1",
        "select metrics.run_daily_metrics(date '2024-03-01')",
        "select metrics.refresh_daily_lead_funnel(date '2024-03-01')",
        "select metrics.begin_refresh(date '2024-03-01', date '2024-03-01', null)",
        "create table metrics.mine (a int)",
        "create table public.mine (a int)",
        "create temporary table mine (a int)",
        "create schema mine",
        "select lo_from_bytea(0, 'x')",
        f"set role {databases.server_url(clean).username}",
    )
    refused(bi, "source", "select * from crm.leads", "create temporary table mine (a int)")
    assert warehouse("select total_leads from metrics.daily_lead_funnel") == [(1,)]


def test_the_loader_role_loads_and_writes_nothing_but_the_source(
    clean: Settings, export: Export, source: Query, warehouse: Query, member: tuple[Settings, str]
) -> None:
    loader, name = member
    folder = export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1"])
    with pytest.raises(DENIED):
        load_directory(loader, folder, read_mapping("pipedrive"), "acme")
    grant(clean, roles(clean).loader, name)
    assert load_directory(loader, folder, read_mapping("pipedrive"), "acme").rows_inserted > 0
    assert source("select count(*) from crm.opportunities") == [(1,)]
    # Other tools' way in, with the same rights.
    assert attempt(
        loader,
        "source",
        "select crm.start_load('acme', 'tool');"
        " insert into crm_staging.leads (load_id, lead_id) select max(load_id), 'L' from crm.loads;"
        " select crm.finish_load(max(load_id)) is not null from crm.loads",
    ) == [(True,)]
    assert source("select count(*) from crm.leads") == [(1,)]
    refused(
        loader,
        "source",
        "create table crm.mine (a int)",
        "drop table crm.loads",
        "truncate crm.loads cascade",
        "alter table crm.leads_versions add column mine text",
        "create schema mine",
        "create table public.mine (a int)",
    )
    for table, _ in relations(warehouse):
        refused(
            loader,
            "warehouse",
            f"select * from {table}",
            f"delete from {table}",
            f"insert into {table} select * from {table}",
        )


def test_the_reader_reads_the_source_and_changes_nothing(
    clean: Settings, put: Put, warehouse: Query, member: tuple[Settings, str]
) -> None:
    put("a", leads=[{"lead_id": "L", "created_at": "2024-03-01Z"}])
    assert warehouse("select lead_id from crm_remote.leads") == [("L",)]
    reader, name = member
    grant(clean, roles(clean).reader, name)
    assert attempt(reader, "source", "select lead_id from crm.leads") == [("L",)]
    refused(reader, "source", "delete from crm.leads_versions", "select crm.start_load('a', 'x')",
            "create table crm.mine (a int)", "delete from pipedrive_raw.users_lines", "select * from crm_staging.leads")  # fmt: skip
    # Not even the owner of the warehouse writes through it.
    for statement in ("delete from crm_remote.leads_versions", "update crm_remote.loads set source = 'x'",
                      "insert into crm_remote.tenants (tenant_id, name) values ('x', 'x')", "truncate crm_remote.loads"):  # fmt: skip
        with pytest.raises(psycopg2.Error, match=r"does not allow|permission denied"):
            warehouse(statement)
    [(user,)] = warehouse(
        "select split_part(option, '=', 2) from pg_user_mappings cross join unnest(umoptions) as option"
        " where srvname = 'source' and option like 'user=%%'"
    )
    assert user == roles(clean).reader
    assert warehouse("select rolcanlogin, rolsuper, rolconfig from pg_roles where rolname = %s", user) == [
        (True, False, ["default_transaction_read_only=on"])
    ]


def test_whoever_may_not_make_roles_is_told_what_is_missing(settings: Settings, member: tuple[Settings, str]) -> None:
    poor, _ = member
    fresh = poor.model_copy(update={"database_prefix": settings.database_prefix + "other_"})
    connection = databases.open_connection(poor, databases.server_url(poor))
    try:
        with pytest.raises(
            RevopsError, match=r"the database user may not create the role .*revops_loader: grant it CREATEROLE"
        ):
            create_roles(connection, fresh)
    finally:
        connection.close()


def test_the_reader_s_password_is_its_own(settings: Settings) -> None:
    def password(**update: object) -> str | None:
        return roles(
            settings.model_copy(update={"database_url": SecretStr("postgresql://u@h/d")} | update)
        ).reader_password

    assert password() is None
    derived = password(database_password=SecretStr("secret"))
    assert derived and "secret" not in derived and derived == password(database_password=SecretStr("secret"))
    assert derived != password(database_password=SecretStr("other"))
    assert derived != password(database_password=SecretStr("secret"), database_prefix="x_")
    assert password(reader_password=SecretStr("mine"), database_password=SecretStr("secret")) == "mine"
    assert password(roles_secret=SecretStr("secret")) == derived  # whoever connects


# ------------------------------------------------------------------------------------- the table of docs/roles.md

TABLE_LINE = re.compile(r"^\| `revops_(\w+)` \| (\w+) \| (?:`(\w+)`)? ?\| (.+) \|$", re.MULTILINE)
THERE = """
select case c.relkind when 'S' then 'sequences' when 'f' then 'foreign tables' when 'v' then 'views' else 'tables' end,
    n.nspname, c.relname, c.relispartition
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^(pg_|information_schema$)'
union all
select 'functions', n.nspname, p.proname, false from pg_proc as p inner join pg_namespace as n on n.oid = p.pronamespace
where n.nspname !~ '^(pg_|information_schema$)' and p.prokind = 'f'
"""
MAY = """
select r.rolname, a.nspname, a.name, lower(a.privilege_type)
from (
    select n.nspname, c.relname as name, (aclexplode(c.relacl)).*
    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    union all
    select n.nspname, p.proname, (aclexplode(p.proacl)).*
    from pg_proc as p inner join pg_namespace as n on n.oid = p.pronamespace
    union all
    select n.nspname, c.relname || '.' || a.attname, (aclexplode(a.attacl)).*
    from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid
    inner join pg_namespace as n on n.oid = c.relnamespace
    union all
    select nspname, '', (aclexplode(nspacl)).* from pg_namespace
    union all
    select '', '', (aclexplode(datacl)).* from pg_database where datname = current_database()
) as a
inner join pg_roles as r on r.oid = a.grantee
where r.rolname = any(%s)
"""
DATABASES: tuple[databases.Database, ...] = ("source", "warehouse", "dagster")


def promised(database: str, there: list[tuple[str, str, str, bool]]) -> set[tuple[str, str, str, str]]:
    """Role, schema, object ('' for the schema itself) and privilege, as the page says of a database."""
    found = set()
    for role, of, schema, may in TABLE_LINE.findall((PROJECT_ROOT / "docs" / "roles.md").read_text()):
        if of != database:
            continue
        found |= {(role, schema, "", "usage")} if schema else set()
        for privileges, on in (part.split(" on ", 1) for part in may.split("; ")):
            named = set(re.findall(r"`(\w+)`", on))
            kinds = {"tables", "views", "foreign tables"} if on == "relations" else {on}
            objects = {
                name
                for kind, where, name, is_partition in there
                if where == schema and (name in named or (kind in kinds and not (is_partition and on == "tables")))
            }
            objects = {""} if on == "database" else objects
            found |= {(role, schema, name, privilege) for name in objects for privilege in privileges.split(", ")}
    return found


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_table_of_roles_is_what_the_catalogue_says(
    settings: Settings, database: databases.Database, env: str
) -> None:
    """Every right of every role on every schema, table, view, function and database, and no other."""
    assert rights_page.page() == rights_page.PAGE.read_text(), "run `make docs`"
    chosen = settings.for_env(env)  # type: ignore[arg-type]
    names = {name: role for role, name in roles(settings).names.items()}
    stands = {(names[role], *rest) for role, *rest in query(chosen, database, MAY, list(names))}
    assert stands == promised(database, query(chosen, database, THERE))
    everybody = "select n.nspname, c.relname, a.privilege_type from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace cross join aclexplode(c.relacl) as a where a.grantee = 0 and n.nspname !~ '^(pg_|information_schema$)'"  # fmt: skip
    assert query(chosen, database, everybody) == []


def test_every_role_is_small(settings: Settings) -> None:
    assert query(
        settings, "warehouse",
        "select count(*) from pg_roles where rolname = any(%s)"
        " and not (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)",
        [roles(settings).names[name] for name in NAMES],
    ) == [(len(NAMES),)]  # fmt: skip


# ----------------------------------------------------------------------------------------- logins of operators


@contextmanager
def as_login(chosen: Settings) -> Iterator[None]:
    """In the block this process is connected as a login, as commands with its address in their environment are."""
    assert chosen.database_url is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVOPS_DATABASE_URL", chosen.database_url.get_secret_value())
        patch.setenv("REVOPS_SCENARIO", "off")
        get_settings.cache_clear()
        try:
            yield
        finally:
            for database in COPIED:
                databases.engine(chosen, database).dispose()
            get_settings.cache_clear()


def revops(chosen: Settings, *words: str) -> tuple[bool, str]:
    """The command line, connected as a login: whether it went well, and what it says."""
    with as_login(chosen):
        status, out, err = run_here([*words])
    return status == 0, out + err


def test_a_loader_loads_and_a_transformer_builds(
    clean: Settings, tmp_path: Path, warehouse: Query, source: Query, member: tuple[Settings, str]
) -> None:
    """By the commands, as a login with nothing but its role: first the one, then the other."""
    login, name = member
    salesforce.write(tmp_path, plan := Plan(12, date(2024, 3, 15), 42, "UTC", quarters=1), day_end(plan, plan.end_date))
    load = ("load", str(tmp_path), "--tenant", "acme")
    build = ("materialize", "--select", 'key:"staging/pipeline_stages"')
    assert "permission denied" in revops(login, *load)[1]
    grant(clean, roles(clean).loader, name)
    loaded, said = revops(login, *load)
    assert loaded, said
    assert source("select count(*) > 0 from crm.opportunities") == [(True,)]
    assert not revops(login, *build)[0]
    with databases.connect(clean, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("revoke {} from {}").format(*map(sql.Identifier, (roles(clean).loader, name))))
    grant(clean, roles(clean).transformer, name)
    built, said = revops(login, *build)
    assert built, said
    # Every dataset, as that command builds it, but without Dagster.
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
    with as_login(login):
        materialize(login, ALL, "2024-03-15")
    assert warehouse("select count(*) > 0 from dashboard.dashboard_kpis") == [(True,)]
    assert warehouse("select count(*) > 0, count(error) from semantic.metric_runs") == [(True, 0)]
    assert not revops(login, *load[:-1], "other")[0]
    refused(
        login,
        "source",
        "delete from crm.leads_versions",
        "create table crm.mine (a int)",
        "update crm.leads_versions set email = ''",
    )
    refused(
        login, "warehouse", "create table staging.mine (a int)", "drop table staging.reps", "truncate staging.reps",
        "select * from ops.api_tokens", "select secret from ops.seal_secret", "insert into ops.tenant_grants values (1, '*')",
        "delete from semantic.metric_audit", "alter table staging.reps disable row level security", "select ops.seal('*', 1)",
    )  # fmt: skip


def test_an_admin_says_who_reads_what_and_reads_nothing(
    clean: Settings, put: Put, warehouse: Query, member: tuple[Settings, str]
) -> None:
    put("acme")
    login, name = member
    assert not revops(login, "tenant", "grant", name, "acme")[0]
    grant(clean, roles(clean).admin, name)
    for words in (
        ("tenant", "grant", name, "acme"),
        ("token", "create", "Al", "--tenant", "acme"),
    ):
        done, said = revops(login, *words)
        assert done, said
    [(token,)] = warehouse("select token_id::text from ops.api_tokens")
    assert revops(login, "token", "revoke", token)[0]
    assert [(one.role, one.tenant_id, one.granted_by) for one in granted(clean)] == [(name, "acme", name)]
    assert warehouse("select tenant_id, revoked_at is not null from ops.api_tokens") == [("acme", True)]
    for table, _ in relations(warehouse):
        if table not in ("ops.tenant_grants", "ops.api_tokens", "semantic.tenants"):
            refused(login, "warehouse", f"select * from {table}")
    refused(
        login,
        "warehouse",
        "delete from ops.api_tokens",
        "update ops.tenant_grants set tenant_id = '*'",
        "select ops.seal('acme', 1)",
    )

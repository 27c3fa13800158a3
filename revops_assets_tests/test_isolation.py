"""Nobody reads another company's rows: every table and view of the warehouse, tried as every role that reads.

Rows of two companies are put into every table with a tenant_id, within a transaction that is rolled back: without the
tables' constraints, and with a role that was granted every table, so that nothing but its policy guards it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import NotFound
from revops_assets.registry.guard import inputs
from revops_assets.registry.run import readers
from revops_assets.serving import tokens
from revops_assets.serving.access import company
from revops_assets.serving.answers import Answers
from revops_assets.serving.reading import EVERY, Reading
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.rights import _wanted, grant
from revops_assets.warehouse.roles import roles
from revops_assets.warehouse.tenant_grants import give, granted, take
from revops_assets_tests.conftest import Put, Query

DENIED = psycopg2.errors.InsufficientPrivilege
SECRET = "b's secret"
RELATIONS = """
select format('%%I.%%I', n.nspname, c.relname), c.relkind::text, a.atttypid::regtype::text
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'
order by 1
"""
LOOSEN = """
select format('alter table %%s drop constraint if exists %%I cascade', conrelid::regclass, conname)
from pg_constraint
where contype in ('p', 'u', 'f', 'c') and conrelid::regclass::text = any(%s)
union all
select format('alter table %%s alter %%I drop not null', attrelid::regclass, attname)
from pg_attribute
where attnotnull and attnum > 0 and attidentity = '' and not attisdropped and attrelid::regclass::text = any(%s)
order by 1 desc
"""
Relation = tuple[str, str, str | None]


def relations(cursor: PgCursor) -> list[Relation]:
    """Every table, view and foreign table of ours, its kind, and the type of its tenant_id."""
    cursor.execute(RELATIONS, ())
    return cursor.fetchall()


@contextmanager
def acting_as(cursor: PgCursor, login: str) -> Iterator[None]:
    """The session as if this login had connected."""
    cursor.execute(sql.SQL("set session authorization {}").format(sql.Identifier(login)))
    try:
        yield
    finally:
        cursor.execute("reset session authorization")


def attempt(cursor: PgCursor, statement: str) -> list[tuple[object, ...]] | None:
    """Its rows; None where it is denied."""
    cursor.execute("savepoint attempt")
    try:
        cursor.execute(statement)
        return cursor.fetchall()
    except DENIED:
        cursor.execute("rollback to savepoint attempt")
        return None
    finally:
        cursor.execute("release savepoint attempt")


def put_rows(cursor: PgCursor) -> dict[str, dict[str, str]]:
    """Two rows, a's and b's, in every table with a tenant_id; returns what their tenant_id is."""
    tables = [(name, kind) for name, relkind, kind in relations(cursor) if relkind in ("r", "p") and kind]
    names = [name for name, _ in tables]
    cursor.execute(LOOSEN, (names, names))
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
    cursor.execute("select t, ops.uuid_of('tenant', t)::text from unnest(array['a', 'b']) as t")
    by_uuid = dict(cursor.fetchall())
    ids = {}
    for name, kind in tables:
        ids[name] = by_uuid if kind == "uuid" else {"a": "a", "b": "b"}
        cursor.execute(f"insert into {name} (tenant_id) values (%s), (%s)", (ids[name]["a"], ids[name]["b"]))
    return ids


def leaks(cursor: PgCursor, login: str, ids: dict[str, dict[str, str]], sees: str | None) -> tuple[list[str], int]:
    """Relations that show the login rows of a company that it may not see, or hide its own; and how many it reads."""
    found, read = [], 0
    for name, _, kind in relations(cursor):
        if kind is None:
            continue
        with acting_as(cursor, login):
            rows = attempt(cursor, f"select distinct tenant_id::text from {name}")
        if rows is None:
            continue
        read += 1
        seen = {tenant for (tenant,) in rows} - {None}
        own = {ids.get(name, {"a": "a"})[sees]} if sees else set()
        if not seen <= own or (name in ids and seen != own):
            found.append(f"{login} reads {sorted(map(str, seen))} of {name}")
    return found, read


@pytest.fixture
def trial(clean: Settings, put: Put) -> Iterator[tuple[PgCursor, dict[str, str], dict[str, dict[str, str]]]]:
    """A cursor whose transaction is undone; logins that read, by role; what each table's rows are called."""
    for tenant in ("a", "b"):
        put(tenant, tickets=[{"ticket_id": tenant, "created_at": "2024-01-05Z"}])
    given = roles(clean)
    connection = databases.open_connection(clean, databases.url_of(clean, "warehouse"))
    logins = {"analyst": given.analyst, "web": given.web, "metrics": given.metrics}
    try:
        with connection.cursor() as cursor:
            for name, role in (("bi", given.bi), ("any table", None)):
                logins[name] = f"{clean.database_prefix}revops_test_{name.replace(' ', '_')}"
                cursor.execute(sql.SQL("create role {} login").format(sql.Identifier(logins[name])))
                if role:
                    cursor.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(logins[name])))
            ids = put_rows(cursor)
            for name, relkind, _ in relations(cursor):
                if relkind in ("r", "p"):
                    cursor.execute(f'grant select on {name} to "{logins["any table"]}"')
            for schema in {name.split(".")[0] for name in ids}:
                cursor.execute(f'grant usage on schema {schema} to "{logins["any table"]}"')
            cursor.execute("delete from ops.tenant_grants where role is null")
            yield cursor, logins, ids
    finally:
        connection.rollback()
        connection.close()


def let_in(cursor: PgCursor, login: str, tenant: str) -> None:
    cursor.execute("insert into ops.tenant_grants (role, tenant_id) values (%s::regrole, %s)", (f'"{login}"', tenant))


def test_every_table_and_view_as_every_role_that_reads(
    trial: tuple[PgCursor, dict[str, str], dict[str, dict[str, str]]],
) -> None:
    cursor, logins, ids = trial
    found, checked = [], {}
    for login in logins.values():
        found += leaks(cursor, login, ids, sees=None)[0]  # without a grant: nothing
    for login in logins.values():
        let_in(cursor, login, "a")
    ids["ops.tenant_grants"] = {"a": "a", "b": "b"}
    for name, login in logins.items():
        faults, checked[name] = leaks(cursor, login, ids, sees="a")
        found += faults
    assert found == []
    readable = [name for name, _, kind in relations(cursor) if kind]
    assert checked["any table"] == len(ids) > 100 and checked["bi"] > 13 and checked["web"] > 60
    print(f"{len(readable)} relations with a tenant_id x {len(logins)} roles; readable: {checked}")


def test_a_table_without_a_policy_is_found_and_gets_one(
    clean: Settings, trial: tuple[PgCursor, dict[str, str], dict[str, dict[str, str]]]
) -> None:
    cursor, logins, ids = trial
    cursor.execute(
        "create table staging.fresh (tenant_id text); insert into staging.fresh values ('a'), ('b');"
        " create table staging.parted (tenant_id text, n int) partition by list (n);"
        " create table staging.part_1 partition of staging.parted for values in (1);"
        " insert into staging.parted values ('a', 1), ('b', 1);"
        " create view staging.shown as select * from staging.parted"
    )
    ids |= {name: {"a": "a", "b": "b"} for name in ("staging.fresh", "staging.parted", "staging.part_1")}
    new = ("fresh", "parted", "part_1")
    for name in (*new, "shown"):
        cursor.execute(f'grant select on staging.{name} to "{logins["any table"]}"')
    let_in(cursor, logins["any table"], "a")
    found, _ = leaks(cursor, logins["any table"], ids, sees="a")
    assert [fault.split()[-1] for fault in found] == [f"staging.{name}" for name in sorted((*new, "shown"))]
    names = roles(clean).names
    cursor.execute("select ops.isolate_tenants(%(transformer)s, %(admin)s, %(reader)s)", names)
    assert sorted(name for (name,) in cursor.fetchall()) == sorted(f"staging.{name}" for name in new)
    found, _ = leaks(cursor, logins["any table"], ids, sees="a")
    assert [fault.split()[-1] for fault in found] == ["staging.shown"]  # a view with its owner's rights: not granted
    granted_to = {(role, target) for role, _, target, _ in _wanted(cursor, names, "warehouse") if "staging" in target}
    assert (names["web"], "staging.parted") in granted_to
    assert not granted_to & {(names["web"], name) for name in ("staging.part_1", "staging.shown")}
    cursor.execute("select ops.isolate_tenants(%(transformer)s, %(admin)s, %(reader)s)", names)
    assert cursor.fetchall() == []


def test_an_owner_who_is_no_superuser_reads_and_writes_all_rows(
    clean: Settings, trial: tuple[PgCursor, dict[str, str], dict[str, dict[str, str]]]
) -> None:
    """Row-level security holds for him, too: his policy lets him, and what runs with his rights works."""
    cursor, logins, ids = trial
    owner, table = f"{clean.database_prefix}revops_test_owner", "dashboard.dashboard_kpis"
    cursor.execute(f'create role "{owner}" login; grant usage on schema ops, dashboard to "{owner}"')
    for owned in ("ops.tenant_grants", "ops.seal_secret", "ops.partition_ledger", table):
        cursor.execute(f'alter table {owned} owner to "{owner}"')
    for function in ("ops.tenants_read()", "ops.seal(text, int)"):
        cursor.execute(f'alter function {function} owner to "{owner}"')
    cursor.execute(f"drop policy writers on {table}; drop policy writers on ops.tenant_grants")
    cursor.execute("select ops.isolate_tenants(%(transformer)s, %(admin)s, %(reader)s)", roles(clean).names)
    let_in(cursor, logins["bi"], "a")
    with acting_as(cursor, owner):
        cursor.execute(f"update {table} set tenant_id = tenant_id")
        assert cursor.rowcount == 2
        cursor.execute(f"insert into {table} (tenant_id) values ('c')")
        assert attempt(cursor, "select ops.tenants_read()") == [(["*"],)]
    assert leaks(cursor, logins["bi"], ids, sees="a")[0] == []


def test_views_functions_and_foreign_tables_that_readers_reach(clean: Settings, warehouse: Query) -> None:
    """A view names its companies, or the session that it is bound to; what runs with its owner's rights is known."""
    reading = [roles(clean).names[name] for name in ("bi", "analyst", "web", "metrics")]
    views = warehouse(
        "select distinct v.oid::regclass::text, pg_get_viewdef(v.oid), v.reloptions::text from pg_class as v"
        " cross join unnest(%s) as role where v.relkind in ('v', 'm') and v.relnamespace::regnamespace::text !~ '^(pg_|inf)'"
        " and has_table_privilege(role, v.oid, 'select')", reading,
    )  # fmt: skip
    assert {name for name, *_ in views} >= {f"semantic_input.{name}" for name in inputs()}
    for name, text, options in views:
        assert "tenants_read" in text or "semantic.session" in text or "semantic_input." in text, name
        assert "security_barrier" in str(options), name
    reached = warehouse(
        "select distinct c.oid::regclass::text from pg_class as c cross join unnest(%s) as role"
        " where c.relkind = 'f' and (has_any_column_privilege(role, c.oid, 'select') or has_table_privilege(role, c.oid, 'select'))"
        " union all select srvname from pg_foreign_server cross join unnest(%s) as role where has_server_privilege(role, oid, 'usage')",
        reading, reading,
    )  # fmt: skip
    assert reached == []
    definers = warehouse(
        "select distinct p.oid::regproc::text from pg_proc as p cross join unnest(%s) as role where p.prosecdef"
        " and p.pronamespace::regnamespace::text !~ '^(pg_|inf)' and has_function_privilege(role, p.oid, 'execute')", reading,
    )  # fmt: skip
    assert definers == [("ops.tenants_read",)]
    unsafe = warehouse("select proname from pg_proc where prosecdef and pronamespace::regnamespace::text !~ '^(pg_|inf)'"
                       " and array_to_string(proconfig, ' ') is distinct from 'search_path=pg_catalog, pg_temp'")  # fmt: skip
    assert unsafe == []


@pytest.fixture
def of_a(clean: Settings, warehouse: Query) -> Iterator[psycopg2.extensions.connection]:
    """A BI login that reads a; deals of a and b stand in a dashboard, analyzed."""
    name = f"{clean.database_prefix}revops_test_of_a"
    warehouse(f'drop role if exists "{name}"; create role "{name}" login password \'m\' in role "{roles(clean).bi}"')
    warehouse(
        "insert into metrics.daily_lead_funnel (tenant_id, metric_date, lead_source, total_leads, new_leads, sqls, opportunities_created, known_as_of)"
        " select t, date '2024-03-01' + n, case t when 'a' then 'own ' else %s end || n, 1, 1, 1, 1, 1"
        " from unnest(array['a', 'b']) as t cross join generate_series(1, 200) as n;"
        " analyze metrics.daily_lead_funnel", SECRET,
    )  # fmt: skip
    warehouse("insert into ops.tenant_grants (role, tenant_id) values (%s::regrole, 'a')", f'"{name}"')
    connection = databases.open_connection(clean, databases.url_of(clean, "warehouse").set(username=name, password="m"))
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
        warehouse(f'drop role "{name}"')


def test_a_login_cannot_talk_its_way_to_another_company(of_a: psycopg2.extensions.connection, clean: Settings) -> None:
    """Settings, roles, plans, statistics, errors: none of them tells of b."""
    table = "metrics.daily_lead_funnel"
    tried = [
        "set revops.tenant_seal = 'b'", "set revops.tenant_seal = 'b 0000'", "set revops.tenant_seal = '* '", "set revops.tenant = 'b'",
        f"set role \"{roles(clean).bi}\"", "set row_security = on", "set search_path = pg_temp, ops",
    ]  # fmt: skip
    with of_a.cursor() as cursor:

        def says(statement: str) -> str:
            try:
                cursor.execute(statement)
                return str(cursor.fetchall()) if cursor.description else ""
            except psycopg2.Error as error:
                return f"{error} {error.diag.message_detail} {error.diag.context}"

        assert says(f"select count(*) from {table}") == "[(200,)]"
        for setting in tried:
            says(setting)
            assert says(f"select distinct tenant_id from {table}") in ("[]", "[('a',)]"), setting
            says("reset all; reset role")
        assert "row-level security" in says(f"set row_security = off; select * from {table}")
        says("reset all")
        for denied in ("set session authorization postgres", "select ops.seal('b', pg_backend_pid())", "select secret from ops.seal_secret",
                       "insert into ops.tenant_grants values (1, 'b')", f"alter table {table} disable row level security",
                       f"create policy p on {table} using (true)", "select * from crm_remote.leads",
                       "select ops.isolate_tenants('', '', '')", "select ops.analyze_table('ops.alerts')"):  # fmt: skip
            assert "permission denied" in says(denied) or "must be owner" in says(denied), denied
        told = [
            says(f"select * from {table} where tenant_id = 'b'"),
            says(f"explain (analyze, verbose) select * from {table} where lead_source >= '{SECRET[0]}'"),
            says(f"explain (verbose) select * from {table} where tenant_id = 'b'").replace("'b'", ""),
            says(f"select * from {table} where lead_source::int > 0"),
            says(f"select 1 / (total_leads - 1) from {table} where lead_source like 'b%'"),
            says(f"select * from {table} where case when lead_source like 'b%' then lead_source::date > '2024-01-01' end"),
            says("select most_common_vals::text, histogram_bounds::text from pg_stats where tablename = 'daily_lead_funnel'"),
            says("select * from pg_statistic"),
            says(f"select query_to_xml('table {table}', true, false, '')"),
        ]  # fmt: skip
    assert [text for text in told if SECRET in text or "division by zero" in text] == []
    assert "invalid input syntax" in told[3] and "own " in told[3]  # its own rows it may trip over


def test_grants_are_given_and_taken(clean: Settings, put: Put, of_a: psycopg2.extensions.connection) -> None:
    put("b")
    name = of_a.info.user
    seen = "select coalesce(string_agg(distinct tenant_id, ' '), '') from metrics.daily_lead_funnel"

    def sees() -> str:
        with of_a.cursor() as cursor:
            cursor.execute(seen)
            return str(cursor.fetchall()[0][0])

    assert sees() == "a"
    give(clean, name, ["b"])
    assert sees() == "a b" and [one.tenant_id for one in granted(clean)] == ["a", "b"]
    take(clean, name, ["b"])
    assert sees() == "a"
    take(clean, name, [])
    assert sees() == "" and granted(clean) == []
    give(clean, roles(clean).bi, [EVERY])  # whoever is a member
    assert sees() == "a b"
    take(clean, roles(clean).bi, [])
    for role, tenant, said in ((name, "nobody", "no tenant 'nobody'"), ("nobody", "b", "no role 'nobody'")):
        with pytest.raises(NotFound, match=said):
            give(clean, role, [tenant])
    assert sees() == ""


def test_the_api_reads_as_one_company(clean: Settings, of_a: psycopg2.extensions.connection) -> None:
    """Whatever its SQL asks for: the database has the last word. No connection keeps what it was told."""
    reading = Reading(clean)
    every = sa.text("select distinct tenant_id from metrics.daily_lead_funnel order by 1")

    def seen(tenant: str) -> list[str]:
        with reading.of(tenant) as connection:
            return list(connection.execute(every).scalars())

    assert (seen("a"), seen("b"), seen(EVERY), seen("nobody"), seen("")) == (["a"], ["b"], ["a", "b"], [], [])
    with reading.engine.connect() as connection:
        assert list(connection.execute(every).scalars()) == []
        own = reading.seal("a", driver_connection(connection))
        others = reading.seal("b", of_a)  # of another session
        for forged in ("b", "b 00", own.replace("a ", "b ", 1), others, "*", ""):
            connection.execute(sa.text("select set_config('revops.tenant_seal', :forged, true)"), {"forged": forged})
            assert list(connection.execute(every).scalars()) == [], forged
    with databases.engine(clean, "warehouse").begin() as connection:
        connection.execute(
            sa.text(
                "insert into ops.partition_ledger (dataset, tenant_id, snapshot_date, known_as_of)"
                " values ('metrics.daily_lead_funnel', 'b', '2024-03-02', 1)"
            )
        )
    answers = Answers(clean)
    assert [one["dataset"] for one in answers.freshness("b")["datasets"]] == ["metrics.daily_lead_funnel"]
    assert answers.freshness("a")["datasets"] == []
    asked = answers.query_dataset("metrics.daily_lead_funnel", "b", date(2024, 3, 2))
    assert [row["tenant_id"] for row in asked["rows"]] == ["b"]
    of_one = tokens.Token(1, "Al", "reader", "a", datetime.min, None)
    with pytest.raises(Exception, match="another company's"):
        company(of_one, "b")


def test_a_metric_s_sql_reads_the_company_that_it_is_bound_to(clean: Settings, put: Put) -> None:
    for tenant, count in (("a", 1), ("b", 2)):
        put(tenant, tickets=[{"ticket_id": f"{n}", "created_at": "2024-01-05Z", "resolved_at": "2024-01-05 02:00Z"} for n in range(count)])  # fmt: skip
    with readers(clean) as session:
        assert session.fetch("m", "select count(*) from semantic_input.tickets").rows == [(0,)]
        day, finished_at, _ = session.newest("a")
        session.bind("a", day, finished_at)
        assert session.fetch("m", "select count(*) from semantic_input.tickets").rows == [(1,)]
        for statement in ("select * from semantic.bindings", "update semantic.bindings set tenant_id = 'b'",
                          "select * from history.tickets", "select * from crm_remote.tickets"):  # fmt: skip
            with session.reader.cursor() as cursor, pytest.raises(psycopg2.Error):
                cursor.execute(statement)
            session.reader.rollback()


def test_rights_and_policies_stay_as_they_are(clean: Settings, warehouse: Query) -> None:
    """A second upgrade touches no table; what somebody granted beside the list is taken away."""
    stand = "select max(xmin::text::bigint) from (select xmin from pg_policy union all select xmin from pg_class where relkind in ('r', 'v')) as t"
    before = warehouse(stand)
    grant(clean, "warehouse")
    assert warehouse(stand) == before
    warehouse(f'grant select on staging.contacts to "{roles(clean).bi}"; grant delete on ops.alerts to "{roles(clean).web}"')  # fmt: skip
    grant(clean, "warehouse")
    assert warehouse(
        "select has_table_privilege(%s, 'staging.contacts', 'select'), has_table_privilege(%s, 'ops.alerts', 'delete')",
        roles(clean).bi, roles(clean).web,
    ) == [(False, False)]  # fmt: skip

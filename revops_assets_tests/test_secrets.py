"""Secrets stay in the environment: no log, message, stored row or command line has them; and what runs listens on loopback.

The whole search is e2e: the system runs with marked secrets, is mishandled in ways that make servers and libraries talk,
and then everything that it left behind is searched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from psycopg2 import sql
from pydantic import SecretStr

from revops_assets.cli.db import psql_command
from revops_assets.errors import RevopsError
from revops_assets.loading.manifest import NAME as MANIFEST
from revops_assets.orchestration.supervisor import services_of
from revops_assets.settings import PROJECT_ROOT, Settings, get_settings
from revops_assets.warehouse import databases, embedded
from revops_assets_tests.conftest import TEST_SERVER
from revops_assets_tests.system import BIN, TODAY, System
from revops_assets_tests.test_compose import free_port, wait_for

SECRET_WORDS = ("password", "secret", "token", "key", "alert_urls", "database_url")


def test_every_setting_that_is_a_secret_hides_itself() -> None:
    named = {name for name in Settings.model_fields if any(word in name for word in SECRET_WORDS)}
    hidden = {name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None}
    assert named == hidden and len(hidden) == 7
    told = Settings(**{name if name != "pg_password" else "PG_PASSWORD": SecretStr("hush") for name in hidden})
    assert "hush" not in f"{told!r} {told} {told.model_dump()} {told.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:hush@127.0.0.1:1/db", "Connection refused"),
        ("postgresql://u@127.0.0.1:1/db?password=hush", "Connection refused"),
        ("postgresql://u:hush@127.0.0.1:1/db?sslpassword=hush", "Connection refused"),
        ("postgresql://u:p@hush@127.0.0.1:1/db", "write @ in a password as %40"),
        ("postgresql://u:hush@127.0.0.1:port/db", "is not of the form"),
        ("host=127.0.0.1 password=hush", "is not of the form"),
        ("postgresql://u:hush@127.0.0.1:1/db?no_option=1", "invalid URI query parameter"),
        ("mysql://u:hush@127.0.0.1:1/db", "only postgresql://"),
    ],
)
def test_no_message_about_an_address_repeats_its_password(url: str, said: str) -> None:
    away = Settings(database_url=SecretStr(url))
    with pytest.raises(RevopsError) as raised:
        databases.open_connection(away, databases.server_url(away))
    assert said in str(raised.value) and "hush" not in str(raised.value)
    # What is printed where nobody catches it, too: errors that it came of.
    assert "hush" not in str(raised.value.__cause__)


def test_a_model_s_address_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("https://user:hush@host/v1", "https://host/v1?key=hush"):
        monkeypatch.setenv("REVOPS_MODEL_BASE_URL", address)
        get_settings.cache_clear()
        with pytest.raises(RevopsError, match="REVOPS_MODEL_BASE_URL") as raised:
            get_settings()
        assert "hush" not in str(raised.value)
    monkeypatch.undo()
    get_settings.cache_clear()


def test_psql_gets_the_password_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setenv("REVOPS_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/db")
    monkeypatch.setattr(os, "execve", lambda *given: ran.append(given))
    get_settings.cache_clear()
    try:
        psql_command(type("Context", (), {"args": ["-c", "select 1"]})())  # type: ignore[arg-type]
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    [(_, command, environment)] = ran
    assert "hush" not in " ".join(command) and command[-2:] == ["-c", "select 1"]
    assert environment["PGPASSWORD"] == "hush"


def test_everything_that_up_starts_is_told_to_listen_on_loopback() -> None:
    commands = {service.name: service.command for service in services_of(3000, 8321, 4000)}
    for name in ("code", "webserver", "serve"):
        assert commands[name].count("--host") == 1
        assert commands[name][commands[name].index("--host") + 1] == "127.0.0.1"
    assert commands["daemon"][:2] == ["dagster-daemon", "run"]  # listens nowhere


# ------------------------------------------------------------------------------------------ the whole search

MARKS = {
    name: f"mark{number}q{name.replace('_', '')}"
    for number, name in enumerate(
        ("server", "other", "reader", "roles", "alert", "alert_path", "model", "wrong", "wrong_token")
    )
}


# A dump of a warehouse has its user mapping, by which it reads the source: docs/operations.md says so.
KEPT_IN_BACKUP = ("backup/warehouse", "reader")


class Stranger(BaseHTTPRequestHandler):
    """A model's endpoint and an alerts' receiver that refuse, and repeat what they were sent, as some do."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"] or ""))  # type: ignore[attr-defined]
        body = json.dumps({"error": {"message": f"Incorrect API key: {self.headers['Authorization']} {self.path}"}})
        self.send_response(401)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def stranger() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line that any process has meanwhile; others may read them."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


class Server:
    """A PostgreSQL that asks for passwords, over TCP."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.port = folder, folder / "pg" / "data", free_port()
        self.data.parent.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.data.parent, embedded.RUN_AS)
        (folder / "password").write_text(MARKS["server"])
        embedded._run(
            folder, "initdb", "-D", str(self.data), "-U", "revops", "--auth=scram-sha-256",
            f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--no-sync",
        )  # fmt: skip
        (folder / "password").unlink()
        self.start()

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -k '{self.data.parent}' -c fsync=off -c max_connections=200"
        )
        embedded._run(
            self.folder, "pg_ctl", "-D", str(self.data), "-l", str(self.data / "log"), "-o", options, "-w", "start"
        )

    def stop(self) -> None:
        embedded._run(self.folder, "pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def connect(self, database: str) -> Any:
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="revops", password=MARKS["server"], dbname=database
        )
        connection.autocommit = True
        return connection

    def query(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def contents(self) -> Iterator[tuple[str, str]]:
        """Every row of every table of every database: where it stands, and all of its columns as text."""
        for (database,) in self.query("select datname from pg_database where datallowconn order by 1"):
            connection = self.connect(database)
            with connection.cursor() as cursor:
                cursor.execute(
                    "select relnamespace::regnamespace::text, relname from pg_class where relkind in ('r', 'm')"
                    " and relnamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1, 2"
                )
                for schema, table in cursor.fetchall():
                    cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
                    for row in cursor:
                        yield f"{database}: {schema}.{table}", " ".join(readable(value) for value in row)
            connection.close()


def readable(value: Any) -> str:
    """A value as text; what Dagster stores in compressed form, too."""
    if isinstance(value, memoryview):
        with suppress(zlib.error):
            return zlib.decompress(bytes(value)).decode(errors="replace")
        return bytes(value).decode(errors="replace")
    return str(value)


def marked(text: str, marks: dict[str, str]) -> list[str]:
    """Which marks a text holds."""
    return [name for name, mark in marks.items() if mark in text]


@pytest.mark.e2e
@pytest.mark.timeout(1800)
@pytest.mark.skipif(TEST_SERVER is not None, reason="has a server of its own")
def test_marked_secrets_appear_nowhere() -> None:
    folder = Path(tempfile.mkdtemp(prefix="revops-secrets-"))
    server = Server(folder)
    system = System(folder, first_day=TODAY - timedelta(days=2))
    marks = dict(MARKS)
    said: list[str] = []
    try:
        with stranger() as other, command_lines() as seen:
            system.environment |= environment(server, other.server_port)
            system.start()
            listening_on_loopback_only(system)
            misuse(system, server, said, marks)
            asked = " ".join(map(str, other.asked))  # type: ignore[attr-defined]
            system.stop()
            search(folder, server, seen, said, marks)
        assert MARKS["model"] in asked and MARKS["alert_path"] in asked  # those who are meant to get them got them
    finally:
        system.stop()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def environment(server: Server, port: int) -> dict[str, str]:
    """Every secret setting, marked."""
    server.query(f"create role other superuser login password '{MARKS['other']}'")
    return {
        "REVOPS_DATABASE_URL": f"postgresql://revops:{MARKS['server']}@127.0.0.1:{server.port}/postgres",
        "REVOPS_READER_PASSWORD": MARKS["reader"],
        "REVOPS_ROLES_SECRET": MARKS["roles"],
        "REVOPS_ALERT_URLS": f"json://user:{MARKS['alert']}@127.0.0.1:{port}/{MARKS['alert_path']}",
        "REVOPS_MODEL_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "REVOPS_MODEL_API_KEY": MARKS["model"],
        "REVOPS_SCENARIO": "off",
        "PG_HOST": "127.0.0.1", "PG_PORT": str(server.port), "PG_USER": "other", "PG_PASSWORD": MARKS["other"],
        "PG_DATABASE": "revops_metrics_dev",
    }  # fmt: skip


def listening_on_loopback_only(system: System) -> None:
    """Code server, webserver, pages and whatever they start."""
    assert system.process
    pages = int(system.process.args[-1])  # type: ignore[index]

    def ports() -> set[int]:
        found = set()
        for process in psutil.Process(system.process.pid).children(recursive=True):  # type: ignore[union-attr]
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    address = ip_address(connection.laddr.ip.removeprefix("::ffff:"))
                    assert address.is_loopback, (process.cmdline(), connection.laddr)
                    found.add(connection.laddr.port)
        return found

    wait_for("the pages", lambda: {system.port, pages} <= ports(), 60)
    assert len(ports()) >= 3


def misuse(system: System, server: Server, said: list[str], marks: dict[str, str]) -> None:
    """Loads, runs and requests that go well, and ones that make everybody talk about what went wrong."""

    def revops(*words: str, status: int | None = 0, **more: str) -> str:
        done = subprocess.run(
            [str(BIN / "revops"), *words],
            env=system.environment | more,
            capture_output=True,
            text=True,
            cwd=PROJECT_ROOT,
        )
        assert status is None or done.returncode == status, (words, done.stdout, done.stderr)
        said.append(done.stdout + done.stderr)
        return done.stdout.strip()

    company = system.home / "company"
    revops(
        "scenario", "generate", "--out", str(company), "--tenant", "canary", "--deals", "60", "--end-date", str(TODAY)
    )
    shutil.copytree(company, system.home / "landing" / "canary")
    loaded = "select 1 from crm.loads where status = 'finished'"
    wait_for("the load", lambda: server.query(loaded, "revops_training"), 120)
    wait_for("its days", system.is_quiet, 300)
    broken = system.home / "landing" / "broken"
    shutil.copytree(company, broken, ignore=shutil.ignore_patterns(MANIFEST))
    (broken / MANIFEST).write_text(json.dumps({"tenant": "canary", "mapping": "none", "files": []}))
    wait_for("its alert", lambda: server.query("select 1 from ops.alerts", "revops_metrics_dev"), 120)

    marks["token"] = revops("token", "create", "canary")
    said.pop()  # it is shown this once; from here on nobody shows it
    requests(system, said, marks)
    for words in (
        ("doctor",), ("daily-metrics", "run", "--date", str(TODAY - timedelta(days=1))), ("psql", "--", "-c", "select pg_sleep(0.3)"),
        ("db", "backup", str(system.home / "backup")), ("token", "list"), ("tenant", "list"), ("metrics", "list"),
    ):  # fmt: skip
        revops(*words, status=None if words == ("doctor",) else 0)
    day = ("materialize", "--select", "+group:ai", "--partition", str(TODAY))
    revops(*day)
    # Passwords that are not right: the server, postgres_fdw and Dagster say so.
    revops("tenant", "list", status=1, REVOPS_DATABASE_PASSWORD=marks["wrong"])
    revops("daily-metrics", "run", status=1, PG_PASSWORD=marks["wrong"])
    revops("doctor", status=1, REVOPS_DATABASE_PASSWORD=marks["wrong"])
    server.query("alter role revops_reader password 'another'")
    revops("materialize", "--select", "group:staging", status=None)
    revops("funnel", "build", status=None)
    launched = system.launch("daily", asset_partition_range_start=str(TODAY), asset_partition_range_end=str(TODAY))
    [run] = system.wait_for_runs({launched})
    assert run["status"] == "FAILURE"
    revops("db", "upgrade")
    # The server goes away under everybody, and comes back.
    server.stop()
    revops("doctor", status=1)
    revops(*day, status=1)
    time.sleep(5)
    server.start()
    revops(*day)


def requests(system: System, said: list[str], marks: dict[str, str]) -> None:
    """The API and the login, with a token that is right and one that is not."""
    assert system.process
    site = f"http://127.0.0.1:{system.process.args[-1]}"  # type: ignore[index]
    for given in (marks["token"], marks["wrong_token"]):
        form = urllib.parse.urlencode({"token": given}).encode()
        headers = {"Authorization": f"Bearer {given}", "Cookie": f"revops_token={given}"}
        for path, body in (("/api/metrics", None), ("/api/metrics/%00", None), ("/login", form), ("/pipeline", None)):
            request = urllib.request.Request(site + path, body, headers)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    said.append(answer.read().decode())
            except urllib.error.HTTPError as error:
                said.append(error.read().decode())


def search(folder: Path, server: Server, seen: set[str], said: list[str], marks: dict[str, str]) -> None:
    """Everything that was left behind; what is meant to be found there is, so that the search can be believed."""
    found = []
    texts = {"what commands printed": "\n".join(said)} | {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_relative_to(folder / "pg")
    }
    texts["the server's log"] = (server.data / "log").read_text(errors="replace")
    for where, text in texts.items():
        found += [f"{where}: {name}" for name in marked(text, marks) if (where.split("_")[0], name) != KEPT_IN_BACKUP]
    stored: dict[str, int] = {}
    for where, text in server.contents():
        stored[where] = stored.get(where, 0) + ("canary" in text)
        found += [f"{where}: {name}" for name in marked(text, marks)]
    for line in seen:
        found += [f"{line[:80]}: {name}" for name in marked(line, marks)]
    assert not found, "\n".join(found)
    logs = "".join(text for where, text in texts.items() if where.startswith(("logs/", "up.log", "dagster/")))
    assert "could not be sent by Apprise" in logs
    assert "password authentication failed" in logs + texts["what commands printed"]
    assert (
        stored["dagster: public.event_logs"] and stored["dagster: public.runs"] and stored["revops_training: crm.loads"]
    )
    assert "revops_metrics_dev: ops.alerts" in stored and any("api grpc" in line for line in seen)
    assert any("pg_dump" in line for line in seen) and any("pg_sleep" in line for line in seen)
    print(f"{len(marks)} secrets, {len(texts)} files, {len(stored)} tables, {len(seen)} command lines: none found")

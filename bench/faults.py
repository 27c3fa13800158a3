"""`python -m bench.faults [--rounds N] [--seed S]`: what dies in the middle, and what is left when it has been done again.

Two installations get the same exports and build the same days. Of one, a fault of each kind in turn, at a random moment,
strikes a load or a build; then the documented commands are given again: `revops load`, `revops materialize`. After a load
every record, after a build and in the end every dataset, too, is compared with the undisturbed twin's: nothing lost, nothing
doubled. A full disk needs root, who may mount a small one; a clock that jumps needs libfaketime (Debian: faketime). Where one
is missing, its faults are left out, and that is said.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from revops_assets.settings import PROJECT_ROOT
from revops_assets_tests.test_time import STAMPS

REVOPS = Path(sys.executable).parent / "revops"
END = date(2024, 4, 2)
DAYS_BUILT = 3
DISK = "3g"
# When and by which load something was told differs between two installations that know the same.
HIDDEN = (*STAMPS, "known_as_of", "known_from", "known_to", "load_id", "newest_load", "run_id")
# A load that died has used up its number: of load_order, only the order is compared.
TABLES = """
select format('%%I.%%I', n.nspname, c.relname), string_agg(
    case a.attname when 'load_order' then 'dense_rank() over (order by load_order)' else quote_ident(a.attname) end,
    ', ' order by a.attnum
)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> all(%s)
where n.nspname = any(%s) and c.relkind = any(%s) and not c.relispartition
group by 1
"""
DATASETS = ["staging", "enriched", "analytics", "dashboard", "ai", "metrics"]


@dataclass
class Command:
    """A command that was begun; what it prints goes into a file, on another disk than its data."""

    words: tuple[str, ...]
    process: subprocess.Popen[bytes]
    output: Path

    def wait(self) -> int:
        """Its exit status."""
        return self.process.wait()

    def said(self) -> str:
        """What it printed."""
        return self.output.read_text(errors="replace").strip()


class Installation:
    """An embedded server with a home of its own, and what is asked of it."""

    def __init__(self, home: Path, outputs: Path) -> None:
        self.home, self.outputs = home, outputs
        outputs.mkdir()
        given = {name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_"))}
        self.environment = given | {"REVOPS_HOME": str(home), "REVOPS_SCENARIO": "off"}
        self.urls: dict[str, str] = {}

    def start(self, *words: str) -> Command:
        output = self.outputs / f"{len(list(self.outputs.iterdir()))}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [str(REVOPS), *words], env=self.environment, cwd=PROJECT_ROOT, stdout=file, stderr=file
            )
        return Command(words, process, output)

    def revops(self, *words: str) -> None:
        """A command that must go well."""
        command = self.start(*words)
        if status := command.wait():
            raise AssertionError(f"revops {' '.join(words)} ended with {status}: {command.said()}")

    def connect(self, database: str) -> Any:
        if database not in self.urls:
            words = [str(REVOPS), "db", "url", "--database", database]
            self.urls[database] = subprocess.check_output(
                words, env=self.environment, cwd=PROJECT_ROOT, text=True
            ).strip()
        return psycopg2.connect(self.urls[database])

    def query(self, database: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = self.connect(database)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def contents(self, databases: tuple[str, ...]) -> dict[str, Any]:
        """A number for every canonical table and every dataset that its rows give."""
        found = {}
        for database, schemas, kinds in (("source", ["crm"], ["v"]), ("warehouse", DATASETS, ["r", "p"])):
            if database not in databases:
                continue
            for table, columns in self.query(database, TABLES, list(HIDDEN), schemas, kinds):
                if database == "source" and not self.is_canonical(table):
                    continue
                digest = (
                    "select count(*), sum(hashtextextended(t::text, 0)::numeric)::text"
                    f" from (select {columns} from {table}) as t"
                )
                found[table] = self.query(database, digest)
        return found

    def is_canonical(self, table: str) -> bool:
        return bool(self.query("source", "select from crm.canonical_tables where 'crm.' || table_name = %s", table))

    def server(self) -> list[psutil.Process]:
        """The processes of its PostgreSQL."""
        data, found = self.home / "pgdata", []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name() == "postgres" and Path(process.cwd()) == data:
                    found.append(process)
        return found


Strike = Callable[[Installation, list[Command], random.Random], None]
Setting = Callable[[Installation], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """What happens, to which commands, and what is set up for it before they begin."""

    kind: str
    strikes: Strike
    amid: Setting = lambda _: nullcontext()


def kill_server(disturbed: Installation, _: list[Command], __: random.Random) -> None:
    """No process of PostgreSQL lives on."""
    for process in disturbed.server():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_command(_: Installation, commands: list[Command], __: random.Random) -> None:
    """The command is gone without a word; the server goes on."""
    commands[0].process.send_signal(signal.SIGKILL)


def cut_connections(disturbed: Installation, _: list[Command], __: random.Random) -> None:
    """As an administrator, or a network, cuts them."""
    disturbed.query(
        "source",
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()",
    )


# Written by every load and every build.
WRITTEN = {
    "load": ("source", ["crm.opportunities_versions", "crm.opportunity_history_versions", "crm.load_tables"]),
    "build": ("warehouse", ["staging.deal_days", "ops.partition_ledger", "enriched.deal_health_scores"]),
}


# Written when others are held already.
LATE = {"load": ("source", "crm.load_tables"), "build": ("warehouse", "ops.partition_ledger")}
# Whether somebody waits for this session, and a table that they hold.
WAITING = """
select count(w.pid) > 0, min(c.oid::regclass::text)
from pg_locks as w
left join pg_locks as l on l.pid = w.pid and l.granted and l.locktype = 'relation'
    and l.database = (select oid from pg_database where datname = current_database())
left join pg_class as c on c.oid = l.relation and c.relkind = 'r' and c.relnamespace::regnamespace::text !~ '^pg_'
where not w.granted and pg_backend_pid() = any(pg_blocking_pids(w.pid))
"""


@contextmanager
def impatient(disturbed: Installation) -> Iterator[None]:
    """A server that lets nobody wait long for a lock."""
    names = [
        name
        for database in ("source", "warehouse")
        for (name,) in disturbed.query(database, "select current_database()")
    ]
    for name in names:
        disturbed.query("source", f'alter database "{name}" set lock_timeout = 500')
    try:
        yield
    finally:
        for name in names:
            disturbed.query("source", f'alter database "{name}" reset lock_timeout')


def hold_locks(disturbed: Installation, commands: list[Command], chance: random.Random) -> None:
    """Somebody else's session holds what is written, longer than the server lets others wait."""
    database, tables = WRITTEN[kind_of(commands[0])]
    with session(disturbed, database) as cursor:
        cursor.execute("set lock_timeout = 0")
        cursor.execute(f"lock table {chance.choice(tables)} in access exclusive mode")
        time.sleep(3)


def be_in_the_way(disturbed: Installation, commands: list[Command], _: random.Random) -> None:
    """Somebody else's session holds what the command wants, and wants what it holds; the command finds out first."""
    database, table = LATE[kind_of(commands[0])]
    while commands[0].process.poll() is None:
        with session(disturbed, database) as cursor:
            # Who waits looks for a deadlock after a second, once: this session never does, and must be there by then.
            cursor.execute("set deadlock_timeout = '1h'; set lock_timeout = '30s'")
            cursor.execute(f"lock table {table} in access exclusive mode")
            waits, theirs = False, None
            while not waits and commands[0].process.poll() is None:
                cursor.execute(WAITING)
                [(waits, theirs)] = cursor.fetchall()
                time.sleep(0.01)
            if theirs:
                cursor.execute(f"lock table {theirs} in access exclusive mode")
                print(f"   a deadlock about {table} and {theirs}", flush=True)
                return
        time.sleep(0.2)  # it held nothing yet: it may go on to where it does
    raise AssertionError("no deadlock came about before the command had ended")


@contextmanager
def session(disturbed: Installation, database: str) -> Iterator[Any]:
    """A transaction of somebody else's, which leaves nothing behind."""
    connection = disturbed.connect(database)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def movable_clock(disturbed: Installation) -> Iterator[None]:
    """The server, by which all that is stored is stamped, reads a clock that can be set."""
    clock, before = disturbed.outputs.parent / "clock", disturbed.environment
    clock.write_text("+0")
    disturbed.revops("db", "stop")
    disturbed.environment = before | {
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    }  # fmt: skip
    disturbed.revops("db", "url")  # starts it; Python itself cannot sleep under libfaketime 0.9.10
    disturbed.environment = before
    try:
        yield
    finally:
        disturbed.revops("db", "stop")


def set_clock(disturbed: Installation, commands: list[Command], chance: random.Random) -> None:
    """The server's clock is set back or forward, and again a moment later."""
    told = []
    for _ in range(2):
        jump = chance.choice([-1, 1]) * chance.randrange(60, 3 * 86400)
        (disturbed.outputs.parent / "clock").write_text(f"{jump:+d}")
        time.sleep(0.5)
        [(now,)] = disturbed.query("source", "select clock_timestamp()")
        told.append(f"{jump:+,d} s")
        if abs((now.timestamp() - time.time()) - jump) > 60:
            raise AssertionError(f"the server's clock says {now}: it was not set")
    print(f"   the clock was set by {' and '.join(told)}", flush=True)


def fill_disk(disturbed: Installation, commands: list[Command], _: random.Random) -> None:
    """No byte is left until the commands have ended."""
    ballast = disturbed.home.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    for command in commands:
        command.wait()
    ballast.unlink()


def nothing(_: Installation, __: list[Command], ___: random.Random) -> None:
    """Being several at once is the fault."""


# Struck builds are of these: full refreshes and days. The end's are of all that dashboards show.
STRUCK, ALL = "+group:enriched", "+group:dashboard"


def at_work(kind: str, export: Path, days: list[date]) -> list[tuple[str, ...]]:
    """The commands that a fault strikes."""
    load, build = ("load", str(export), "--tenant", "acme"), range_of(days[0], days[-1])
    return {
        "load": [load],
        "build": [build],
        "loads": [load, load],
        "builds": [build, range_of(days[0], days[-2]), range_of(days[1], days[-1])],
    }[kind]


def kind_of(command: Command) -> str:
    """A load or a build."""
    return "load" if command.words[0] == "load" else "build"


def range_of(first: date, last: date, select: str = STRUCK) -> tuple[str, ...]:
    """The command that builds a range of days."""
    return "materialize", "--select", select, "--from", str(first), "--to", str(last)


# What happens to what.
FAULTS = {
    "PostgreSQL killed in a load": Fault("load", kill_server),
    "PostgreSQL killed in a build": Fault("build", kill_server),
    "a load killed": Fault("load", kill_command),
    "a build killed": Fault("build", kill_command),
    "every connection cut in a load": Fault("load", cut_connections),
    "every connection cut in a build": Fault("build", cut_connections),
    "two loads of one export at once": Fault("loads", nothing),
    "three overlapping builds at once": Fault("builds", nothing),
    "tables locked in a load": Fault("load", hold_locks, impatient),
    "tables locked in a build": Fault("build", hold_locks, impatient),
    "a deadlock in a load": Fault("load", be_in_the_way),
    "a deadlock in a build": Fault("build", be_in_the_way),
    "the server's clock set in a load": Fault("load", set_clock, movable_clock),
    "the server's clock set in a build": Fault("build", set_clock, movable_clock),
    "the disk full in a load": Fault("load", fill_disk),
    "the disk full in a build": Fault("build", fill_disk),
}
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
# From the command's beginning: what stands in its way must stand there before it comes.
AT_ONCE = (be_in_the_way,)


def strike(
    disturbed: Installation, fault: Fault, export: Path, days: list[date], seconds: float, chance: random.Random
) -> list[str]:
    """Begin the commands, let the fault come, wait until they have ended; what those that failed said last."""
    with fault.amid(disturbed):
        commands = [disturbed.start(*words) for words in at_work(fault.kind, export, days)]
        time.sleep(seconds)
        fault.strikes(disturbed, commands, chance)
        failed = [command for command in commands if command.wait() > 0]
    return [(command.said().splitlines() or ["(it said nothing)"])[-1] for command in failed]


def possible(only: str, mounted: bool) -> list[str]:
    """The faults that this machine can bring about, of those that are asked for."""
    if FAKETIME is None:
        print("no clock is set: libfaketime is not installed")
    found = [name for name in FAULTS if only in name]
    found = [name for name in found if mounted or FAULTS[name].strikes is not fill_disk]
    return [name for name in found if FAKETIME is not None or FAULTS[name].strikes is not set_clock]


def settle(installation: Installation, export: Path, days: list[date], kind: str) -> float:
    """What the documentation says to do after a load or a build; how long it took."""
    started = time.monotonic()
    installation.revops(*at_work(kind, export, days)[0])
    return time.monotonic() - started


def build_all(installation: Installation, days: list[date]) -> None:
    """Every dataset, and what loads have made stale."""
    installation.revops(*range_of(days[0], days[-1], ALL))
    installation.revops("materialize", "--stale")


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own for the disturbed installation, where mounting is permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
    if not mounted:
        print("no disk is filled: only root may mount a small one")
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def run(rounds: int, seed: int, only: str = "") -> int:
    """All rounds; how many faults were survived."""
    chance = random.Random(seed)
    root = Path(tempfile.mkdtemp(prefix="revops-faults-"))
    survived = 0
    with small_disk(root / "disk") as mounted:
        disturbed = Installation(root / "disk" / "home", root / "disturbed-said")
        twin = Installation(root / "twin", root / "twin-said")
        faults = possible(only, mounted)
        chance.shuffle(faults)
        try:
            exports = begin(root / "company", disturbed, twin)
            for number in range(rounds):
                survived += one_round(number, chance, faults[number % len(faults)], disturbed, twin, next(exports))
            for installation in (disturbed, twin):
                build_all(installation, days_of(rounds))
            if left := compare(disturbed, twin, ("source", "warehouse")):
                print(f"in the end these differ: {', '.join(left)}")
                survived = 0
            else:
                print("in the end every record and every dataset is the twin's")
        finally:
            for installation in (disturbed, twin):
                installation.start("db", "stop").wait()
            shutil.rmtree(root / "twin", ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    print(f"seed {seed}: {rounds} faults injected, {survived} survived", flush=True)
    return survived


def begin(company: Path, disturbed: Installation, twin: Installation) -> Iterator[Path]:
    """The company's first export, loaded and built once, for both; then the export of each following day."""
    words = ("scenario", "generate", "--out", str(company), "--tenant", "acme", "--deals", "60", "--end-date", str(END))
    twin.revops(*words)
    twin.revops("db", "upgrade")
    settle(twin, company, days_of(0), "load")
    build_all(twin, days_of(0))
    twin.revops("db", "stop")
    subprocess.run(["cp", "-a", str(twin.home), str(disturbed.home)], check=True)
    for installation in (twin, disturbed):
        installation.revops("db", "upgrade")  # which tells the warehouses where their source is now
    return following(twin, company)


def following(maker: Installation, company: Path) -> Iterator[Path]:
    """The export of each day after the first."""
    number = 0
    while True:
        number += 1
        maker.revops("scenario", "next-day", "--out", str(company))
        yield company / f"day-{END + timedelta(days=number)}"


def one_round(
    number: int, chance: random.Random, fault: str, disturbed: Installation, twin: Installation, export: Path
) -> bool:
    """One fault, what the documentation says to do then, and the comparison; whether it was survived."""
    days = days_of(number)
    kind = FAULTS[fault].kind.rstrip("s")
    if kind == "build":
        for installation in (disturbed, twin):
            settle(installation, export, days, "load")
    took = settle(twin, export, days, kind)
    moment = 0 if FAULTS[fault].strikes in AT_ONCE else chance.uniform(0.3, 0.95) * took
    told = strike(disturbed, FAULTS[fault], export, days, moment, chance)
    settle(disturbed, export, days, kind)
    differing = compare(disturbed, twin, ("source",) if kind == "load" else ("source", "warehouse"))
    print(f"{number + 1}. {fault} after {moment:.1f} of {took:.1f} s: {differing or 'survived'}", flush=True)
    for line in told:
        print(f"   {line[:300]}", flush=True)
    return not differing


def days_of(number: int) -> list[date]:
    """The days that a round builds."""
    return [END + timedelta(days=number - n) for n in reversed(range(DAYS_BUILT))]


def compare(disturbed: Installation, twin: Installation, databases: tuple[str, ...]) -> list[str]:
    """Tables and datasets in which the two differ."""
    ours, theirs = disturbed.contents(databases), twin.contents(databases)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=len(FAULTS))
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", default="", help="Faults whose name holds this")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    sys.exit(run(arguments.rounds, arguments.seed, arguments.only) != arguments.rounds)

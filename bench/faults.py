"""`python -m bench.faults [--rounds N] [--seed S]`: what dies in the middle, and what is left when it has been done again.

Two installations get the same exports and build the same days. Of one, a fault of each kind in turn, at a random moment,
strikes a load or a build; then the documented commands are given again: `revops load`, `revops materialize`. After a load
every record, after a build and in the end every dataset, too, is compared with the undisturbed twin's: nothing lost, nothing
doubled.
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
from contextlib import contextmanager, suppress
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
HIDDEN = (*STAMPS, "known_as_of", "known_from", "known_to", "load_id", "load_order", "newest_load", "run_id")
TABLES = """
select format('%%I.%%I', n.nspname, c.relname), string_agg(quote_ident(a.attname), ', ' order by a.attnum)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> all(%s)
where n.nspname = any(%s) and c.relkind = any(%s) and not c.relispartition
group by 1
"""
DATASETS = ["staging", "enriched", "analytics", "dashboard", "ai", "metrics"]


class Installation:
    """An embedded server with a home of its own, and what is asked of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        given = {name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_"))}
        self.environment = given | {"REVOPS_HOME": str(home), "REVOPS_SCENARIO": "off"}
        self.urls: dict[str, str] = {}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(REVOPS), *words], env=self.environment, cwd=PROJECT_ROOT, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def revops(self, *words: str) -> None:
        """A command that must go well."""
        process = self.start(*words)
        told = process.communicate()[1]
        if process.returncode:
            raise AssertionError(f"revops {' '.join(words)}: {told}")

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
                    f"select count(*), sum(hashtextextended(row({columns})::text, 0)::numeric)::text from {table} as t"
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


Strike = Callable[[Installation, list[subprocess.Popen[str]]], None]


def kill_server(disturbed: Installation, _: list[subprocess.Popen[str]]) -> None:
    """No process of PostgreSQL lives on."""
    for process in disturbed.server():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_command(_: Installation, commands: list[subprocess.Popen[str]]) -> None:
    """The command is gone without a word; the server goes on."""
    commands[0].send_signal(signal.SIGKILL)


def cut_connections(disturbed: Installation, _: list[subprocess.Popen[str]]) -> None:
    """As an administrator, or a network, cuts them."""
    disturbed.query(
        "source",
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()",
    )


def hold_locks(disturbed: Installation, _: list[subprocess.Popen[str]]) -> None:
    """Somebody else's session holds what is written, longer than the server lets others wait."""
    for database, table in (("source", "crm.opportunities_versions"), ("warehouse", "staging.deal_days")):
        [(name,)] = disturbed.query(database, "select current_database()")
        disturbed.query(database, f'alter database "{name}" set lock_timeout = 500')
        try:
            connection = disturbed.connect(database)
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = 0")
                cursor.execute(f"lock table {table} in access exclusive mode")
                time.sleep(2)
            connection.close()
        finally:
            disturbed.query(database, f'alter database "{name}" reset lock_timeout')


def fill_disk(disturbed: Installation, commands: list[subprocess.Popen[str]]) -> None:
    """No byte is left until the commands have ended."""
    ballast = disturbed.home.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    for command in commands:
        command.wait()
    ballast.unlink()


def nothing(_: Installation, __: list[subprocess.Popen[str]]) -> None:
    """Being several at once is the fault."""


def at_work(kind: str, export: Path, days: list[date]) -> list[tuple[str, ...]]:
    """The commands that a fault strikes."""
    load, build = ("load", str(export), "--tenant", "acme"), range_of(days[0], days[-1])
    return {
        "load": [load],
        "build": [build],
        "loads": [load, load],
        "builds": [build, range_of(days[0], days[-2]), range_of(days[1], days[-1])],
    }[kind]


def range_of(first: date, last: date) -> tuple[str, ...]:
    """The command that builds a range of days."""
    return "materialize", "--select", "+group:dashboard", "--from", str(first), "--to", str(last)


# What happens to what.
FAULTS: dict[str, tuple[str, Strike]] = {
    "PostgreSQL killed in a load": ("load", kill_server),
    "PostgreSQL killed in a build": ("build", kill_server),
    "a load killed": ("load", kill_command),
    "a build killed": ("build", kill_command),
    "every connection cut in a load": ("load", cut_connections),
    "every connection cut in a build": ("build", cut_connections),
    "two loads of one export at once": ("loads", nothing),
    "three overlapping builds at once": ("builds", nothing),
    "tables locked in a load": ("load", hold_locks),
    "tables locked in a build": ("build", hold_locks),
    "the disk full in a load": ("load", fill_disk),
    "the disk full in a build": ("build", fill_disk),
}


def strike(disturbed: Installation, fault: str, export: Path, days: list[date], seconds: float) -> list[str]:
    """Begin the commands, let the fault come, wait until they have ended; what those that failed said."""
    kind, happens = FAULTS[fault]
    commands = [disturbed.start(*words) for words in at_work(kind, export, days)]
    time.sleep(seconds)
    happens(disturbed, commands)
    return [line for command in commands if (line := command.communicate()[1].strip()) and command.returncode > 0]


def settle(installation: Installation, export: Path, days: list[date], kind: str) -> float:
    """What the documentation says to do after a load or a build; how long the struck command took."""
    started = time.monotonic()
    if kind == "load":
        installation.revops("load", str(export), "--tenant", "acme")
        return time.monotonic() - started
    installation.revops(*range_of(days[0], days[-1]))
    took = time.monotonic() - started
    installation.revops("materialize", "--stale")
    return took


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
        disturbed, twin = Installation(root / "disk" / "home"), Installation(root / "twin")
        faults = [name for name in FAULTS if only in name and (mounted or FAULTS[name][1] is not fill_disk)]
        chance.shuffle(faults)
        try:
            exports = begin(root / "company", (disturbed, twin))
            for number in range(rounds):
                survived += one_round(number, chance, faults[number % len(faults)], disturbed, twin, next(exports))
            for installation in (disturbed, twin):
                settle(installation, root, days_of(rounds), "build")
            if left := compare(disturbed, twin, ("source", "warehouse")):
                print(f"in the end these differ: {', '.join(left)}")
                survived = 0
        finally:
            for installation in (disturbed, twin):
                installation.start("db", "stop").wait()
            shutil.rmtree(root / "twin", ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    print(f"seed {seed}: {rounds} faults injected, {survived} survived", flush=True)
    return survived


def begin(company: Path, installations: tuple[Installation, ...]) -> Iterator[Path]:
    """The company's first export, loaded by all; then the export of each following day."""
    maker = installations[-1]
    maker.revops(
        "scenario", "generate", "--out", str(company), "--tenant", "acme", "--deals", "60", "--end-date", str(END)
    )
    for installation in installations:
        installation.revops("db", "upgrade")
        installation.revops("load", str(company), "--tenant", "acme")
    return following(maker, company)


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
    kind = FAULTS[fault][0].rstrip("s")
    if kind == "build":
        for installation in (disturbed, twin):
            settle(installation, export, days, "load")
    took = settle(twin, export, days, kind)
    moment = chance.uniform(0.3, 0.95) * took
    told = strike(disturbed, fault, export, days, moment)
    settle(disturbed, export, days, kind)
    differing = compare(disturbed, twin, ("source",) if kind == "load" else ("source", "warehouse"))
    print(f"{number + 1}. {fault} after {moment:.1f} of {took:.1f} s: {differing or 'survived'}", flush=True)
    for line in told:
        print(f"   {line.splitlines()[-1][:300]}", flush=True)
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

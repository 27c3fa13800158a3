"""`python -m bench.scale [--deals N] [--keep DIR]`: the generated company at any size, from files to reports.

Times and peak memory of generating, of psql's bare \\copy of the same files, of loading them; reads of the past with
their plans; building the stage visits; a report on one pipeline, and on a small one beside it. With --keep, what lies in
DIR already (export, loaded databases) is used again.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from bench.run import psql, settle
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases, embedded

END = date(2024, 11, 14)  # the middle of a quarter
AT = "2024-05-01 00:00+00"
SMALL = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, default=20_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="revops-scale-"))
    os.environ.update(REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="UTC")
    os.environ.pop("REVOPS_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        measure(get_settings(), folder, options.deals)
    finally:
        if not options.keep:
            embedded.stop(folder / "home")
            shutil.rmtree(folder)


def measure(settings: Settings, folder: Path, deals: int) -> None:
    """Every step, in order."""
    from revops_assets.warehouse.upgrade import upgrade

    export, small = folder / "export", folder / "small"
    for out, size in ((export, deals), (small, SMALL)):
        if not out.is_dir():
            apart(f"generate {size:,} deals", "scenario", "generate", "--out", out, "--deals", size, "--end-date", END)
    size = sum(path.stat().st_size for path in export.glob("*.json"))
    rows = sum(lines(path) for path in export.glob("*.json"))
    print(f"export: {rows:,} records, {size / 1e9:.2f} GB")
    upgrade(settings)
    if not loaded(settings, "big"):
        timed("psql \\copy of the same bytes into one text column each", lambda: bare_copy(settings, export, folder))
        apart("load", "load", export, "--mapping", "salesforce", "--tenant", "big")
        apart(f"load {SMALL} deals beside", "load", small, "--mapping", "salesforce", "--tenant", "small")
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute("set work_mem = '256MB'; set jit = off")
        for what, statement in (
            (
                "every deal as of an instant",
                f"select tenant_id, opportunity_id, stage_id, amount from crm.opportunities_as_of('{AT}')",
            ),
            (
                "one deal as of an instant",
                f"select * from crm.opportunities_as_of('{AT}') where tenant_id = 'big' and opportunity_id = '006000000077'",
            ),
            (
                "every deal as known after load 1",
                "select tenant_id, opportunity_id, stage_id from crm.opportunities_known_at(1)",
            ),
            (
                "one deal's activities as known after load 1",
                "select * from crm.activities_known_at(1) where tenant_id = 'big' and opportunity_id = '006000000077'",
            ),
        ):
            explain(cursor, what, statement)
    from revops_assets.orchestration.runs import dagster_instance, run_job

    with dagster_instance(settings) as instance:
        result: list[Any] = []
        timed("job stage_visits", lambda: result.append(run_job(settings, "stage_visits", "dev", instance)))
        print({name: made for name, made in result[0].assets.items() if name == "staging.stage_visits"})
    settle(settings)
    with databases.connect(settings, "warehouse") as connection, connection.cursor() as cursor:
        for tenant in ("big", "small"):
            query = (
                f"select * from dyno_crm.stage_velocity_query(ops.uuid_of('tenant', '{tenant}'),"
                f" ops.uuid_of('pipeline', '{tenant}', 'default'), '{AT}')"
            )
            explain(cursor, f"the report on tenant {tenant}'s pipeline", query)


def apart(what: str, *arguments: object) -> None:
    """Run a command in a process of its own, for its time and peak memory."""
    revops = Path(sys.executable).parent / "revops"
    timed(what, lambda: subprocess.run([revops, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL))
    print(f"    peak of any step so far: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MiB")


def timed(what: str, run: Callable[[], object]) -> None:
    """Run something and print how long it took."""
    started = time.monotonic()
    run()
    print(f"{what}: {time.monotonic() - started:.1f} s", flush=True)


def explain(cursor: Any, what: str, statement: str) -> None:
    """The plan of the second run, the first one having read the pages."""
    for _ in range(2):
        cursor.execute(f"explain (analyze, buffers, costs off) {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    print(f"\n{what}\n{plan}", flush=True)


def loaded(settings: Settings, tenant: str) -> bool:
    """Whether the tenant has been loaded into this folder's databases."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute("select exists (select from crm.loads where tenant_id = %s and status = 'finished')", (tenant,))
        return bool(cursor.fetchall()[0][0])


def lines(path: Path) -> int:
    """Lines of a file."""
    with path.open("rb") as handle:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: handle.read(1 << 22), b""))


def bare_copy(settings: Settings, export: Path, folder: Path) -> None:
    """One psql session, one table of one text column per file; gone again afterwards."""
    script = folder / "bare.sql"
    script.write_text(
        "create schema bare;\n"
        + "".join(
            f'create table bare."{path.stem}" (line text);\n'
            f"\\copy bare.\"{path.stem}\" from '{path}' with (format csv, quote e'\\x01', delimiter e'\\x02')\n"
            for path in sorted(export.glob("*.json"))
        )
        + "set client_min_messages = warning;\ndrop schema bare cascade;\n"
    )
    psql(settings, "source", script)


if __name__ == "__main__":
    main()

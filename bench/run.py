"""`make bench`: loading and building the Pipedrive wing at 100 x an export, beside psql doing the same work.

The export is the real one where ../shared/data/pipedrive exists, else a generated one of the same size. Everything
happens on a server and in databases of its own (under a temporary folder), which are removed afterwards. Each side runs
ROUNDS times on fresh databases, alternately, and the medians are compared: other work on the machine hits both.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from psycopg2 import sql

from bench.enlarge import enlarge
from revops_assets.loading.expressions import Expressions
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.orchestration.runs import dagster_instance, run_job
from revops_assets.scenario import pipedrive
from revops_assets.scenario.model import Plan
from revops_assets.settings import PROJECT_ROOT, Settings, get_settings
from revops_assets.warehouse import databases, embedded
from revops_assets.warehouse.foreign import FUNNEL_MODELS
from revops_assets.warehouse.sql_files import dataset_files
from revops_assets.warehouse.upgrade import upgrade

COPIES, ROUNDS = 100, 3
REAL_EXPORT = PROJECT_ROOT.parent / "shared" / "data" / "pipedrive"


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="revops-bench-"))
    os.environ.update(REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="UTC")
    os.environ.pop("REVOPS_DATABASE_URL", None)
    get_settings.cache_clear()
    try:
        measure(get_settings(), folder)
    finally:
        embedded.stop(folder / "home")
        shutil.rmtree(folder)


def measure(settings: Settings, folder: Path) -> None:
    """Both comparisons."""
    source = REAL_EXPORT
    if not source.is_dir():
        source = folder / "generated"
        pipedrive.write(source, Plan(2000, date.today(), 1, "UTC"))
    export = folder / "export"
    enlarge(source, export, COPIES)
    lines = {path.name: sum(1 for _ in path.open("rb")) - 1 for path in sorted(export.glob("*.csv"))}
    print(f"Export: {COPIES} x {source}: {sum(lines.values()):,} rows, {lines['deal_changes.csv']:,} of them changes")
    mapping = read_mapping("pipedrive")
    merge_script, copy_script = psql_load(export, folder)
    times: dict[str, list[float]] = {}

    def timed(what: str, run: Callable[[], object]) -> None:
        started = time.monotonic()
        run()
        times.setdefault(what, []).append(time.monotonic() - started)

    for _ in range(ROUNDS):
        fresh(settings)
        timed("copy", lambda: psql(settings, "source", copy_script))
        fresh(settings)
        timed("psql load", lambda: psql(settings, "source", merge_script))
        fresh(settings)
        timed("revops load", lambda: load_directory(settings, export, mapping, "bench"))
        with dagster_instance(settings) as instance:
            run_job(settings, "funnel", "dev", instance)  # imports and first plans are nobody's time
            settle(settings)
            timed("revops build", lambda: run_job(settings, "funnel", "dev", instance))
        settle(settings)
        timed("psql build", lambda: psql(settings, "warehouse", psql_build(folder)))

    report("Load", times, "revops load", "psql load", "psql: COPY into staging, then the same keyed merge")
    report("Load", times, "revops load", "copy", "psql: bare \\copy of the same files")
    report(
        "Build",
        times,
        "revops build",
        "psql build",
        "psql: the eight models as plain statements in one session",
    )


def report(what: str, times: dict[str, list[float]], ours: str, yardstick: str, meaning: str) -> None:
    """One line: medians and their ratio."""
    mine, theirs = statistics.median(times[ours]), statistics.median(times[yardstick])
    print(
        f"{what:6} {mine:6.1f} s beside {theirs:6.1f} s, ratio {mine / theirs:4.2f}   ({meaning}; medians of {ROUNDS})"
    )


def fresh(settings: Settings) -> None:
    """New, empty databases."""
    connection = databases.open_connection(settings, databases.server_url(settings))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for env in ("dev", "prod"):
            for database in ("source", "warehouse"):
                name = databases.name_of(settings.for_env(env), database)  # type: ignore[arg-type]
                cursor.execute(f'drop database if exists "{name}" with (force)')
        cursor.execute("checkpoint")
    connection.close()
    upgrade(settings)


def settle(settings: Settings) -> None:
    """The same state before either side: no dead rows of earlier builds, statistics fresh, nothing left to write."""
    for database in ("source", "warehouse"):
        connection = databases.open_connection(settings, databases.url_of(settings, database))  # type: ignore[arg-type]
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze")
            cursor.execute("checkpoint")
        connection.close()


def psql(settings: Settings, database: databases.Database, script: Path) -> None:
    """Run a script in one psql session."""
    url = databases.libpq_url(databases.url_of(settings, database))
    program = shutil.which("psql") or str(embedded.binary("psql"))
    subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", script],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def psql_load(export: Path, folder: Path) -> tuple[Path, Path]:
    """What a person would do by hand: \\copy each file into an all-text staging table, number its lines into the raw
    table, fill the canonical staging by the mapping's own expressions, call the same merge. And the \\copy alone."""
    mapping = read_mapping("pipedrive")
    upgrade(get_settings())
    connection = databases.open_connection(get_settings(), databases.url_of(get_settings(), "source"))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name, data_type from information_schema.columns where table_schema = 'crm_staging'"
        )
        types = {(table, column): data_type for table, column, data_type in cursor.fetchall()}
    copies, merges = [], []
    for key, file in mapping.files.items():
        if not (export / file.path[0]).exists():
            continue
        columns = ", ".join(f'"{name}" text' for name in file.fields)
        names = ", ".join(f'"{name}"' for name in file.fields)
        copies.append(f"create temporary table in_{key} ({columns});")
        if not mapping.is_raw(key):  # read a second time for its categories, which the export does not have
            continue
        copies.append(f"\\copy in_{key} from '{export / file.path[0]}' with (format csv, header)")
        merges.append(
            f"insert into pipedrive_raw.{key}_lines select 1, row_number() over () + 1, {names} from in_{key};"
        )
        merges.append(f"analyze pipedrive_raw.{key}_lines;")
    for table, specs in mapping.tables.items():
        merges.append(f"create temporary table if not exists {table} (like crm_staging.{table} including defaults);")
        for spec in specs:
            for row in spec.rows:
                merges.append(
                    f"insert into {table} (load_id, {', '.join(row)}) values (1, {', '.join(repr(v) for v in row.values())});"
                )
            if spec.source and mapping.is_raw(spec.source):
                file = mapping.files[spec.source]
                build = Expressions(mapping, file, "UTC", lambda key: sql.Identifier(f"in_{key}"))
                values = sql.SQL(", ").join(
                    build.column(column, types[table, name]) for name, column in spec.columns.items()
                )
                merges.append(
                    f"insert into {table} (load_id, file_name, line_no, {', '.join(spec.columns)})"
                    f" select 1, '{file.path[0]}', r.line_no, {values.as_string(connection)}"
                    f" from pipedrive_raw.{spec.source}_lines as r{sql.SQL('').join(build.joins).as_string(connection)}"
                    f" where r.load_id = 1 and {build.condition(spec.when).as_string(connection)};"
                )
        merges.append(f"analyze {table};")
    connection.close()
    merges.append(
        "create temporary table if not exists opportunities (like crm_staging.opportunities including defaults);"
    )
    settings = [
        "set work_mem = '256MB';",
        "set maintenance_work_mem = '512MB';",
        "begin;",
        "select crm.start_load('bench', 'psql');",
    ]
    merge, copy = folder / "merge.sql", folder / "copy.sql"
    merge.write_text(
        "\n".join([*settings, *copies, *merges, "select crm.finish_load(1, true, 'pg_temp');", "commit;\n"])
    )
    copy.write_text("\n".join([*copies, ""]))
    return merge, copy


def psql_build(folder: Path) -> Path:
    """The eight models, as they stand in their files, without Dagster: views laid down, tables emptied and filled."""
    script = folder / "build.sql"
    with script.open("w") as out:
        for model in FUNNEL_MODELS:
            file = dataset_files()[f"pipedrive.{model}"]
            if model.startswith("stg_"):
                print(f"create or replace view {file.table} as\n{file.select};", file=out)
            else:
                columns = ", ".join(file.columns)
                select = file.select.replace(":timezone", "'UTC'")
                print(f"begin;\ndelete from {file.table};", file=out)
                print(
                    f"insert into {file.table} ({columns}, known_as_of)\nselect {columns}, 1 from (\n{select}\n) as q;\ncommit;",
                    file=out,
                )
    return script


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.daily_metrics [--deals N ...] [--days N]`: a range of daily metrics at once, beside its days one by one.

Both through psql's own calls, on one connection, a transaction a call: metrics.backfill_date_range, and as many calls of
metrics.run_daily_metrics. Beside them the floor of any such read: the bare remote counts of the tables that are read. Both
ways must leave the same rows.
"""

import argparse
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from bench.days import END, clock
from bench.scale import apart
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases, embedded

TABLES = ("daily_lead_funnel", "lead_stage_snapshot", "rep_daily_activity", "rep_daily_pipeline")
READ = ("leads", "lead_history", "opportunities", "opportunity_history", "activities", "reps")


def main() -> None:
    """Measure and print, one company after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    for deals in options.deals:
        folder = Path(tempfile.mkdtemp(prefix="revops-metrics-"))
        os.environ.update(REVOPS_HOME=str(folder / "home"), REVOPS_ENV="dev", REVOPS_TIMEZONE="UTC")
        os.environ.pop("REVOPS_DATABASE_URL", None)
        get_settings.cache_clear()
        try:
            measure(get_settings(), folder, deals, options.days)
        finally:
            embedded.stop(folder / "home")
            shutil.rmtree(folder)


def measure(settings: Settings, folder: Path, deals: int, days: int) -> None:
    """Load one company, then compute its last days both ways."""
    from revops_assets.warehouse.upgrade import upgrade

    upgrade(settings)
    export = folder / "export"
    apart(f"generate {deals:,} deals", "scenario", "generate", "--out", export, "--deals", deals, "--end-date", END)
    apart("load", "load", export, "--mapping", "salesforce", "--tenant", "acme")
    first = END - timedelta(days=days - 1)
    connection = databases.open_connection(settings, databases.url_of(settings, "warehouse"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("analyze")
        counts = []
        for table in READ:
            cursor.execute(f"select count(*) from crm_remote.{table}")
            counts.append(f"{cursor.fetchall()[0][0]:,} {table.replace('_', ' ')}")
        print(", ".join(counts))
        floor = clock(lambda: [cursor.execute(f"select count(*) from crm_remote.{table}") for table in READ])

        def at_once() -> None:
            cursor.execute("select metrics.backfill_date_range(%s, %s)", (first, END))

        def one_by_one() -> None:
            for n in range(days):
                cursor.execute("select metrics.run_daily_metrics(%s)", (first + timedelta(days=n),))

        def rows() -> list[list[tuple[object, ...]]]:
            found: list[list[tuple[object, ...]]] = []
            for table in TABLES:
                cursor.execute(f"select * from metrics.{table} order by 1, 2, 3")
                found.append(cursor.fetchall())
            return found

        at_once()  # the first call of a session plans and connects
        together = clock(at_once)
        ours = rows()
        cursor.execute(f"truncate {', '.join(f'metrics.{table}' for table in TABLES)}")
        singly = clock(one_by_one)
        assert rows() == ours
        one = clock(lambda: cursor.execute("select metrics.run_daily_metrics(%s)", (END,)))
        stale = clock(lambda: cursor.execute("select metrics.request_stale_days()"))
    connection.close()
    print(
        f"{deals:,} deals, {days} days, {sum(len(found) for found in ours):,} rows:"
        f" at once {together:.2f} s, one by one {singly:.1f} s: {singly / together:.0f} x"
    )
    print(f"    one day {one:.2f} s; comparing all {days} stored days with what is known {stale:.2f} s")
    print(
        f"    bare remote counts of what is read {floor:.3f} s: the range takes {together / floor:.0f} x that",
        flush=True,
    )


if __name__ == "__main__":
    main()

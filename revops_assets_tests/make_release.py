"""`python -m revops_assets_tests.make_release COMMIT`: databases as a landed commit leaves them, small, for test_upgrade.

The commit's own code, from a work tree of its own, makes them on an embedded server of its own: `db upgrade`, a company
of 12 deals, its load, three days of everything. Their dumps go into revops_assets_tests/releases/COMMIT/. Run it with the
environment of the commit's requirements.lock, or a later one that the commit's code runs with.
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse import embedded

FOLDER = Path(__file__).parent / "releases"
DAYS = ("2024-03-29", "2024-03-31")
DATABASES = {"source": "revops_training", "warehouse": "revops_metrics_dev"}
# What takes the most room.
WITHOUT_ROWS = (
    "ops.calendar", "crm.*_lines", "semantic.column_metadata", "analytics.forecast_lines", "analytics.forecast_confidence",
    "analytics.forecast_backtest", "analytics.forecast_targets", "analytics.rep_performance", "analytics.rep_results",
    "analytics.stage_velocity", "dashboard.forecast_history", "dashboard.rep_activity_metrics", "dashboard.stage_velocity",
    "enriched.*_rules", "staging.rep_days", "staging.quota_days", "staging.rep_closings", "staging.stage_medians",
    "staging.thresholds", "ai.coaching_inputs",
)  # fmt: skip
# Lines that a client other than psql, or a server of an older release, does not understand.
LEFT_OUT = re.compile(
    rb"^(\\(un)?restrict .*|SET (transaction_timeout|statement_timeout|lock_timeout|idle_in_transaction_session_timeout)"
    rb" = .*|--.*|)\n",
    re.MULTILINE,
)
# What upgrades lay down anew; constraints say by theirs why a record is rejected.
COMMENTS = re.compile(rb"^COMMENT ON (?!CONSTRAINT)[A-Z]+ .*? IS '(?:[^']|'')*';\n", re.MULTILINE | re.DOTALL)
# Columns that the next release of PostgreSQL has more of, or an older one fewer.
COLUMNS = re.compile(rb"(pg_stat_get_activity\(pg_backend_pid\(\)\) a)\([^)]*\)")


def make(commit: str) -> None:
    """Build the commit's databases and write their dumps."""
    with tempfile.TemporaryDirectory(prefix="revops-release-") as made:
        tree, home = Path(made) / "tree", Path(made) / "home"
        git = ["git", "-C", str(PROJECT_ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            build(tree, home)
            target = FOLDER / commit
            target.mkdir(parents=True, exist_ok=True)
            for kind, database in DATABASES.items():
                path = target / f"{kind}.sql.xz"
                path.write_bytes(lzma.compress(dump(home, database), preset=9 | lzma.PRESET_EXTREME))
                print(f"{path.relative_to(PROJECT_ROOT)}: {path.stat().st_size / 1024:.0f} KB")
        finally:
            embedded.stop(home)
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def build(tree: Path, home: Path) -> None:
    """Run the commit's own commands."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("REVOPS_", "DAGSTER_"))}
    environment = given | {
        "PYTHONPATH": str(tree), "REVOPS_HOME": str(home), "REVOPS_SCENARIO": "off", "REVOPS_FIRST_DAY": DAYS[0],
    }  # fmt: skip
    for words in (
        ("db", "upgrade"),
        ("scenario", "generate", "--out", str(home / "company"), "--tenant", "a", "--deals", "12", "--end-date", DAYS[1]),
        ("load", str(home / "company"), "--tenant", "a"),
        ("materialize", "--select", "+group:ai", "--from", DAYS[0], "--to", DAYS[1]),
    ):  # fmt: skip
        command = [sys.executable, "-c", "from revops_assets.cli import main; main()", *words]
        done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}: {done.stderr}{done.stdout}")


def dump(home: Path, database: str) -> bytes:
    """A database as SQL that any client can send, to any release of PostgreSQL from 15 on."""
    without = [f"--exclude-table-data={name}" for name in WITHOUT_ROWS]
    command = [
        str(embedded.binary("pg_dump")), "--no-owner", "--no-privileges", "--rows-per-insert=1000",
        *without, "--host", str(embedded.socket_dir(home)), "--username=postgres", database,
    ]  # fmt: skip
    text = subprocess.run(command, check=True, capture_output=True).stdout
    return COLUMNS.sub(rb"\1", COMMENTS.sub(b"", LEFT_OUT.sub(b"", text)))


if __name__ == "__main__":
    for given in sys.argv[1:]:
        make(given)

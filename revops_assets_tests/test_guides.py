"""The README and the guides, followed literally on a copy of the checkout: `make e2e` runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from revops_assets.settings import PROJECT_ROOT
from revops_assets_tests.conftest import TEST_SERVER
from revops_assets_tests.test_docs import blocks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500), pytest.mark.usefixtures("settings")]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without an environment, below a folder that only its owner may enter, with a blank in its name."""
    private = tmp_path / "pri vate"
    private.mkdir(mode=0o700)
    subprocess.run(["git", "clone", "-q", PROJECT_ROOT, private / "revops-assets"], check=True)
    return private / "revops-assets"


def follow(clone: Path, command: str, **environment: str) -> str:
    """What a command of a guide prints, run as it stands there."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("REVOPS_") and name != "DAGSTER_HOME"
    }
    done = subprocess.run(command, shell=True, cwd=clone, capture_output=True, text=True, env=inherited | environment)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


def calls(page: Path) -> list[str]:
    """The commands of a page's console blocks, without comments and without what they print."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s{2,}#.*", "", line[2:]) for line in lines]


def test_from_the_clone_to_ones_own_dataset(clone: Path, tmp_path: Path) -> None:
    on = {"REVOPS_DATABASE_URL": TEST_SERVER, "REVOPS_DATABASE_PREFIX": "guide_"} if TEST_SERVER else {}
    try:
        assert "make demo" in calls(clone / "README.md")
        told = follow(clone, "make demo", **on)
        # As the README prints it, but for what is the generated company's of today: figures, days, who is pressing.
        printed = [line for block in blocks(clone / "README.md", "console") for line in block.splitlines()]
        summary = printed[next(n for n, line in enumerate(printed) if line.startswith("Summary ")) :]
        for line in summary[: next(n for n, line in enumerate(summary) if line.startswith("Took"))]:
            if line[0].isalpha():
                assert re.split(r"[\d$]", line)[0].rstrip() in told, line
        follow(
            clone, f".venv/bin/revops scenario generate --deals 150 --tenant mycompany --out '{tmp_path}/exports'", **on
        )
        for call in calls(clone / "docs" / "your_crm.md"):
            if re.search(r"^export|serve$|mcp|funnel|db upgrade", call):  # servers, Pipedrive's, another server's
                continue
            if "quickstart" in call:
                call += " --no-serve --days 3"
            call = call.replace("~/exports/salesforce", f"'{tmp_path}/exports'").replace(
                "--from 2026-09-01", "--from 2026-11-27"
            )
            follow(clone, call, REVOPS_SCENARIO="off", **on)
        extend = clone / "docs" / "extend.md"
        dataset, check = blocks(extend, "sql")
        [entry, test] = blocks(extend, "python")
        [line] = [line for line in entry.splitlines() if "daily(" in line]
        (clone / "sql/3_analytics/open_by_owner.sql").write_text(dataset)
        (clone / "sql/checks/analytics").mkdir(exist_ok=True)
        (clone / "sql/checks/analytics/open_by_owner__adds_up.sql").write_text(check)
        (clone / "revops_assets_tests/test_open_by_owner.py").write_text(f'"""Open deals by owner."""\n\n{test}')
        catalogue = clone / "revops_assets/catalogue/analytics.py"
        catalogue.write_text(catalogue.read_text().replace("DATASETS = [\n", f"DATASETS = [\n{line}\n"))
        for call in calls(extend):
            told = follow(clone, call, REVOPS_SCENARIO="off", **on)
        assert "All checks passed" in told  # of lint, the last of them
    finally:
        if not on:
            subprocess.run([clone / ".venv/bin/revops", "db", "stop"], check=False)
        shutil.rmtree(clone, ignore_errors=True)

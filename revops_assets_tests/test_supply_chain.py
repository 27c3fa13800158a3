"""What is installed is what is locked, and an audit that learned nothing does not pass for one that found nothing."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import audit
from revops_assets.settings import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text().splitlines()
# pip makes the environment; the project itself is no locked package.
NOT_LOCKED = {"pip", "revops-assets"}


def locked() -> dict[str, str]:
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in LOCK)}


def test_the_lock_pins_every_package_to_one_version() -> None:
    assert [line for line in LOCK if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    assert len(locked()) == len(LOCK)


def test_the_lock_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    wanted = [Requirement(text) for text in (*project["dependencies"], *extras) if not text.startswith(project["name"])]
    assert [str(one) for one in wanted if not one.specifier.contains(locked()[canonicalize_name(one.name)])] == []


def test_what_is_installed_is_what_is_locked() -> None:
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}
    assert {name: version for name, version in installed.items() if name not in NOT_LOCKED} == locked()


@pytest.mark.parametrize("path", ["Makefile", "Dockerfile"])
def test_whatever_installs_takes_the_lock(path: str) -> None:
    lines = [
        line for line in (PROJECT_ROOT / path).read_text().splitlines() if re.search(r"pip install|PIP_INSTALL\)", line)
    ]
    taking = [line for line in lines if "-r requirements.lock" in line]
    others = [line for line in lines if line not in taking and "--no-deps" not in line and ":=" not in line]
    assert taking and [line for line in others if "$(VENV)/lock" not in line] == []


BAD = {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.0"]}]}
GOOD = {"name": "attrs", "version": "26.1.0", "vulns": []}
SKIPPED = {"name": "jinja2", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("known", "ours", "status", "said"),
    [
        ([BAD], [GOOD], audit.CLEAN, "no known vulnerability in the packages of lock.txt"),
        ([BAD], [GOOD, BAD], audit.VULNERABLE, "jinja2 2.4.1: PYSEC-1, mended in 3.0"),
        ([SKIPPED], [GOOD], audit.NOT_AUDITED, "not audited: the registry has no advisories of jinja2"),
        ([GOOD], [GOOD], audit.NOT_AUDITED, "not audited: none are known of jinja2==2.4.1, which has some"),
        ([BAD], [GOOD, SKIPPED], audit.NOT_AUDITED, "not audited: the registry has no advisories of jinja2"),
        (None, [GOOD], audit.NOT_AUDITED, "not audited: pip-audit: no network"),
    ],
)
def test_what_an_audit_says(
    known: object,
    ours: object,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program in pip-audit's place answers for the registry."""
    answers = {
        name: json.dumps({"dependencies": what}) if what else "" for name, what in (("known", known), ("lock", ours))
    }
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\ncase $2 in */known.txt) echo '{answers['known']}';; *) echo '{answers['lock']}';; esac\necho no network >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(audit, "environment", lambda _: program)
    assert audit.main(tmp_path / "lock.txt") == status
    assert said in capsys.readouterr().out

"""`python -m bench.audit`: which locked packages have known vulnerabilities, by pip-audit in an environment of its own.

Exit status 0: none; 1: some, listed; 3: not audited, with the reason. pip-audit calls a package that it could learn
nothing of skipped and ends well, so that a registry without advisories looks like a clean bill. It is asked of a package
that has known vulnerabilities first: where it finds none there, it would find none anywhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from revops_assets.settings import PROJECT_ROOT

PIP_AUDIT = "pip-audit==2.10.1"
KNOWN_TO_BE_VULNERABLE = "jinja2==2.4.1"
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 3
SECONDS = 600


class NotAudited(Exception):
    """Why nothing can be said."""


def environment(folder: Path) -> Path:
    """pip-audit's program, installed where it is not."""
    program = folder / "bin" / "pip-audit"
    if not program.exists():
        venv.create(folder, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PIP_AUDIT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            raise NotAudited(f"{PIP_AUDIT} cannot be installed: {last_line(done.stderr)}")
    return program


def ask(program: Path, lock: Path) -> list[dict[str, Any]]:
    """What pip-audit says of each package of a lock file."""
    command = [str(program), "-r", str(lock), "--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise NotAudited(f"pip-audit: {last_line(done.stderr)}") from None
    return found


def last_line(text: str) -> str:
    """The end of what a program said."""
    return (text.strip().splitlines() or ["nothing"])[-1]


def vulnerabilities(packages: list[dict[str, Any]]) -> list[str]:
    """A line for each vulnerability; NotAudited where a package was skipped."""
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        raise NotAudited(f"the registry has no advisories of {', '.join(skipped[:3])} ({len(skipped)} packages)")
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package["vulns"]
    ]


def audit(program: Path, lock: Path) -> list[str]:
    """Known vulnerabilities of a lock file; NotAudited where there is nobody who knows any."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN_TO_BE_VULNERABLE}\n")
        if not vulnerabilities(ask(program, known)):
            raise NotAudited(f"none are known of {KNOWN_TO_BE_VULNERABLE}, which has some")
    return vulnerabilities(ask(program, lock))


def main(lock: Path = PROJECT_ROOT / "requirements.lock") -> int:
    """Print what was found; the exit status."""
    try:
        found = audit(environment(Path(sys.prefix) / "audit"), lock)
    except (NotAudited, subprocess.TimeoutExpired) as error:
        print(f"not audited: {error}")
        return NOT_AUDITED
    print("\n".join(found) or f"no known vulnerability in the packages of {lock.name}")
    return VULNERABLE if found else CLEAN


if __name__ == "__main__":
    sys.exit(main())

"""The rooms of the package, from the ground up: a module imports from its own room and from those below, never back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from revops_assets.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "revops_assets"
FLOORS = (
    ("settings", "errors"),
    ("untrusted",),
    ("warehouse",),
    ("datasets", "loading", "scenario"),
    ("contracts",),
    ("catalogue",),
    ("invalidation", "insights", "learning", "registry"),
    ("building",),
    ("reports", "diagnostics"),
    ("serving",),
    ("assets",),
    ("orchestration",),
    ("definitions",),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# Runs started by hand execute the definitions, which the rooms below put together: imported when that happens.
LATE = {("orchestration/runs.py", "definitions")}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts and path.parent != PACKAGE)


def imports(path: Path) -> Iterator[str]:
    """The rooms, or top-level modules, that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("revops_assets."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "revops_assets":
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_goes_back(path: Path) -> None:
    own, name = path.relative_to(PACKAGE).parts[0], str(path.relative_to(PACKAGE))
    above = {room for room in imports(path) if FLOOR[room] > FLOOR[own] and (name, room) not in LATE}
    assert above == set()


def test_every_room_has_its_floor() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert rooms | modules == FLOOR.keys()


def test_dagster_is_imported_by_its_public_names() -> None:
    private = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "dagster._" in path.read_text(encoding="utf-8") or "dagster_postgres." in path.read_text(encoding="utf-8")
    ]
    assert private == []

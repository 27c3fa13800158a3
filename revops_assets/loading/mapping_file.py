"""Mappings as YAML files: read, and every mistake named with its line before anything is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from revops_assets.errors import RevopsError, in_words, quoted
from revops_assets.loading import fields
from revops_assets.loading.mapping import ColumnSpec, Mapping, TableSpec
from revops_assets.loading.targets import HISTORIES, LOADERS_OWN, Target, key_of, targets
from revops_assets.untrusted.regular_files import is_file, read_regular, real, shown
from revops_assets.untrusted.yaml_text import LARGEST, Bounded, YamlFault, read_yaml

SHIPPED = Path(__file__).parent / "mappings"
MISTAKES_NAMED = 10
# Which types of field each type of column takes, and how a value that the mapping itself gives is checked.
FITTING: dict[str, set[str]] = {
    "numeric(14,2)": {"money"},
    "numeric": {"money", "number", "integer"},
    "bigint": {"integer"},
    "boolean": {"boolean"},
    "date": {"date", "timestamp", "epoch_s", "epoch_ms"},
    "timestamp with time zone": {"timestamp", "date", "epoch_s", "epoch_ms"},
}
CHECKED_AS = {
    "numeric(14,2)": "money", "numeric": "number", "bigint": "integer", "boolean": "boolean", "date": "date",
    "timestamp with time zone": "timestamp",
}  # fmt: skip

Place = tuple[str | int, ...]
Mistake = tuple[Place, str]


class _Texts(Bounded):
    """YAML whose scalars are texts, but for null: 'Yes', 'No' and 0061 mean themselves."""

    with_aliases = True


_Texts.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in ("null", "merge")]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def shipped() -> list[str]:
    """Names of the mappings that come with the project."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_mapping(name_or_path: str, folder: Path | None = None) -> Mapping:
    """A shipped mapping by name, or a file (below `folder`, if it is there); RevopsError names every mistake in it."""
    choices = [SHIPPED / f"{name_or_path}.yaml", *([folder / name_or_path] if folder else []), Path(name_or_path)]
    path = next(filter(is_file, choices), None)
    if path is None:
        raise RevopsError(f"no mapping {quoted(name_or_path)}: neither a file nor one of {', '.join(shipped())}")
    return _read(path)


def installed_mapping(name: str, folder: Path | None) -> Mapping:
    """A mapping that a manifest names: a shipped one, or one of the installation's own, in `folder`."""
    own = sorted(path.stem for path in folder.glob("*.yaml")) if folder else []
    if name in shipped():
        return _read(SHIPPED / f"{name}.yaml")
    if folder and name in own:
        return _read(folder / f"{name}.yaml")
    raise RevopsError(
        f"no mapping {quoted(name)} is installed: there are {', '.join(sorted({*shipped(), *own}))}; a manifest names"
        " none of its own folder (REVOPS_MAPPINGS_DIR is where others lie)"
    )


def _read(path: Path) -> Mapping:
    return _parsed(path, read_regular(real(path), LARGEST))


@lru_cache(maxsize=64)
def _parsed(path: Path, content: bytes) -> Mapping:
    try:
        node, document = read_yaml(content, _Texts)
    except YamlFault as fault:
        raise RevopsError(f"{shown(path)}{f' line {fault.line}' if fault.line else ''}: {fault}") from None
    if node is None or not isinstance(document, dict):
        raise RevopsError(f"{path}: a mapping is a YAML object with name, files and tables")
    lines = dict(_lines(node, ()))
    mistakes = [*_repeated(node, ())]
    if not mistakes:
        try:
            mapping = Mapping(**{**document, "sha256": hashlib.sha256(content).hexdigest()})
            mistakes = list(_misfits(mapping))
        except ValidationError as error:
            mistakes = [(tuple(found["loc"]), in_words(found["msg"])) for found in error.errors()]
    if mistakes:
        raise RevopsError(_told(path, mistakes, lines, document))
    return mapping


def _told(path: Path, mistakes: list[Mistake], lines: dict[Place, int], document: dict[str, Any]) -> str:
    tables = document.get("tables")
    listed = {name for name, spec in tables.items() if isinstance(spec, list)} if isinstance(tables, dict) else set()
    told = []
    for place, message in mistakes[:MISTAKES_NAMED]:
        known = place
        while known not in lines:
            known = known[:-1]
        is_single = len(place) > 2 and place[0] == "tables" and place[2] == 0 and place[1] not in listed
        name = ".".join(map(str, [*place[:2], *place[3:]] if is_single else place))
        told.append(f"line {lines[known]}: {name + ': ' if name else ''}{message}")
    more = f"; and {len(mistakes) - len(told)} more" if len(mistakes) > len(told) else ""
    return f"{path} {'; '.join(told)}{more}"


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    """The line on which each part of the document begins."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1
            if place == ("tables",) and isinstance(value, yaml.MappingNode):  # one where there may be several
                yield from _lines(value, (*inner, 0))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*place, number))


def _repeated(node: yaml.Node, place: Place) -> Iterator[Mistake]:
    """Keys that stand twice: the first would be lost without a word."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            inner = (*place, key.value)
            if key.value in seen:
                yield inner, f"stands twice (first in line {seen[key.value]})"
            seen[key.value] = key.start_mark.line + 1
            yield from _repeated(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated(value, (*place, number))


# ---------------------------------------------------------------------------------------------- what must fit together


def _misfits(mapping: Mapping) -> Iterator[Mistake]:
    for key, file in mapping.files.items():
        for name, spec in file.fields.items():
            if mapping.is_raw(key) and (spec.format or spec.type in ("epoch_s", "epoch_ms", "sfid")):
                yield (
                    ("files", key, "fields", name),
                    "a file that is kept as exported takes neither formats nor this type",
                )
            if "*" in name and spec.type not in ("timestamp", "date", "epoch_s", "epoch_ms"):
                yield ("files", key, "fields", name), "a name with * stands for columns with the times of changes"
    for table, specs in mapping.tables.items():
        for number, fed in enumerate(specs):
            place: Place = ("tables", table, number)
            if table not in targets():
                yield place, f"there is no table crm.{table}; there are {', '.join(sorted(targets()))}"
            else:
                yield from _table_misfits(mapping, table, fed, place)


def _table_misfits(mapping: Mapping, table: str, spec: TableSpec, place: Place) -> Iterator[Mistake]:
    known = {name: target for name, target in targets()[table].items() if (table, name) not in LOADERS_OWN}
    if spec.source and spec.source not in mapping.files:
        yield (*place, "from"), f"there is no file {spec.source!r} under files"
        return
    for where, name in spec.reads:
        if spec.source and name not in mapping.files[spec.source].fields:
            yield (*place, *where.split(".")), f"file {spec.source} has no field {name!r}"
    if spec.columns and key_of(table) not in spec.columns:
        yield (*place, "columns"), f"{key_of(table)} is missing: it tells the records apart"
    if spec.changes and table not in HISTORIES:
        yield (*place, "changes"), f"changes go into {' and '.join(HISTORIES)}"
    elif spec.changes:
        tracked = {*targets()[HISTORIES[table]], "status"}
        for number, change in enumerate(spec.changes):
            if change.field not in tracked:
                yield (*place, "changes", number, "field"), f"{HISTORIES[table]} has no column {change.field}"
    for at, row in enumerate(spec.rows):
        for column, value in row.items():
            if column not in known:
                yield (*place, "rows", at, column), _no_column(table, known)
            elif not _may_be(value, known[column]):
                yield (*place, "rows", at, column), _not_a(value, known[column])
    for column, origin in spec.columns.items():
        if column not in known:
            yield (*place, "columns", column), _no_column(table, known)
        else:
            yield from _column_misfits(mapping, spec, origin, known[column], (*place, "columns", column))


def _column_misfits(
    mapping: Mapping, spec: TableSpec, origin: ColumnSpec, target: Target, place: Place
) -> Iterator[Mistake]:
    for inner in origin.first:
        yield from _column_misfits(mapping, spec, inner, target, place)
    for file, name in origin.looks_into:
        if file not in mapping.files:
            yield (*place, "file"), f"there is no file {file!r} under files"
        elif name not in mapping.files[file].fields:
            yield place, f"file {file} has no field {name!r}"
    given = {"constant": origin.constant, "default": origin.default, "else": origin.otherwise}
    given |= {f"values.{name}": value for name, value in origin.values.items()}
    for where, value in given.items():
        if value is not None and not _may_be(value, target):
            yield (*place, *where.split(".", 1)), _not_a(value, target)
    for name, is_given in (("times", origin.times is not None), ("inverse", origin.inverse)):
        if is_given and not target.type.startswith("numeric"):
            yield (*place, name), f"the column is {target.type}"
    if (origin.join or origin.line) and target.type not in ("text", "numeric", "bigint"):
        yield place, f"the column is {target.type}"
    own = mapping.files.get(origin.file or str(spec.source))
    if not own or (origin.values and origin.has_else) or target.type not in FITTING:
        return
    for name in origin.field:
        kind = own.fields[name].type if name in own.fields else None
        if kind and kind not in FITTING[target.type]:
            fitting = " or ".join(sorted(FITTING[target.type]))
            yield place, f"the column is {target.type}, so the field {name} must be {fitting}, not {kind}"


def _no_column(table: str, known: dict[str, Target]) -> str:
    return f"crm.{table} has no such column; it has {', '.join(known)}"


def _may_be(value: str, target: Target) -> bool:
    if target.allowed:
        return value in target.allowed
    return target.type not in CHECKED_AS or fields.accepts(CHECKED_AS[target.type], value)


def _not_a(value: str, target: Target) -> str:
    wanted = " or ".join(target.allowed) if target.allowed else f"a {CHECKED_AS[target.type]}"
    return f"{quoted(value)} is not {wanted}"

"""Definitions in YAML: a tree of files category/metric.yml, read and written.

`table` stands for table_name and `sql_by_X` for the variant by_X. The index metrics.yml is written and not read. A file
that is an Apache Ossie document is read as such.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from revops_assets.errors import RevopsError
from revops_assets.registry.definition import Metric, metric_of, once
from revops_assets.registry.ossie import from_ossie, is_ossie
from revops_assets.untrusted.regular_files import read_regular, real
from revops_assets.untrusted.yaml_text import LARGEST, Bounded, YamlFault, read_yaml

INDEX = "metrics.yml"
VERSION = "2.0"


@dataclass(frozen=True)
class Document:
    """A file as it was read. Its own format was reviewed where it is kept, another program's was not."""

    path: Path
    body: bytes
    metrics: tuple[Metric, ...]
    is_reviewed: bool = True

    @property
    def sha256(self) -> str:
        """Hash of its bytes."""
        return hashlib.sha256(self.body).hexdigest()


class Failure(NamedTuple):
    """A file that could not be read."""

    file: Path
    line: int | None
    reason: str

    def __str__(self) -> str:
        """On one line."""
        return f"{self.file}{f' line {self.line}' if self.line else ''}: {self.reason}"


@dataclass
class Folder:
    """What a file or a tree of files holds, and what could not be read of it."""

    documents: list[Document] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics of all documents."""
        return [metric for document in self.documents for metric in document.metrics]


class _Loader(Bounded):
    """Keys that stand twice are errors."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=node.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read(path: Path) -> Folder:
    """Read a file, or every .yml and .yaml file below a folder; a broken one is named, the others are read."""
    if not path.exists():
        raise RevopsError(f"{path}: there is no such file or folder")
    files = (
        [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.suffix in (".yml", ".yaml"))
    )
    folder = Folder()
    seen: dict[str, Path] = {}
    for file in files:
        if file.name == INDEX and file is not path:
            continue
        try:
            document = _document(file)
            for metric in document.metrics:
                if (other := seen.setdefault(metric.id, file)) is not file:
                    raise RevopsError(f"{metric.id} stands in {other}, too")
        except YamlFault as fault:
            folder.failures.append(Failure(file, fault.line, str(fault)))
        except (RevopsError, OSError) as error:
            folder.failures.append(Failure(file, None, str(error).removeprefix(f"{file} ")))
        else:
            folder.documents.append(document)
    return folder


def _document(file: Path) -> Document:
    body = read_regular(real(file), LARGEST)
    node, given = read_yaml(body, _Loader)
    if node is None or given in (None, []):
        raise RevopsError("holds no metric")
    if is_ossie(given):
        try:
            return Document(file, body, tuple(from_ossie(given)), is_reviewed=False)
        except (RecursionError, ValueError, TypeError, KeyError, AttributeError):
            raise RevopsError("an Ossie document of another form than is read here") from None
    items, nodes = (given, node.value) if isinstance(given, list) else ([given], [node])
    metrics = []
    for item, part in zip(items, nodes, strict=True):
        try:
            metrics.append(metric_of(_from_file(item, file.parent.name)))
        except RevopsError as error:
            raise YamlFault(part.start_mark.line + 1, str(error)) from None
    return Document(file, body, tuple(once(metrics)))


def _from_file(item: Any, folder: str) -> Any:
    if not isinstance(item, dict):
        return item
    given: dict[Any, Any] = {"category": folder} if "id" not in item else {}
    listed = item.get("sql_variants")
    variants: dict[str, Any] = dict(listed) if isinstance(listed, dict) else {}
    for key, value in item.items():
        if key == "table" and "table_name" not in item:
            given["table_name"] = value
        elif isinstance(key, str) and key.startswith("sql_by_") and key.removeprefix("sql_") not in variants:
            variants[key.removeprefix("sql_")] = value
        elif key != "sql_variants" or not isinstance(value, dict):
            given[key] = value
    return given | ({"sql_variants": variants} if variants else {})


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def to_yaml(metric: Metric) -> str:
    """A definition as its file."""
    data = metric.model_dump(exclude_none=True)
    written: dict[str, Any] = {}
    for key, value in data.items():
        if key == "sql_variants":
            written |= {f"sql_{name}": text for name, text in value.items()}
        elif value != [] and value != {}:
            written["table" if key == "table_name" else key] = value
    return yaml.dump(written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write(folder: Path, metrics: Iterable[Metric]) -> list[Path]:
    """Write category/name.yml for each metric, and the index; returns the files."""
    written: list[Path] = []
    index: dict[str, list[str]] = {}
    for metric in sorted(metrics, key=lambda metric: metric.id):
        path = folder / metric.category / f"{metric.name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_yaml(metric), encoding="utf-8")
        index.setdefault(metric.category, []).append(metric.name)
        written.append(path)
    categories = [{"name": name, "folder": name, "metrics": names} for name, names in sorted(index.items())]
    head = {"version": VERSION, "description": "Business metrics, a file each.", "categories": categories}
    (folder / INDEX).write_text(yaml.dump(head, Dumper=_Dumper, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return [*written, folder / INDEX]

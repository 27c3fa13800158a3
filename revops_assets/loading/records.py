"""Export files as a stream of checked records. A record that cannot be used becomes a reject; the stream goes on.

Lines count from 1, a CSV's header included, as editors show them.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from revops_assets.errors import RevopsError, quoted
from revops_assets.loading.csv_rows import csv_rows
from revops_assets.loading.expressions import skipper
from revops_assets.loading.fields import Convert, converter
from revops_assets.loading.json_records import Answer, as_text, exploded, inner, json_records
from revops_assets.loading.lines import BLOCK_BYTES, Reject, Unpacked, opened
from revops_assets.loading.mapping import FieldSpec, FileSpec
from revops_assets.loading.names import find_name, plain
from revops_assets.untrusted.regular_files import inside, open_regular, shown

WRONG_BOMS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", codecs.BOM_UTF32_BE: "UTF-32"}
NOWHERE = "\0"  # no name of a member: an object with such a one is refused
# What types are called in front of people.
WORDS = {"money": "amount", "sfid": "id", "epoch_s": "time in seconds", "epoch_ms": "time in milliseconds"}
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
# The whole of a CSV that Salesforce's Bulk API writes where nothing was found.
NOTHING_FOUND = "Records not found for this query"


@dataclass
class Survey:
    """One file of an export: what a first look says, before anything is written (where it really lies, its name below
    the export's folder, its hash, its lines, a CSV's header), and what reading it showed: which fields were there, what
    answers said."""

    path: Path
    name: str
    sha256: str
    lines: int
    header: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()  # the header as it is written
    seen: set[str] = field(default_factory=set)
    answer: Answer = field(default_factory=Answer)

    @property
    def is_json(self) -> bool:
        """Whether records are JSON objects."""
        return is_json(self.name)


def is_json(name: str) -> bool:
    """Whether a file holds JSON objects, by its name."""
    return PurePath(name.removesuffix(".gz")).suffix.lower() in JSON_SUFFIXES


def survey(path: Path, file: FileSpec, folder: Path | None = None) -> Survey:
    """Hash a file and read its header; refuse what cannot be this file at all, and what does not lie in `folder`."""
    name = shown(path.relative_to(folder or path.parent))
    path = inside(folder or path.parent, path)
    digest, newlines, last = hashlib.sha256(), 0, b"\n"
    with open_regular(path) as handle:
        while block := handle.read(BLOCK_BYTES):
            digest.update(block)
            newlines += block.count(b"\n")
            last = block[-1:]
    with opened(path) as handle:
        start = handle.read(BLOCK_BYTES)
        for bom, encoding in WRONG_BOMS.items():
            if start.startswith(bom):
                raise RevopsError(f"{name}: the file is {encoding}; convert it to {file.encoding.upper()}")
        while isinstance(handle, Unpacked) and handle.read(BLOCK_BYTES):
            pass  # whether it can be unpacked, and to how much, is known before its records are looked at
    if start.lstrip()[:9].lower().startswith((b"<?xml", b"<html", b"<!doctype")):
        raise RevopsError(f"{name}: XML or HTML, as a server answers in place of an export; export it again")
    found = Survey(path, name, digest.hexdigest(), newlines + (last != b"\n"))
    if not found.is_json and start.strip().strip(b'"') != NOTHING_FOUND.encode():
        found.titles = _titles(found, file)
        found.header = _header(found, file)
    return found


def _delimiter(found: Survey, file: FileSpec) -> str:
    return "\t" if found.name.removesuffix(".gz").lower().endswith(".tsv") else file.delimiter


def _titles(found: Survey, file: FileSpec) -> tuple[str, ...]:
    _, first = next(csv_rows(found.path, file.encoding, _delimiter(found, file)), (1, None))
    if first is None:
        raise RevopsError(f"{found.name}: the file is empty, not even a header line")
    if isinstance(first, Reject):
        raise RevopsError(f"{found.name} line 1: the header cannot be read: {first.reason}")
    return tuple(name.strip() for name in first)


def _header(found: Survey, file: FileSpec) -> tuple[str, ...]:
    header = tuple(name.lower() for name in found.titles)
    if len(set(header)) < len(header):
        raise RevopsError(f"{found.name}: two columns of its header have the same name: {', '.join(header)}")
    present = _by_plain_name(header)
    missing = [
        name
        for name, spec in file.fields.items()
        if not _columns(name, spec, header, present)
        and (spec.required or not (spec.optional or file.optional_columns or "*" in name))
    ]
    if missing:
        raise RevopsError(f"{found.name}: no column {', '.join(missing)}; its header has {', '.join(header)}")
    return header


def _by_plain_name(names: tuple[str, ...]) -> dict[str, list[str]]:
    present: dict[str, list[str]] = {}
    for name in names:
        present.setdefault(plain(name), []).append(name)
    return present


def _columns(name: str, spec: FieldSpec, header: tuple[str, ...], present: dict[str, list[str]]) -> list[int]:
    """Where in a CSV's header a field stands: each of its paths that is there; all columns that a * stands for."""
    if "*" in name:
        return [at for at, column in enumerate(header) if any(part_of(column, path) for path in spec.path or [name])]
    found = [find_name(path, present) for path in spec.path or [name]]
    return [header.index(column) for column in found if column is not None]


def part_of(name: str, pattern: str) -> str | None:
    """What stands in a name in place of the pattern's *; None where it does not fit."""
    before, _, after = pattern.casefold().partition("*")
    folded = name.casefold()
    if len(name) > len(before) + len(after) and folded.startswith(before) and folded.endswith(after):
        return name[len(before) : len(name) - len(after)]
    return None


Values = tuple[int, list[str], str]


def records(found: Survey, file: FileSpec, keep_whole: bool = False, is_raw: bool = False) -> Iterator[Values | Reject]:
    """Yield (line, values in the mapping's order, JSON) or a Reject, for each record. The JSON is the record as
    it came (always for JSON files; for CSV with `keep_whole`), or its fields that the mapping does not know, or ''.
    Values are in the form that they are kept in; with `is_raw` as they stand in the file."""
    checks = [
        (at, name, spec.required, None if "*" in name else converter(spec.type, spec.format))
        for at, (name, spec) in enumerate(file.fields.items())
        if spec.type != "text" or spec.required
    ]
    wild = [
        (at, name, converter(spec.type, spec.format))
        for at, (name, spec) in enumerate(file.fields.items())
        if "*" in name
    ]
    skips = skipper(file)
    for record in _json_values(found, file) if found.is_json else _csv_values(found, file, keep_whole):
        if isinstance(record, Reject):
            yield record
            continue
        line_no, row, whole = record
        kept, reason = row, ""
        for at, name, is_required, convert in checks:
            value = row[at]
            if not value:
                if is_required:
                    reason = f"{name} is empty"
                    break
            elif convert and (said := convert(value)) is not value:
                spec = file.fields[name]
                if said is None or (is_raw and spec.type == "integer" and said != value):
                    reason = f"{name}: {quoted(value)} is not a valid {WORDS.get(spec.type, spec.type)}{_formats(spec)}"
                    break
                if not is_raw:
                    kept = kept if kept is not row else row.copy()
                    kept[at] = said
        for at, name, convert_part in wild:
            kept = kept if kept is not row else row.copy()
            reason = reason or _convert_parts(kept, at, name, convert_part)
        if skips and skips(row):
            continue
        yield Reject(line_no, reason, whole if found.is_json else _as_csv(row)) if reason else (line_no, kept, whole)


def _convert_parts(kept: list[str], at: int, name: str, convert: Convert) -> str:
    """Bring the values that a * stands for into their form; what is wrong with one of them."""
    parts = json.loads(kept[at]) if kept[at] else {}
    for part, value in parts.items():
        said = convert(value)
        if said is None:
            return f"{name.replace('*', part)}: {quoted(value)} is not a valid time"
        parts[part] = said
    kept[at] = json.dumps(parts, ensure_ascii=False) if parts else ""
    return ""


def _formats(spec: FieldSpec) -> str:
    return f" as {' or '.join(spec.format)}" if spec.format else ""


def _json_values(found: Survey, file: FileSpec) -> Iterator[Values | Reject]:
    ids = [spec.path or [name] for name, spec in file.fields.items() if spec.required]
    found.answer.ids = frozenset(plain(path) for paths in ids for path in paths)
    found.answer.holders |= {Path(found.name).name.partition(".")[0]}  # {"deals": [...]} in deals.json
    found.answer.path = tuple(file.records.split(".")) if file.records else ()
    picks = [_Pick(name, spec, found.seen) for name, spec in file.fields.items()]
    explode = file.explode.split(".") if file.explode else None
    names: dict[str, list[str]] = {}
    keys: set[str] = set()
    # Where each field stands in the objects so far: most under one name, the others are looked for.
    own_names = [pick.look(names) for pick in picks]
    looked_for: list[tuple[int, _Pick]] = []
    for record in json_records(found.path, found.answer):
        if isinstance(record, Reject):
            yield record
            continue
        if not record[1].keys() <= keys:
            for key in record[1].keys() - keys:
                names.setdefault(plain(key), []).append(key)
            keys |= record[1].keys()
            names = {each: sorted(present) for each, present in names.items()}
            own_names = [pick.look(names) for pick in picks]
            looked_for = [(at, pick) for at, pick in enumerate(picks) if own_names[at] == NOWHERE and pick.may_be_there]
        for line_no, value, text in exploded(record, explode) if explode else [record]:
            get = value.get
            row = [
                "" if (entry := get(name)) is None else entry if type(entry) is str else as_text(entry)
                for name in own_names
            ]
            for at, pick in looked_for:
                row[at] = pick(value)
            yield line_no, row, text


class _Pick:
    """Takes one field out of JSON objects, by its name or path however it is spelled."""

    def __init__(self, name: str, spec: FieldSpec, seen: set[str]) -> None:
        self.name, self.seen, self.is_wild = name, seen, "*" in name
        self.paths = [path.split(".") for path in spec.path or [name]]
        self.names: list[str | None] = []

    def look(self, present: dict[str, list[str]]) -> str:
        """Find the field's names among those present; the name, if it is the only place where the field may stand."""
        self.names = [] if self.is_wild else [find_name(".".join(path), present) for path in self.paths]
        if len(self.names) == 1 and self.names[0] is not None:
            self.seen.add(self.name)
            return self.names[0]
        return NOWHERE

    @property
    def may_be_there(self) -> bool:
        """Whether any object can have it: under one of several names, or within."""
        return self.is_wild or len(self.paths) > 1 or len(self.paths[0]) > 1 or self.paths[0][0] in ("item", "key")

    def __call__(self, value: dict[str, Any]) -> str:
        if self.is_wild:
            return self._parts(value)
        for name, path in zip(self.names, self.paths, strict=True):
            if name is not None and name in value:
                found = value[name]
                self.seen.add(self.name)
            else:
                found = inner(value, path)
            if found is None or found == "" or (isinstance(found, dict) and path is not self.paths[-1]):
                continue
            self.seen.add(self.name)
            return as_text(found)
        return ""

    def _parts(self, value: dict[str, Any]) -> str:
        found: dict[str, str] = {}
        for path in self.paths:
            place = inner(value, path[:-1])
            for key, entry in place.items() if isinstance(place, dict) else ():
                part = part_of(key, path[-1])
                if part and entry not in (None, ""):
                    found[part] = as_text(entry)
        if found:
            self.seen.add(self.name)
        return json.dumps(found, ensure_ascii=False) if found else ""


def _csv_values(found: Survey, file: FileSpec, keep_whole: bool) -> Iterator[Values | Reject]:
    header = found.header
    if not header:  # nothing was found
        return
    width = len(header)
    present = _by_plain_name(header)
    places = {name: _columns(name, spec, header, present) for name, spec in file.fields.items()}
    found.seen.update(name for name, columns in places.items() if columns)
    picks = [_csv_picker(name, places[name], found.titles, file.fields[name]) for name in file.fields]
    order = [columns[0] if len(columns) == 1 and "*" not in name else -1 for name, columns in places.items()]
    is_identity = order == list(range(width))
    is_plain = -1 not in order
    taken = {at for columns in places.values() for at in columns}
    kept = [(at, name) for at, name in enumerate(header) if keep_whole or at not in taken]
    rows = csv_rows(found.path, file.encoding, _delimiter(found, file))
    next(rows)  # the header
    for line_no, row in rows:
        if isinstance(row, Reject):
            yield row
        elif len(row) != width:
            yield Reject(line_no, f"{len(row)} fields where the header has {width}", _as_csv(row))
        else:
            extra = json.dumps({name: row[at] for at, name in kept}, ensure_ascii=False) if kept else ""
            if is_identity:
                yield line_no, row, extra
            else:
                yield line_no, [row[at] for at in order] if is_plain else [pick(row) for pick in picks], extra


def _csv_picker(name: str, columns: list[int], titles: tuple[str, ...], spec: FieldSpec) -> Callable[[list[str]], str]:
    """Takes one field out of a CSV's rows: the first of its columns that is filled."""
    if "*" not in name:
        return lambda row: next((row[at] for at in columns if row[at]), "")
    parts = [
        (at, next(filter(None, (part_of(titles[at], path) for path in spec.path or [name])), "")) for at in columns
    ]

    def pick(row: list[str]) -> str:
        found = {part: row[at] for at, part in parts if row[at].strip()}
        return json.dumps(found, ensure_ascii=False) if found else ""

    return pick


def _as_csv(row: list[str]) -> str:
    return ",".join('"' + v.replace('"', '""') + '"' if re.search('[,"\n]', v) else v for v in row)

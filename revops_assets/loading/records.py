"""Export files as a stream of checked records. A record that cannot be used becomes a reject; the stream goes on.

Lines count from 1, a CSV's header included, as editors show them.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from revops_assets.errors import RevopsError
from revops_assets.loading.csv_rows import csv_rows
from revops_assets.loading.json_records import json_records, value_at
from revops_assets.loading.lines import BLOCK_BYTES, Reject
from revops_assets.loading.mapping import FieldSpec, FieldType, FileSpec

LONGEST_ID = 512  # an index entry of PostgreSQL holds no more than some 2,700 bytes
WRONG_BOMS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", codecs.BOM_UTF32_BE: "UTF-32"}


@dataclass(frozen=True)
class Survey:
    """What a first look at a file says, before anything is written: its hash, its lines, a CSV's header."""

    path: Path
    sha256: str
    lines: int
    header: tuple[str, ...]


# ---------------------------------------------------------------------------------------------- types of fields

TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)(?:(?<=:\d\d:\d\d)\.\d{1,9})?(?:Z|[+-](\d\d)(?::?[0-5]\d)?)?",
    re.ASCII,
)
# What nearly every time stamp looks like, valid in every month: no calendar needed.
USUAL_TIMESTAMP = re.compile(
    r"(?!0000|0001|9999)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z?",
    re.ASCII,
)
NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
BOOLEANS = {"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0"}


def _timestamp(value: str) -> bool:
    if USUAL_TIMESTAMP.fullmatch(value):
        return True
    match = TIMESTAMP.fullmatch(value)
    if not match or int(match[2] or 0) > 14 or (len(match[1]) == 10 < len(value)):
        return False
    try:
        return 1 < datetime.fromisoformat(match[1]).year < 9999  # the zone must not carry it out of the calendar
    except ValueError:
        return False


def _date(value: str) -> bool:
    try:
        return DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


# Each check accepts only what PostgreSQL then reads in the same meaning, so that no cast of a load can fail.
CHECKS: dict[FieldType, Callable[[str], bool]] = {
    "id": lambda value: len(value) <= LONGEST_ID,
    "integer": lambda value: INTEGER.fullmatch(value) is not None,
    "number": lambda value: NUMBER.fullmatch(value) is not None,
    "money": lambda value: NUMBER.fullmatch(value) is not None and abs(float(value)) < 1e11,
    "boolean": lambda value: value.lower() in BOOLEANS,
    "timestamp": _timestamp,
    "date": _date,
}

# ---------------------------------------------------------------------------------------------- reading


def survey(path: Path, file: FileSpec) -> Survey:
    """Hash a file and read its header; refuse what cannot be this file at all."""
    digest, newlines, last = hashlib.sha256(), 0, b"\n"
    with path.open("rb") as handle:
        start = handle.read(4)
        for bom, name in WRONG_BOMS.items():
            if start.startswith(bom):
                raise RevopsError(f"{path.name}: the file is {name}; convert it to {file.encoding.upper()}")
        handle.seek(0)
        while block := handle.read(BLOCK_BYTES):
            digest.update(block)
            newlines += block.count(b"\n")
            last = block[-1:]
    lines = newlines + (last != b"\n")
    return Survey(path, digest.hexdigest(), lines, () if file.is_json else _header(path, file))


def _header(path: Path, file: FileSpec) -> tuple[str, ...]:
    _, first = next(csv_rows(path, file), (1, None))
    if first is None:
        raise RevopsError(f"{path.name}: the file is empty, not even a header line")
    if isinstance(first, Reject):
        raise RevopsError(f"{path.name} line 1: the header cannot be read: {first.reason}")
    header = tuple(name.strip().lower() for name in first)
    if missing := [name for name in file.fields if name.lower() not in header]:
        raise RevopsError(f"{path.name}: no column {', '.join(missing)}; its header has {', '.join(header)}")
    if len(set(header)) < len(header):
        raise RevopsError(f"{path.name}: two columns of its header have the same name: {', '.join(header)}")
    return header


Values = tuple[int, list[str], str]


def records(found: Survey, file: FileSpec, keep_whole: bool = False) -> Iterator[Values | Reject]:
    """Yield (line, values in the mapping's order, JSON) or a Reject, for each record. The JSON is the record as
    it came (always for JSON files; for CSV with `keep_whole`), or its fields that the mapping does not know, or ''."""
    names = list(file.fields)
    specs = list(file.fields.values())
    ids = [at for at, spec in enumerate(specs) if spec.type == "id"]
    checks = [
        (at, name, spec, CHECKS.get(spec.type))
        for at, (name, spec) in enumerate(file.fields.items())
        if spec.type != "text" or spec.required
    ]
    others = [check for check in checks if check[2].type != "id"]
    skip = [[(names.index(name), value) for name, value in condition.items()] for condition in file.skip]
    for record in _json_values(found, file) if file.is_json else _csv_values(found, file, keep_whole):
        if isinstance(record, Reject):
            yield record
            continue
        line_no, row, whole = record
        if skip and any(all(row[at] == value for at, value in condition) for condition in skip):
            continue
        reason = ""
        for at in ids:
            if not 0 < len(row[at]) <= LONGEST_ID:
                reason = _fault(row, checks)
                break
        for at, _, spec, check in others:
            value = row[at]
            if (value and check and not check(value)) or (not value and spec.required):
                reason = _fault(row, checks)
                break
        yield Reject(line_no, reason, whole if file.is_json else _as_csv(row)) if reason else record


def _json_values(found: Survey, file: FileSpec) -> Iterator[Values | Reject]:
    paths = [(spec.path or name).split(".") for name, spec in file.fields.items()]
    for record in json_records(found.path):
        if isinstance(record, Reject):
            yield record
        else:
            line_no, value, text = record
            yield line_no, [value_at(value, path) for path in paths], text


def _csv_values(found: Survey, file: FileSpec, keep_whole: bool) -> Iterator[Values | Reject]:
    header = found.header
    width = len(header)
    order = [header.index(name.lower()) for name in file.fields]
    is_identity = order == list(range(width))
    kept = [(at, name) for at, name in enumerate(header) if keep_whole or at not in order]
    rows = csv_rows(found.path, file)
    next(rows)  # the header
    for line_no, row in rows:
        if isinstance(row, Reject):
            yield row
        elif len(row) != width:
            yield Reject(line_no, f"{len(row)} fields where the header has {width}", _as_csv(row))
        else:
            extra = json.dumps({name: row[at] for at, name in kept}, ensure_ascii=False) if kept else ""
            yield line_no, row if is_identity else [row[at] for at in order], extra


def _fault(row: list[str], checks: list[tuple[int, str, FieldSpec, Callable[[str], bool] | None]]) -> str:
    """The first fault of a record's fields, in words."""
    for at, name, spec, check in checks:
        value = row[at]
        if not value and spec.required:
            return f"{name} is empty"
        if value and check and not check(value):
            return f"{name}: {_shorten(value)} is not a valid {spec.type}"
    return ""


def _shorten(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")


def _as_csv(row: list[str]) -> str:
    return ",".join(f'"{v}"' if any(c in v for c in ',"\n') else v for v in row)

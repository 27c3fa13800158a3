"""CSV files as a stream of checked records. A record that cannot be used becomes a reject; the stream goes on.

Memory is bounded by a block, not by the file. Lines count from 1, the header included, as editors show them.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from revops_assets.errors import RevopsError
from revops_assets.loading.mapping import FieldSpec, FieldType, FileSpec

BLOCK_BYTES = 1 << 20
LONGEST_LINE = 4 << 20
LONGEST_FIELD = 1 << 20
LONGEST_ID = 512  # an index entry of PostgreSQL holds no more than some 2,700 bytes
WRONG_BOMS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", codecs.BOM_UTF32_BE: "UTF-32"}


@dataclass(frozen=True)
class Reject:
    """A record that could not be loaded: where it stood, why, and what it said."""

    line_no: int
    reason: str
    record: str


@dataclass(frozen=True)
class Survey:
    """What a first look at a file says, before anything is written: its hash, its lines, its header."""

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
    r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z?",
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
        datetime.fromisoformat(match[1])
    except ValueError:
        return False
    return True


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
    rows = _rows(path, file)
    _, first = next(rows, (1, None))
    if first is None:
        raise RevopsError(f"{path.name}: the file is empty, not even a header line")
    if isinstance(first, Reject):
        raise RevopsError(f"{path.name} line 1: the header cannot be read: {first.reason}")
    header = tuple(name.strip().lower() for name in first)
    if missing := [name for name in file.fields if name not in header]:
        raise RevopsError(f"{path.name}: no column {', '.join(missing)}; its header has {', '.join(header)}")
    if len(set(header)) < len(header):
        raise RevopsError(f"{path.name}: two columns of its header have the same name: {', '.join(header)}")
    return Survey(path, digest.hexdigest(), lines, header)


def records(found: Survey, file: FileSpec) -> Iterator[tuple[int, list[str], str] | Reject]:
    """Yield (line, values in the mapping's order, extra fields as JSON or '') or a Reject, for each record."""
    header = found.header
    width = len(header)
    names = list(file.fields)
    order = [header.index(name) for name in names]
    is_identity = order == list(range(width))
    extras = [(i, name) for i, name in enumerate(header) if name not in file.fields]
    ids = [order[i] for i, spec in enumerate(file.fields.values()) if spec.type == "id"]
    checks = [
        (order[i], name, spec, CHECKS.get(spec.type))
        for i, (name, spec) in enumerate(file.fields.items())
        if spec.type not in ("text", "id") or spec.required
    ]
    others = [check for check in checks if check[2].type != "id"]
    rows = _rows(found.path, file)
    next(rows)  # the header
    for line_no, row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        reason = ""
        if len(row) != width:
            reason = f"{len(row)} fields where the header has {width}"
        else:
            for at in ids:
                if not 0 < len(row[at]) <= LONGEST_ID:
                    reason = _fault(row, checks)
                    break
            for at, _, spec, check in others:
                value = row[at]
                if (value and check and not check(value)) or (not value and spec.required):
                    reason = _fault(row, checks)
                    break
        if reason:
            yield Reject(line_no, reason, _as_csv(row))
        else:
            extra = json.dumps({name: row[i] for i, name in extras}, ensure_ascii=False) if extras else ""
            yield line_no, row if is_identity else [row[i] for i in order], extra


def _fault(row: list[str], checks: list[tuple[int, str, FieldSpec, Callable[[str], bool] | None]]) -> str:
    """The first fault of a record's fields, in words."""
    for at, name, spec, check in checks:
        value = row[at]
        if not value and spec.required:
            return f"{name} is empty"
        if value and check and not check(value):
            return f"{name}: {_shorten(value)} is not a valid {spec.type}"
    return ""


def _rows(path: Path, file: FileSpec) -> Iterator[tuple[int, list[str] | Reject]]:
    """Parsed rows with the line each begins on. After a broken one, parsing starts again on the next line, so that a
    stray quote costs its own line and not what follows it."""
    csv.field_size_limit(LONGEST_FIELD)
    source = _Lines(path, file.encoding)
    width = 0
    while True:
        try:
            for row in csv.reader(source, delimiter=file.delimiter, strict=True):
                taken = source.taken
                first = taken[0][0]
                if source.fault:
                    yield first, source.reject(source.fault)
                    break
                if len(taken) > 1 and width and len(row) != width:
                    yield (
                        first,
                        source.reject("a quoted field runs over several lines, and the field count is wrong"),
                    )
                    break
                if row:
                    width = width or len(row)
                    yield first, row
                taken.clear()
            else:
                return
        except csv.Error as error:
            yield source.taken[0][0], source.reject(source.fault or f"not valid CSV: {error}")


class _Lines:
    """Decoded lines of a file, remembering those of the record being read so that they can be given back."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.taken: list[tuple[int, str, str]] = []  # line number, text, what is wrong with it
        self.fault = ""
        self._lines = _decoded_lines(path, encoding)
        self._again: list[tuple[int, str, str]] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines)
        self.taken.append(line)
        if line[2]:
            self.fault = line[2]
        return line[1]

    def reject(self, reason: str) -> Reject:
        """Refuse the record's first line; its other lines will be read anew."""
        (line_no, text, _), *others = self.taken
        self._again.extend(reversed(others))
        self.taken, self.fault = [], ""
        return Reject(line_no, reason, text.rstrip("\r\n"))


def _decoded_lines(path: Path, encoding: str) -> Iterator[tuple[int, str, str]]:
    """(line number, text with its newline, fault or ''). Bytes that do not decode stand as escapes."""
    line_no = 0
    for lines, is_cut in _blocks(path):
        joined = b"\n".join(lines)
        try:
            texts = joined.decode(encoding).split("\n") if lines else []
            clean = b"\0" not in joined and not is_cut
        except UnicodeDecodeError:
            texts, clean = [line.decode(encoding, "surrogateescape") for line in lines], False
        if clean:
            for line_no, text in enumerate(texts, line_no + 1):  # noqa: B020 - counts on
                yield line_no, text + "\n", ""
            continue
        for place, text in enumerate(texts, 1):
            line_no += 1
            fault = f"a line longer than {LONGEST_LINE} bytes" if is_cut and place == len(texts) else ""
            readable = text.replace("\0", "\\0").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            if readable != text:
                fault = fault or ("contains a NUL byte" if "\0" in text else f"is not {encoding.upper()}")
            yield line_no, readable + "\n", fault


def _blocks(path: Path) -> Iterator[tuple[list[bytes], bool]]:
    """The file's lines, without their newline, some at a time; True where the last of them was too long and is cut."""
    with path.open("rb") as handle:
        if handle.read(3) != codecs.BOM_UTF8:
            handle.seek(0)
        rest = b""
        while block := handle.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            is_cut = len(rest) > LONGEST_LINE
            yield ([*lines, rest[:1000]] if is_cut else lines), is_cut
            while is_cut and block:
                block = handle.read(BLOCK_BYTES)
                is_cut = b"\n" not in block
                rest = b"" if is_cut else block.split(b"\n", 1)[1]
        if rest:
            yield [rest], False


def _shorten(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:60] + "…")


def _as_csv(row: list[str]) -> str:
    return ",".join(f'"{v}"' if any(c in v for c in ',"\n') else v for v in row)

"""JSON files as objects: one a line, or in an array; each with its line and its text as received.

An array is decoded object by object as blocks arrive, so memory is bounded by a block and a record. Numbers stay text:
an amount of 1234.10 is not to pass through a float.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from revops_assets.errors import RevopsError
from revops_assets.loading.lines import BLOCK_BYTES, LONGEST_LINE, Reject, decoded_lines

BETWEEN = re.compile(r"[\s,]*")
# What PostgreSQL's jsonb cannot hold: NUL, half of a surrogate pair (a byte that did not decode stands as one too).
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|[\udc80-\udcff]")

Record = tuple[int, dict[str, Any], str]


class _Unusable(ValueError):
    """A value that is JSON for Python, but cannot be stored as it is."""


def _number(text: str) -> str:
    exponent = text.lower().partition("e")[2]
    if len(text) > 100 or (exponent and abs(int(exponent)) > 100):
        raise _Unusable("a number of more than 100 digits")
    return text


def _constant(text: str) -> None:
    raise _Unusable(f"{text} is not a JSON value")


DECODER = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_constant)
ANY = json.JSONDecoder(parse_int=str, parse_float=str)


def json_records(path: Path) -> Iterator[Record | Reject]:
    """Yield (line, object, its text) or a Reject. A broken line of a JSON-lines file costs itself; in an array there is
    no telling where the next record begins after a fault in the syntax: the file is refused whole."""
    with path.open("rb") as handle:
        first = handle.read(BLOCK_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if first == b"[":
        yield from _array(path)
        return
    for line_no, line, fault in decoded_lines(path, "utf-8"):
        text = line.strip()
        if fault:
            yield Reject(line_no, fault, text)
        elif text:
            try:
                yield _checked(line_no, DECODER.decode(text), text)
            except (ValueError, RecursionError) as error:
                yield Reject(line_no, _words(error), text)


def _array(path: Path) -> Iterator[Record | Reject]:
    with path.open("rb") as handle:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        buffer, at, line_no, is_open, is_closed, is_read = "", 0, 1, False, False, False
        while True:
            between = BETWEEN.match(buffer, at)
            start = between.end() if between else at
            line_no += buffer.count("\n", at, start)
            at = start
            if not is_open and at < len(buffer):
                is_open, at = True, at + 1  # the bracket
                continue
            if is_closed and at < len(buffer):
                raise RevopsError(f"{path.name} line {line_no}: something follows the end of the array")
            if at < len(buffer) and buffer[at] == "]":
                is_closed, at = True, at + 1
                continue
            if is_closed and is_read:
                return
            try:
                value, end = DECODER.raw_decode(buffer, at)
                record: Record | Reject = _checked(line_no, value, buffer[at:end])
            except json.JSONDecodeError as error:
                if is_read or len(buffer) - at > LONGEST_LINE:
                    cut = "; the file was cut off" if is_read else ""
                    raise RevopsError(f"{path.name} line {line_no}: {_words(error)}{cut}") from None
                block = handle.read(BLOCK_BYTES)
                is_read = not block
                buffer, at = buffer[at:] + decoder.decode(block, is_read), 0
                continue
            except _Unusable as error:
                end = ANY.raw_decode(buffer, at)[1]
                record = Reject(line_no, str(error), _readable(buffer[at:end]))
            except RecursionError as error:
                raise RevopsError(f"{path.name} line {line_no}: {_words(error)}") from None
            yield record
            line_no += buffer.count("\n", at, end)
            at = end


def _checked(line_no: int, value: Any, text: str) -> Record | Reject:
    if not isinstance(value, dict):
        return Reject(line_no, "not a JSON object", _readable(text))
    if SUSPECT.search(text):
        decoded = json.dumps(value, ensure_ascii=False)
        if "\\u0000" in decoded:
            return Reject(line_no, "contains a NUL character", _readable(text))
        try:
            decoded.encode()
        except UnicodeEncodeError:
            return Reject(line_no, "is not UTF-8, or holds half of a surrogate pair", _readable(text))
    return line_no, value, text


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _words(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg} (character {error.colno})"
    return str(error)


def value_at(record: dict[str, Any], path: list[str]) -> str:
    """A field's value as text, '' where it is absent or null; objects and arrays as JSON."""
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)

"""JSON files as objects: one a line, in an array, or in an answer's envelope; each with its line and its text.

An envelope is an object whose records stand in a list of it: Salesforce's {"done": …, "records": […]}, HubSpot's
results, Pipedrive's data, OData's value. Answers may follow one another, one a line or pretty-printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revops_assets.errors import RevopsError
from revops_assets.loading import lines
from revops_assets.loading.json_text import BETWEEN_KEY_AND_VALUE, DECODER, JsonText, Unusable, in_words
from revops_assets.loading.lines import Reject, decoded_lines, opened
from revops_assets.loading.names import plain

# What PostgreSQL's jsonb cannot hold: NUL, half of a surrogate pair (a byte that did not decode stands as one too).
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|[\udc80-\udcff]")
ENVELOPES = ("records", "results", "data", "value", "items")
# An envelope may itself stand within what a command line or a proxy prints.
AROUND = ("result", "response", "data", "body")
# An API's error in place of records: a code of its own beside a text (Salesforce, HubSpot), or no success (Pipedrive).
REFUSALS = ("errorCode", "error", "category", "exceptionCode")
TEXTS = ("message", "error", "exceptionMessage")

Record = tuple[int, dict[str, Any], str]


@dataclass
class Answer:
    """How records are found: where in an envelope, by what an object is known to be a record itself; and what envelopes
    said of their completeness."""

    path: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    holders: frozenset[str] = frozenset(ENVELOPES)
    records: int = 0
    total: int = 0
    envelopes: int = 0
    cut: int = 0

    def heed(self, members: dict[str, Any]) -> None:
        """Remember what an envelope says beside its records."""
        self.envelopes += 1
        total = members.get("totalSize", members.get("total"))
        if isinstance(total, str) and total.isdigit():
            self.total = max(self.total, int(total))
        paging = members.get("paging")
        has_more = (isinstance(paging, dict) and "next" in paging) or members.get("hasMore") is True
        self.cut += members.get("done") is False or bool(members.get("nextRecordsUrl")) or has_more

    def refuse_errors(self, name: str, line_no: int, value: Any) -> None:
        """RevopsError where an object is an API's error in place of records."""
        if not isinstance(value, dict) or self.is_record(value) or not self.ids:
            return
        text = next((value[key] for key in TEXTS if isinstance(value.get(key), str)), None)
        is_error = value.get("success") is False or value.get("status") == "error"
        if text and (is_error or any(isinstance(value.get(key), str) for key in REFUSALS)):
            code = next(
                (f"{value[key]}: " for key in REFUSALS if isinstance(value.get(key), str) and value[key] != text), ""
            )
            raise RevopsError(f"{name} line {line_no}: an error that the API gave in place of records: {code}{text}")

    def is_record(self, names: Any) -> bool:
        """Whether an object with these members has one of a record's ids."""
        return any(plain(name) in self.ids for name in names)


def json_records(path: Path, answer: Answer | None = None) -> Iterator[Record | Reject]:
    """Yield (line, object, its text) or a Reject. A broken line of a JSON-lines file costs itself; in an array or a
    pretty-printed object there is no telling where the next record begins after a fault in the syntax: the file is
    refused whole."""
    answer = answer or Answer()
    with opened(path) as handle:
        start = handle.read(lines.BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    first_line = start.partition(b"\n")[0]
    is_one_a_line = first_line.rstrip().endswith(b"}") or not first_line.startswith(b"{")
    if start[:1] == b"[" or (start[:1] == b"{" and not is_one_a_line):
        with opened(path) as handle:
            yield from _stream(JsonText(path.name, handle), answer)
        return
    for line_no, line, fault in decoded_lines(path, "utf-8"):
        text = line.strip()
        if fault:
            yield Reject(line_no, fault, text)
        elif text:
            try:
                value = DECODER.decode(text)
            except (ValueError, RecursionError) as error:
                yield Reject(line_no, in_words(error), text)
                continue
            if isinstance(value, dict) and _holds_records(value, answer):
                yield from _stream(JsonText(path.name, text=text, line_no=line_no), answer)
            else:
                answer.refuse_errors(path.name, line_no, value)
                answer.records += 1
                yield _checked(line_no, value, text)


def _stream(text: JsonText, answer: Answer) -> Iterator[Record | Reject]:
    """Records of one array, or of objects that follow one another."""
    if text.peek() == "[":
        if answer.path:
            raise RevopsError(
                f"{text.name}: an array, where the mapping's 'records: {'.'.join(answer.path)}' wants an object"
            )
        yield from _entries(text, answer)
        if text.peek():
            raise RevopsError(f"{text.name} line {text.line_no}: something follows the end of the array")
        return
    while text.peek():
        yield from _object(text, answer, answer.path)


def _object(
    text: JsonText, answer: Answer, path: tuple[str, ...], within: bool = False
) -> Generator[Record | Reject, None, tuple[bool, dict[str, Any], str]]:
    """The records of an envelope, or the object itself where it is none (not if it stands `within` another).

    Returns whether it was an envelope, and its members and text as far as they were none of its records.
    """
    if text.peek() != "{":
        text.value()  # says what is wrong, or passes over what is no object
        return False, {}, ""
    line_no, parts, members, is_envelope = text.line_no, [], dict[str, Any](), False
    text.step()
    while (sign := text.peek()) != "}":
        if not sign:
            text.value()  # says that the file was cut off
        _, key, key_text = text.value()
        opening = text.peek(BETWEEN_KEY_AND_VALUE)
        may_hold = not answer.is_record(members)
        if opening == "[" and (path == (key,) if path else key in answer.holders and may_hold):
            is_envelope = True
            yield from _entries(text, answer)
        elif opening == "{" and (path[:1] == (key,) and len(path) > 1 if path else key in AROUND and may_hold):
            holds, inside, inner_text = yield from _object(text, answer, path[1:], within=True)
            is_envelope = is_envelope or holds
            members[str(key)] = inside
            parts.append(f"{key_text}: {inner_text}")
        else:
            _, value, value_text = text.value()
            members[str(key)] = value
            parts.append(f"{key_text}: {value_text}")
    text.step()
    whole = "{" + ", ".join(parts) + "}"
    if is_envelope:
        if not path[1:]:
            answer.heed(members)
    elif path and not within:
        places = ".".join(path)
        raise RevopsError(f"{text.name} line {line_no}: no list at {places!r}, where the mapping's 'records' points")
    elif not within:
        answer.refuse_errors(text.name, line_no, members)
        answer.records += 1
        fault = next((value for value in members.values() if isinstance(value, Unusable)), None)
        yield Reject(line_no, str(fault), _readable(whole)) if fault else _checked(line_no, members, whole)
    return is_envelope, members, whole


def _entries(text: JsonText, answer: Answer) -> Iterator[Record | Reject]:
    for line_no, value, its_text in text.entries():
        if isinstance(value, Unusable):
            answer.records += 1
            yield Reject(line_no, str(value), _readable(its_text))
        elif isinstance(value, dict) and not answer.path and _holds_records(value, answer):  # a list of answers
            yield from _object(JsonText(text.name, text=its_text, line_no=line_no), answer, ())
        else:
            answer.refuse_errors(text.name, line_no, value)
            answer.records += 1
            yield _checked(line_no, value, its_text)


def _holds_records(value: dict[str, Any], answer: Answer) -> bool:
    """Whether an object is an envelope, or stands around one."""
    if answer.path:
        return True
    if answer.is_record(value):
        return False
    around = [value[name] for name in AROUND if isinstance(value.get(name), dict)]
    return any(isinstance(value.get(name), list) for name in answer.holders) or any(
        isinstance(inside.get(name), list) for inside in around for name in answer.holders
    )


def exploded(record: Record, path: list[str]) -> Iterator[Record]:
    """One record for each entry of a list within a record, the entry at 'item'; none where there is no list. A * in the
    path stands for every member of an object, whose name is then at 'key'."""
    line_no, value, text = record
    found = list(_entries_at(value, path, ""))
    if found:
        as_they_were = _entries_at(json.loads(text), path, "")
        for (key, entry), (_, as_it_was) in zip(found, as_they_were, strict=True):
            whole = json.dumps({"key": key, "item": as_it_was} if key else {"item": as_it_was}, ensure_ascii=False)
            yield line_no, {**value, "item": entry, "key": key}, whole


def _entries_at(value: Any, path: list[str], key: str) -> Iterator[tuple[str, Any]]:
    if not path:
        yield from ((key, entry) for entry in (value if isinstance(value, list) else ()))
    elif path[0] == "*":
        for name, member in value.items() if isinstance(value, dict) else ():
            yield from _entries_at(member, path[1:], name)
    elif isinstance(value, dict):
        yield from _entries_at(value.get(path[0]), path[1:], key)


def inner(value: Any, path: list[str]) -> Any:
    """What stands at a path within an object (a number is a place in a list); None where nothing does."""
    for name in path:
        if isinstance(value, list) and name.isdigit():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


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


def as_text(value: Any) -> str:
    """A value as a field's text, '' where it is null; objects and arrays as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)

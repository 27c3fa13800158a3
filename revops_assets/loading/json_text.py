"""JSON as it arrives: values decoded one after another from blocks, so that memory is bounded by a block and a record.

Numbers stay text: an amount of 1234.10 is not to pass through a float.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from revops_assets.errors import RevopsError
from revops_assets.loading import lines

BLANK = re.compile(r"[\s,]*")
BETWEEN_KEY_AND_VALUE = re.compile(r"\s*:?\s*")


class Unusable(ValueError):
    """A value that is JSON for Python, but cannot be stored as it is."""


def _number(text: str) -> str:
    exponent = text.lower().partition("e")[2]
    if len(text) > 100 or (exponent and abs(int(exponent)) > 100):
        raise Unusable("a number of more than 100 digits")
    return text


def _constant(text: str) -> None:
    raise Unusable(f"{text} is not a JSON value")


DECODER = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_constant)
ANY = json.JSONDecoder(parse_int=str, parse_float=str)

Value = tuple[int, Any, str]


class JsonText:
    """A text of JSON that is read from a file, or given whole; `line_no` counts on."""

    def __init__(self, name: str, handle: BinaryIO | None = None, text: str = "", line_no: int = 1) -> None:
        self.name, self.line_no = name, line_no
        self._handle = handle
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._buffer, self._at = text, 0
        self._is_read = handle is None

    def peek(self, between: re.Pattern[str] = BLANK) -> str:
        """The next character that is none between values; '' at the end."""
        while True:
            found = between.match(self._buffer, self._at)
            self._forward(found.end() if found else self._at)
            if self._at < len(self._buffer) or self._is_read:
                return self._buffer[self._at : self._at + 1]
            self._more()

    def step(self) -> None:
        """Over one character."""
        self._forward(self._at + 1)

    def value(self) -> Value | tuple[int, Unusable, str]:
        """The next value with its line and its text; what cannot be stored instead of it."""
        self.peek()
        while True:
            try:
                value, end = self._decoded()
            except json.JSONDecodeError as error:
                if self._is_read or len(self._buffer) - self._at > lines.LONGEST_LINE:
                    cut = "; the file was cut off" if self._is_read and self._handle else ""
                    raise RevopsError(f"{self.name} line {self.line_no}: {in_words(error)}{cut}") from None
                self._more()
                continue
            except RecursionError as error:
                raise RevopsError(f"{self.name} line {self.line_no}: {in_words(error)}") from None
            if end == len(self._buffer) and not self._is_read and not isinstance(value, str | dict | list):
                self._more()  # a number may go on
                continue
            line_no, text = self.line_no, self._buffer[self._at : end]
            self._forward(end)
            return line_no, value, text

    def _decoded(self) -> tuple[Any, int]:
        """What stands here and where it ends; of what cannot be stored, too, once all of it has been read."""
        try:
            return DECODER.raw_decode(self._buffer, self._at)
        except Unusable as error:
            return error, ANY.raw_decode(self._buffer, self._at)[1]

    def entries(self) -> Iterator[Value | tuple[int, Unusable, str]]:
        """The values of the array that begins here, up to its end."""
        self.peek()
        self.step()
        while (sign := self.peek()) != "]":
            if not sign:
                self.value()  # says that the file was cut off
            yield self.value()
        self.step()

    def _forward(self, to: int) -> None:
        self.line_no += self._buffer.count("\n", self._at, to)
        self._at = to

    def _more(self) -> None:
        block = self._handle.read(lines.BLOCK_BYTES) if self._handle else b""
        self._is_read = not block
        self._buffer, self._at = self._buffer[self._at :] + self._decoder.decode(block, self._is_read), 0


def in_words(error: ValueError | RecursionError) -> str:
    """What is wrong with a text of JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg} (character {error.colno})"
    return str(error)

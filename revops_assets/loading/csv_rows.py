"""CSV files as rows. Memory is bounded by a block, not by the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from revops_assets.loading.lines import Reject, decoded_lines

LONGEST_FIELD = 1 << 20


def csv_rows(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str] | Reject]]:
    """Parsed rows with the line each begins on. After a broken one, parsing starts again on the next line, so that a
    stray quote costs its own line and not what follows it."""
    csv.field_size_limit(LONGEST_FIELD)
    source = _Lines(path, encoding)
    width = 0
    while True:
        try:
            for row in csv.reader(source, delimiter=delimiter, strict=True):
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
        self._lines = decoded_lines(path, encoding)
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

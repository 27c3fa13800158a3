"""COPY from a stream of Python rows: memory bounded by a batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import psycopg2
from psycopg2.extensions import cursor as PgCursor
from psycopg2.sql import Composable

ROWS_A_BATCH = 5000
BYTES_A_READ = 1 << 18


class _Stream:
    """What psycopg2 reads from: rows as PostgreSQL's CSV, in which an empty field is null."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._rows: Iterator[Sequence[object]] = iter(rows)
        self._ready = b""
        self.error: Exception | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except Exception as error:  # psycopg2 would report it as a text inside an error of its own
            self.error = error
            raise

    def _read(self, size: int) -> bytes:
        while len(self._ready) < size:
            text = io.StringIO()
            # With \r in its line end the writer quotes fields that hold one; COPY would take it for an end of line.
            csv.writer(text, lineterminator="\r\n").writerows(islice(self._rows, ROWS_A_BATCH))
            if not (more := text.getvalue().encode()):
                break
            self._ready += more
        out, self._ready = self._ready[:size], self._ready[size:]
        return out


def copy_rows(cursor: PgCursor, target: Composable, rows: Iterable[Sequence[object]]) -> int:
    """COPY rows into `target` ('table (columns)'); returns how many went in."""
    statement = "copy " + target.as_string(cursor) + " from stdin with (format csv)"
    stream = _Stream(rows)
    try:
        cursor.copy_expert(statement, stream, size=BYTES_A_READ)  # type: ignore[arg-type]
    except psycopg2.Error:
        if stream.error:
            raise stream.error from None
        raise
    return int(cursor.rowcount)

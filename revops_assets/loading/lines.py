"""Files as decoded lines, some at a time; lines that do not decode, or are too long, are marked, not fatal."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings
from revops_assets.untrusted.regular_files import open_regular

BLOCK_BYTES = 1 << 20
LONGEST_LINE = 4 << 20
GZIP = b"\x1f\x8b"  # what every gzipped file begins with
UNPACKED_FREELY = 16 << 20


@dataclass(frozen=True)
class Reject:
    """A record that could not be loaded: where it stood, why, and what it said."""

    line_no: int
    reason: str
    record: str


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes, unpacked if they are gzipped, whatever its name says; RevopsError if they cannot be unpacked to
    their end."""
    try:
        with open_regular(path) as plain:
            is_packed = plain.read(len(GZIP)) == GZIP
            plain.seek(0)
            if is_packed:
                with Unpacked(plain, path.name) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield plain
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RevopsError(f"{path.name}: not readable as gzip: {error}") from None


class Unpacked(gzip.GzipFile):
    """A gzipped file that is not read further than it may unpack to."""

    def __init__(self, packed: BinaryIO, name: str) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self.packed_name, self.ratio = name, get_settings().unpack_ratio
        self.most = max(UNPACKED_FREELY, self.ratio * os.fstat(packed.fileno()).st_size)

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if self.tell() > self.most:
            raise RevopsError(
                f"{self.packed_name} unpacks to more than {self.ratio} times its size (REVOPS_UNPACK_RATIO)"
            )
        return block


def decoded_lines(path: Path, encoding: str) -> Iterator[tuple[int, str, str]]:
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
    with opened(path) as handle:
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

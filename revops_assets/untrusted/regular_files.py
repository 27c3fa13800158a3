"""Files that somebody else may have laid down: only regular ones are opened, and none outside of their folder."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from revops_assets.errors import NotFound, RevopsError, printable

LONGEST_PART, LONGEST_PATH = 255, 1024


def shown(path: Path | str) -> str:
    """A path as it can be printed and stored, whatever bytes its names are made of."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def is_inner(name: str) -> bool:
    """Whether a name is a path below a folder, as far as its text tells: relative, nowhere upwards, printable."""
    parts = name.split("/")
    fits = all(part not in ("", "..") and len(os.fsencode(part)) <= LONGEST_PART for part in parts)
    return fits and len(name) <= LONGEST_PATH and "\\" not in name and printable(name) == name


def real(path: Path) -> Path:
    """Where a path leads, symlinks followed; RevopsError if nowhere: in a circle, by names that there cannot be."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise RevopsError(f"{shown(path)} leads nowhere: {error}") from None


def inside(folder: Path, path: Path) -> Path:
    """Where a path really leads; RevopsError if that is not below the folder."""
    found = real(path)
    if not found.is_relative_to(real(folder)):
        raise RevopsError(f"{shown(path)} leads out of {shown(folder)}")
    return found


def is_file(path: Path) -> bool:
    """Whether there is a file of that name, which need not be one that a file can have."""
    try:
        return path.is_file()
    except OSError:
        return False


def open_regular(path: Path) -> BufferedReader:
    """A regular file's bytes, looked at after it was opened and without waiting for a writer; RevopsError if it is a
    symlink, a folder, a pipe, a device, or cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"{shown(path)} is not there") from None
    except (OSError, ValueError) as error:
        is_link = isinstance(error, OSError) and path.is_symlink()
        what = "is a symlink" if is_link else f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        raise RevopsError(f"{shown(path)} {what}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RevopsError(f"{shown(path)} is no regular file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, largest: int) -> bytes:
    """All of a small regular file; RevopsError if it is none, or larger."""
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise RevopsError(f"{shown(path)} is larger than {largest:,} bytes")
    return content

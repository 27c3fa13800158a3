"""Which files of a folder hold which of a mapping's objects; what no object is read from is named, too.

A mapping's path names an object: "Opportunity.json" is also Opportunity.csv, Opportunity.jsonl.gz, opportunities.json,
Opportunity-2.json, parts/Opportunity_part_1.csv and everything in a sub-folder Opportunity/; a file of its own name in
another sub-folder is a copy, not a part, and a sub-folder with a manifest is an export of its own. A path with * or ?
is a pattern of names or of relative paths. Where a manifest lists files, no other is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as Dict
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from revops_assets.errors import RevopsError
from revops_assets.loading.manifest import NAME as MANIFEST
from revops_assets.loading.mapping import FileSpec, Mapping
from revops_assets.loading.mapping_file import read_mapping, shipped
from revops_assets.loading.names import plain
from revops_assets.loading.records import is_json, survey
from revops_assets.untrusted.regular_files import shown

DATA_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")
PACKED = ".gz"
# What tools put behind an object's name when they cut it into parts or date it: -2, _part_1, 2024-03-01T0900Z.
PART = re.compile(r"[-_. (]*(?:part|chunk|batch|page|results?|of)?[-_. (]*\d[\dTZ:]*\)?$", re.IGNORECASE)


def files_in(folder: Path) -> list[Path]:
    """Whatever is no folder in a folder and its sub-folders, hidden ones and the manifest left out, in order of their
    names; symlinks are not followed."""
    found = []
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        is_folder = path.is_dir() and not path.is_symlink()
        if not is_folder and not any(part.startswith(".") for part in inner.parts) and str(inner) != MANIFEST:
            found.append(path)
    return found


def find_files(
    folder: Path, files: Dict[str, FileSpec], listed: Collection[str] | None = None
) -> dict[str, list[Path]]:
    """The files that each object of the mapping is read from, of those that are `listed` if any are; an object without
    any is not in the result."""
    found: dict[str, list[Path]] = {}
    others = {path.parent for path in folder.rglob(MANIFEST)} - {folder}
    for path in files_in(folder):
        if listed is not None and path.relative_to(folder).as_posix() not in listed:
            continue
        inner = PurePosixPath(path.relative_to(folder).as_posix())
        ranks = {key: _rank(inner, file) for key, file in files.items()}
        best = max(ranks.values(), default=0)
        for key, rank in ranks.items():
            if best and rank == best and others.isdisjoint(path.parents):
                found.setdefault(key, []).append(path)
    return found


def name_in(folder: Path, path: Path) -> str:
    """What a file is called in messages: its path below the export's folder."""
    return shown(path.relative_to(folder))


def _rank(inner: PurePosixPath, file: FileSpec) -> int:
    """How surely a file is meant by the object's paths: 4 by its very name, 0 not at all."""
    if file.explode and PurePosixPath(inner.name.removesuffix(PACKED)).suffix.casefold() in (".csv", ".tsv"):
        return 0  # lists stand within JSON only
    return max(_rank_of(inner, path) for path in file.path)


def _rank_of(inner: PurePosixPath, wanted: str) -> int:
    name = inner.name.removesuffix(PACKED)
    if any(sign in wanted for sign in "*?["):
        text = str(inner) if "/" in wanted else inner.name
        fits = any(fnmatchcase(each.casefold(), wanted.casefold()) for each in (text, text.removesuffix(PACKED)))
        return 4 if fits else 0
    if str(inner).removesuffix(PACKED) == wanted.removesuffix(PACKED):
        return 4
    suffix = PurePosixPath(name).suffix.casefold()
    if suffix not in DATA_SUFFIXES:
        return 0
    place = PurePosixPath(wanted)
    stem, object_name = name[: -len(suffix)], place.name.removesuffix(PACKED).removesuffix(place.suffix)
    if place.parent != PurePosixPath(".") and place.parent not in inner.parents:
        return 0
    if plain(stem) in _spellings(object_name) and inner.parent == place.parent:
        return 3
    if _is_part(stem, object_name):
        return 2
    return 1 if any(plain(part) in _spellings(object_name) for part in inner.parent.parts) else 0


def _is_part(stem: str, object_name: str) -> bool:
    """Whether a name is the object's with numbers or dates behind it."""
    while (shorter := PART.sub("", stem)) != stem:
        stem = shorter
        if plain(stem) in _spellings(object_name):
            return True
    return False


def _spellings(object_name: str) -> set[str]:
    """An object's name in the singular and, as `sf data export tree` and others write it, in the plural."""
    one = plain(object_name)
    return {one, one + "s", one + "es", *({one[:-1] + "ies"} if one.endswith("y") else set())}


def detect_mapping(folder: Path, listed: Collection[str] | None = None) -> Mapping:
    """The shipped mapping whose required files the folder holds; of several one that brings deals, then the one with
    the most of them."""
    if not folder.is_dir():
        raise RevopsError(f"{folder} is {'a file; give its folder' if folder.exists() else 'not there'}")
    fitting: dict[tuple[bool, int], list[Mapping]] = {}
    for mapping in map(read_mapping, shipped()):
        required = [key for key, file in mapping.files.items() if file.required]
        present = find_files(folder, {key: mapping.files[key] for key in required}, listed)
        if all(key in present and _may_be(folder, present[key][0], mapping.files[key]) for key in required):
            fitting.setdefault(("opportunities" in mapping.tables, len(required)), []).append(mapping)
    found = fitting[max(fitting)] if fitting else []
    if len(found) != 1:
        what = "fits no shipped mapping" if not found else f"fits {', '.join(mapping.name for mapping in found)}"
        raise RevopsError(f"{folder} {what}; say which with --mapping ({', '.join(shipped())}, or a file of your own)")
    return found[0]


def _may_be(folder: Path, path: Path, file: FileSpec) -> bool:
    """Whether a CSV has the columns that the object needs; of other files that is not known before they are read."""
    try:
        survey(path, file, folder)
    except RevopsError:
        return is_json(path.name) or path.lstat().st_size == 0
    return True

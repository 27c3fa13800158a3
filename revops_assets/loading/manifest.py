"""Manifests: what makes a folder of the landing zone a complete export, and the same export the same wherever it lies.

manifest.json is written last, beside the files that it lists:
{"tenant": "acme", "mapping": "salesforce", "files": [{"name": "Case.json", "rows": 12, "bytes": 4711, "sha256": "…"}]}
"mapping" may also be a list. Mappings are those of the installation, shipped or in REVOPS_MAPPINGS_DIR; one that lies
in the export is not read. "complete": true says that records which are not in the export any more were deleted. No
other files than those that it lists are read.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from revops_assets.errors import NotFound, RevopsError, in_words, quoted
from revops_assets.untrusted.regular_files import inside, is_inner, open_regular, read_regular, shown

NAME = "manifest.json"
SLUG = r"^[a-z0-9][a-z0-9_-]{0,62}$"
LARGEST = 16 << 20
MOST = 1 << 53


class ListedFile(BaseModel):
    """One file of an export: its path below the folder, its records, its size and its hash."""

    model_config = ConfigDict(extra="ignore")
    name: str
    rows: int = Field(ge=0, le=MOST)
    bytes: int = Field(ge=0, le=MOST)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("name")
    @classmethod
    def _stays_in_the_folder(cls, value: str) -> str:
        if not is_inner(value):
            raise ValueError(f"{quoted(value)} is no name of a file below the folder")
        return value


class Manifest(BaseModel):
    """Whose export it is, how it is mapped, and its files. Without a mapping: the shipped one that fits."""

    model_config = ConfigDict(extra="ignore")
    tenant: str = Field("default", pattern=SLUG)
    mapping: str | list[str] | None = None
    complete: bool = False
    files: list[ListedFile] = Field(min_length=1)

    @property
    def sha256(self) -> str:
        """The export's own hash: of whose it is and of its files, not of where it lies or how the manifest is spelt."""
        said: list[object] = [self.tenant, self.mapping, sorted((file.name, file.sha256) for file in self.files)]
        said += [True] if self.complete else []
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def mappings(self) -> list[str]:
        """The mappings that it names."""
        return [self.mapping] if isinstance(self.mapping, str) else self.mapping or []

    @property
    def names(self) -> set[str]:
        """The files that it lists."""
        return {file.name for file in self.files}

    def missing(self, folder: Path) -> list[str]:
        """Files that are not there or still shorter than they should be: the export is on its way."""
        return [file.name for file in self.files if _is_on_its_way(folder / file.name, file.bytes)]

    def verify(self, folder: Path) -> None:
        """RevopsError if a file is not the one that is listed."""
        for file in self.files:
            path = folder / file.name
            try:
                with open_regular(inside(folder, path)) as handle:
                    if hashlib.file_digest(handle, "sha256").hexdigest() != file.sha256:
                        raise RevopsError(f"{shown(path)} is not the file that {NAME} lists (sha256)")
            except NotFound:
                raise RevopsError(f"{shown(path)} is missing; {NAME} lists it") from None


def _is_on_its_way(path: Path, size: int) -> bool:
    """Whether a file is not there or still shorter than it should be; of what is no file, a load says what it is."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size < size


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, if it has one; RevopsError says what is wrong with it."""
    path = folder / NAME
    try:
        return Manifest.model_validate_json(read_regular(path, LARGEST))
    except NotFound:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RevopsError(f"{shown(path)}: {place + ': ' if place else ''}{in_words(first['msg'])}") from None


@contextmanager
def manifested(folder: Path, tenant: str, mapping: str) -> Iterator[dict[str, int]]:
    """A block that writes an export: without a manifest while it writes, with one when it is done.

    The block fills the given dict: records per file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).unlink(missing_ok=True)
    rows: dict[str, int] = {}
    yield rows
    write_manifest(folder, tenant, mapping, rows)


def write_manifest(folder: Path, tenant: str, mapping: str | None, rows: Mapping[str, int]) -> Manifest:
    """List the files named in `rows` (records per file) in the folder's manifest, at once or not at all."""
    files = []
    for name, count in rows.items():
        with (folder / name).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        files.append(ListedFile(name=name, rows=count, bytes=(folder / name).stat().st_size, sha256=digest))
    manifest = Manifest(tenant=tenant, mapping=mapping, files=files)
    part = folder / f".{NAME}.part"
    part.write_text(manifest.model_dump_json(indent=1) + "\n")
    part.replace(folder / NAME)
    return manifest

"""Manifests: what makes a folder of the landing zone a complete export, and the same export the same wherever it lies.

manifest.json is written last, beside the files that it lists:
{"tenant": "acme", "mapping": "salesforce", "files": [{"name": "Case.json", "rows": 12, "bytes": 4711, "sha256": "…"}]}
"mapping" may also be a list, of shipped mappings and of mapping files in the folder; "complete": true says that records
which are not in the export any more were deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from revops_assets.errors import RevopsError, in_words

NAME = "manifest.json"


class ListedFile(BaseModel):
    """One file of an export: its path below the folder, its records, its size and its hash."""

    model_config = ConfigDict(extra="ignore")
    name: str = Field(pattern=r"^[^/\\][^\\]*$")
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("name")
    @classmethod
    def _stays_in_the_folder(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError(f"{value!r} leads out of the folder")
        return value


class Manifest(BaseModel):
    """Whose export it is, how it is mapped, and its files. Without a mapping: the shipped one that fits."""

    model_config = ConfigDict(extra="ignore")
    tenant: str = "default"
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

    def missing(self, folder: Path) -> list[str]:
        """Files that are not there or still shorter than they should be: the export is on its way."""
        return [
            file.name
            for file in self.files
            if not (folder / file.name).is_file() or (folder / file.name).stat().st_size < file.bytes
        ]

    def verify(self, folder: Path) -> None:
        """RevopsError if a file is not the one that is listed."""
        for file in self.files:
            path = folder / file.name
            if not path.is_file():
                raise RevopsError(f"{path} is missing; {NAME} lists it")
            with path.open("rb") as handle:
                if hashlib.file_digest(handle, "sha256").hexdigest() != file.sha256:
                    raise RevopsError(f"{path} is not the file that {NAME} lists (sha256)")


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, if it has one; RevopsError says what is wrong with it."""
    path = folder / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RevopsError(f"{path}: {place + ': ' if place else ''}{in_words(first['msg'])}") from None


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

"""Names as other tools spell them: stage_name, stageName and "Stage Name" are StageName."""

from __future__ import annotations

import re
from functools import lru_cache

BETWEEN_WORDS = re.compile(r"[\W_]+")


@lru_cache(maxsize=65536)
def plain(name: str) -> str:
    """A name without case and without what stands between its words."""
    return BETWEEN_WORDS.sub("", name).casefold()


def find_name(wanted: str, present: dict[str, list[str]]) -> str | None:
    """The one of the names present (by their plain form) that is meant: as it stands, else by case, else by words."""
    found = present.get(plain(wanted), [])
    for same in (lambda name: name == wanted, lambda name: name.casefold() == wanted.casefold(), lambda _: True):
        if fitting := [name for name in found if same(name)]:
            return fitting[0]
    return None

"""How far a load has come, for whoever watches."""

from collections.abc import Callable

# What is being done, how many records of it, and which step of how many it is.
Tell = Callable[[str, int, int, int], None]


def silent(what: str, records: int, step: int, steps: int) -> None:
    """Nobody watches."""

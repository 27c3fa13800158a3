"""How far a load or a run has come, for whoever watches."""

from collections.abc import Callable

# What is being done or was (a file, a dataset), how many rows of it, and which step of how many it is.
Tell = Callable[[str, int, int, int], None]


def silent(what: str, rows: int, step: int, steps: int) -> None:
    """Nobody watches."""

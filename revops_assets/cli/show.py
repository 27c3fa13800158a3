"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from revops_assets.datasets.shown import shown
from revops_assets.errors import printable

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)


SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """How far a command has come, on stderr: a bar in a terminal; where that is none, a line every few seconds."""

    def __init__(self, done: str, unit: str = "rows") -> None:
        self.done, self.unit = done, unit
        self.started = self.told = time.monotonic()
        self.what, self.since = "", self.started
        stderr = Console(stderr=True)
        wide = [BarColumn(bar_width=20), TimeElapsedColumn()] if stderr.width >= 80 else []
        self.bar = RichProgress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            TextColumn("{task.completed:.0f} of {task.total:.0f} {task.fields[unit]}"), *wide,
            console=stderr, transient=True, expand=True,
        )  # fmt: skip
        self.task: TaskID | None = None

    def __enter__(self) -> Progress:
        if self.bar.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar.console.is_terminal:
            self.bar.stop()

    def __call__(self, what: str, rows: int, step: int, steps: int) -> None:
        """This is being done, or was: so many rows of it, so many steps of how many."""
        now = time.monotonic()
        if what != self.what:
            self.what, self.since = what, now
        speed = f", {rows / (now - self.since):,.0f}/s" if rows and now - self.since > 0.5 else ""
        text = f"{what}{f' {rows:,} {self.unit}{speed}' if rows else ''}"
        if self.bar.console.is_terminal:
            if self.task is None:
                self.task = self.bar.add_task(text, total=steps, unit=self.done)
            self.bar.update(self.task, description=text, completed=step, total=steps)
        elif now - self.told >= SECONDS_BETWEEN_LINES:
            self.told = now
            print(f"{step} of {steps} {self.done}, {now - self.started:.0f} s: {text}", file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    """Data as JSON; dates and the like as text."""
    print(json.dumps(data, default=str, indent=2, ensure_ascii=False))


def as_it_is(text: str) -> str:
    """A text from somebody's records without what a terminal would take for commands; its lines stay."""
    return "\n".join(map(printable, text.split("\n")))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A plain table; numbers stand to the right. A column name ending in '>' does too. Where the terminal is too narrow
    for the words of a row, each row is a record: a line for each of its values."""
    names = [column.removesuffix(">") for column in columns]
    texts = [[as_it_is(shown(value, aligned=True)) for value in row] for row in rows]
    needed = [
        max(len(word) for text in (name, *(row[index] for row in texts)) for word in (text.split() or [""]))
        for index, name in enumerate(names)
    ]
    if sum(needed) + 2 * len(needed) > console.width:
        if title:
            console.print(f"[bold]{title}[/bold]")
        width = max(map(len, names))
        for row in texts:
            for name, text in zip(names, row, strict=True):
                console.print(f"{name:{width}}  {text}", markup=False)
            console.print()
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left", overflow="fold")
    for row in texts:
        table.add_row(*map(Text, row))
    console.print(table)

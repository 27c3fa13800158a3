"""A value as people read it: on pages, in previews, in tables of commands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any


def shown(value: Any, aligned: bool = False) -> str:
    """Thousands apart, two decimals where it is not whole, yes and no, lists with commas, a dash for none.

    `aligned`, as in a column: floats always with two decimals, exact numbers with all of theirs.
    """
    if value is None or (value == "" and not aligned):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if aligned and isinstance(value, Decimal):
        return f"{value:,}"
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}" if aligned or value % 1 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "—"
    return str(value)

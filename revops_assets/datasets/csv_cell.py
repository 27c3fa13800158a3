"""Cells of CSV files that people open: no spreadsheet takes a text for a formula."""

from __future__ import annotations

import json
import re
from typing import Any

# What a spreadsheet calculates, in ASCII and in full width; behind quotes, so that reading undoes what writing did.
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def csv_cell(value: Any) -> Any:
    """A value as a cell: a text that would be a formula begins with a quote; numbers and dates stay as they are."""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def from_csv_cell(text: str) -> str:
    """The text that a cell was written for."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text

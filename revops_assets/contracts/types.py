"""Types that several contracts share."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from revops_assets.contracts.contract import Number

Trend = Literal["improving", "stable", "worsening"]
Urgency = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW"]
Flag = Literal["STUCK", "NO_EB", "GOING_DARK", "CLOSE_DATE_PAST", "NO_CHAMPION", "SINGLE_THREADED", "PUSHED", "COMPETITIVE",
               "HEAVY_DISCOUNT"]  # fmt: skip
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
Score = Annotated[int, Ge(0), Le(100)]
Percent = Annotated[Number, Ge(0), Le(100)]
AtLeastZero = Annotated[Number, Ge(0)]
FROM_ONE = Annotated[int, Ge(1)]

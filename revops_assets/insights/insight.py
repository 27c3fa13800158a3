"""What a language model answers: the parts of an insight about one rep. ai.rep_coaching_insights holds them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from annotated_types import MaxLen
from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of an insight: nothing else than its fields, all of them there."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Strength(Part):
    """What the rep does well."""

    title: str
    detail: str
    metric_value: str
    metric_comparison: str


class Improvement(Part):
    """What the rep could do better."""

    title: str
    detail: str
    gap_value: str
    impact_estimate: str
    suggested_action: str


class PriorityAction(Part):
    """What the rep should do about a deal."""

    deal_name: str
    deal_amount: float | None
    action: str
    reason: str
    deadline: date


class Insight(Part):
    """The text about one rep: what a model answers."""

    strengths: Annotated[list[Strength], MaxLen(3)]
    improvements: Annotated[list[Improvement], MaxLen(3)]
    priority_actions: Annotated[list[PriorityAction], MaxLen(3)]
    overall_assessment: str
    primary_focus_area: str

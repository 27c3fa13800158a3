"""The contract of coaching insights, which a language model's answer is held to as well."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

from annotated_types import MaxLen
from pydantic import BaseModel, ConfigDict

from revops_assets.contracts.contract import Contract, Rule


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


def _parts(column: str, part: type[Part]) -> Rule:
    names = ", ".join(f"'{name}'" for name in part.model_fields)
    return Rule(
        column,
        f"jsonb_typeof(d.{column}) = 'array' and jsonb_array_length(d.{column}) <= 3 and not exists (select from jsonb_array_elements(d.{column}) as e (part)"
        f" where (select array_agg(k order by k) from jsonb_object_keys(e.part) as k) <> (select array_agg(n order by n) from unnest(array[{names}]) as n))",
        f"is not at most three of {', '.join(part.model_fields)}",
    )


class RepCoachingInsights(Contract):
    """Coaching for every active rep."""

    dataset: ClassVar[str] = "ai.rep_coaching_insights"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id")
    rules: ClassVar[tuple[Rule, ...]] = (
        _parts("strengths", Strength),
        _parts("improvements", Improvement),
        _parts("priority_actions", PriorityAction),
        Rule("overall_assessment", "d.overall_assessment <> ''", "is empty"),
        Rule(
            "fallback_reason",
            "d.fallback_reason is null or d.model_version = 'template-1'",
            "is there beside a model's text",
        ),
    )

    rep_id: str
    generated_at: datetime
    model_version: str
    strengths: list[Strength]
    improvements: list[Improvement]
    priority_actions: list[PriorityAction]
    overall_assessment: str
    primary_focus_area: str
    inputs_sha256: str
    prompt_sha256: str | None
    fallback_reason: str | None

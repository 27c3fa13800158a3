"""The contract of dashboard.stage_velocity."""

from __future__ import annotations

from typing import ClassVar, Literal

from revops_assets.contracts.contract import Contract, Count, Number, Rule, Share
from revops_assets.contracts.types import AtLeastZero, Trend


class StageVelocity(Contract):
    """How long deals stay in each stage."""

    dataset: ClassVar[str] = "dashboard.stage_velocity"
    key: ClassVar[tuple[str, ...]] = (
        "tenant_id",
        "snapshot_date",
        "pipeline_id",
        "stage_id",
        "team_id",
        "segment",
        "region",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("trend_display", "d.trend_display = dashboard.trend(d.duration_change_days)", "does not say duration_change_days"),
        Rule("avg_duration_days", "(d.avg_duration_days is null) = (d.completed_count = 0)", "does not agree with completed_count"),
    )  # fmt: skip

    pipeline_id: str
    stage_id: str
    team_filter: str
    segment: str
    region: str
    team_id: str
    stage_name: str
    stage_order: Number | None
    avg_duration_days: AtLeastZero | None
    median_duration_days: AtLeastZero | None
    benchmark_days: AtLeastZero | None
    deviation_days: Number | None
    duration_change_pct: Number | None
    trend_direction: Trend | None
    conversion_rate: Share | None
    deals_in_stage: Count
    amount_in_stage: Number | None
    status_indicator: Literal["green", "yellow", "red"] | None
    trend_display: str
    completed_count: Count
    previous_completed_count: Count
    duration_change_days: Number | None
    median_current_age_days: AtLeastZero | None
    p90_current_age_days: AtLeastZero | None

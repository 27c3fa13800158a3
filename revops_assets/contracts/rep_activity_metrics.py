"""The contract of dashboard.rep_activity_metrics."""

from __future__ import annotations

from typing import ClassVar, Literal

from revops_assets.contracts.contract import Contract, Count, Rule, SetRule, Share
from revops_assets.contracts.types import AtLeastZero, Weekday


class RepActivityMetrics(Contract):
    """What every active rep did."""

    dataset: ClassVar[str] = "dashboard.rep_activity_metrics"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id", "period")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("total_activities", "d.total_activities = d.call_count + d.email_count + d.meeting_count + d.demo_count + d.other_count", "is not the sum of the kinds"),
        Rule("avg_daily_activities", "(d.avg_daily_activities is null) = (d.working_days_count = 0)", "does not agree with working_days_count"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "period",
            "select tenant_id, snapshot_date, rep_id, null as period, count(*)::text as value from {window} group by 1, 2, 3 having count(*) <> 3",
            "are not the three periods",
        ),
    )

    rep_id: str
    period: Literal["30d", "7d", "today"]
    total_activities: Count
    call_count: Count
    email_count: Count
    meeting_count: Count
    demo_count: Count
    avg_daily_activities: AtLeastZero | None
    team_avg_daily: AtLeastZero | None
    top_performer_daily: AtLeastZero | None
    monday_avg: AtLeastZero | None
    tuesday_avg: AtLeastZero | None
    wednesday_avg: AtLeastZero | None
    thursday_avg: AtLeastZero | None
    friday_avg: AtLeastZero | None
    low_activity_days: list[Weekday]
    activity_consistency_score: Share | None
    working_days_count: Count
    team_id: str
    manager_name: str
    segment: str | None
    region: str | None
    other_count: Count

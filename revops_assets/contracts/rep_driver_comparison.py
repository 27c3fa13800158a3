"""The contract of dashboard.rep_driver_comparison."""

from __future__ import annotations

from typing import ClassVar, Literal

from revops_assets.contracts.contract import Contract, Count, Number, Rule, Share
from revops_assets.contracts.types import FROM_ONE, Percent


class RepDriverComparison(Contract):
    """What reps do beside the top performers."""

    dataset: ClassVar[str] = "dashboard.rep_driver_comparison"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id", "metric_name")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("gap_to_top", "coalesce(d.gap_to_top = case d.good_direction when 'higher' then d.top_performer_value - d.rep_value"
             " else d.rep_value - d.top_performer_value end, d.top_performer_value is null)", "is not how far the rep is behind"),
        Rule("bar_max", "d.bar_max >= d.rep_value", "is below rep_value"),
    )  # fmt: skip

    rep_id: str
    metric_name: Literal["stakeholders_engaged", "days_to_first_meeting", "champion_identified_rate", "economic_buyer_engaged_rate",
                         "activities_per_deal_week", "average_discount"]  # fmt: skip
    metric_label: str
    rep_value: Number
    top_performer_value: Number | None
    team_avg_value: Number | None
    format_type: Literal["decimal", "percent", "days"]
    good_direction: Literal["higher", "lower"]
    gap_to_top: Number | None
    gap_pct: Number | None
    gap_impact: str
    bar_max: Number
    rep_bar_pct: Percent | None
    top_bar_pct: Percent | None
    deals_count: FROM_ONE
    closed_deals_count: Count
    closed_win_rate: Share | None
    team_id: str
    manager_name: str
    segment: str | None
    region: str | None
    win_rate_potential: Share | None

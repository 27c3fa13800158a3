"""The contract of dashboard.rep_performance_view."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from revops_assets.contracts.contract import Contract, Count, Number, Rule, SetRule, Share
from revops_assets.contracts.types import FROM_ONE, AtLeastZero


class RepPerformanceView(Contract):
    """Every active rep's standing."""

    dataset: ClassVar[str] = "dashboard.rep_performance_view"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("ytd_attainment_display", "d.ytd_attainment_display = dashboard.percent(d.ytd_attainment)", "does not say ytd_attainment"),
        Rule("rank_display", "d.rank_display = dashboard.rank(d.overall_rank, d.total_reps)", "does not say overall_rank"),
        Rule("win_rate_vs_team_display", "d.win_rate_vs_team_display = dashboard.percent_delta(d.win_rate_vs_team)", "does not say win_rate_vs_team"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "overall_rank",
            "select tenant_id, snapshot_date, null as rep_id, max(overall_rank)::text as value from {window} group by 1, 2"
            " having coalesce(max(overall_rank), 0) <> count(overall_rank) or count(distinct overall_rank) <> count(overall_rank)"
            " or min(total_reps) <> count(overall_rank) or max(total_reps) <> count(overall_rank)",
            "is the last of ranks with gaps or ties",
        ),
    )

    rep_id: str
    rep_name: str
    manager_name: str
    region: str | None
    segment: str | None
    ytd_attainment: Number | None
    ytd_attainment_display: str
    win_rate: Share | None
    avg_deal_size: Number | None
    avg_sales_cycle_days: AtLeastZero | None
    overall_rank: FROM_ONE | None
    total_reps: Count
    rank_display: str
    rank_change_qoq: int | None
    team_avg_win_rate: Share | None
    team_avg_deal_size: Number | None
    team_avg_cycle: AtLeastZero | None
    win_rate_vs_team: Annotated[Number, Ge(-1), Le(1)] | None
    win_rate_vs_team_display: str
    cycle_vs_team: Number | None
    attainment_change_qoq: Number | None
    win_rate_change_qoq: Annotated[Number, Ge(-1), Le(1)] | None
    performance_tier: Literal["Top Performer", "On Track", "Needs Improvement", "At Risk"] | None
    team_id: str
    quota_to_date: Number | None
    won_amount_to_date: Number | None
    won_count: Count
    lost_count: Count
    quarter_attainment: Number | None
    is_top_performer: bool

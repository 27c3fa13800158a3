"""The contracts of schema dashboard. Consumers bind to these names."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from annotated_types import Ge, Le

from revops_assets.contracts.contract import Contract, Count, Number, Rule, SetRule, Share

Trend = Literal["improving", "stable", "worsening"]
Urgency = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW"]
Flag = Literal["STUCK", "NO_EB", "GOING_DARK", "CLOSE_DATE_PAST", "NO_CHAMPION", "SINGLE_THREADED", "PUSHED", "COMPETITIVE",
               "HEAVY_DISCOUNT"]  # fmt: skip
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
Score = Annotated[int, Ge(0), Le(100)]
Percent = Annotated[Number, Ge(0), Le(100)]
AtLeastZero = Annotated[Number, Ge(0)]
FROM_ONE = Annotated[int, Ge(1)]


class DashboardKpis(Contract):
    """The quarter in one line."""

    dataset: ClassVar[str] = "dashboard.dashboard_kpis"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "quarter", "team_id", "segment", "region")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("gap_to_target", "coalesce(d.gap_to_target = d.ai_forecast - d.quarter_target, true)", "is not forecast less target"),
        Rule("gap_pct", "coalesce((d.gap_pct > 0) = (d.gap_to_target < 0) or abs(d.gap_to_target) < d.quarter_target / 10000, true)",
             "does not agree with gap_to_target"),
        Rule("quarter", "d.quarter ~ '^Q[1-4] [0-9]{4}$'", "is not of the form Q4 2024"),
    )  # fmt: skip

    quarter: str
    team_filter: str
    segment: str
    region: str
    team_id: str
    quarter_target: Number | None
    ai_forecast: Number | None
    ai_forecast_confidence: Share | None
    commit_amount: Number | None
    commit_confidence: Share | None
    closed_won_amount: Number | None
    gap_to_target: Number | None
    gap_pct: Share | None
    coverage_ratio: AtLeastZero | None
    risk_level: Literal["Low", "Medium", "High", "Critical"] | None
    forecast_change_1w: Number | None
    commit_change_1w: Number | None
    open_deals_count: Count
    open_pipeline_amount: Number | None
    without_amount_count: Count
    forecast_method: Literal["default"] | None
    confidence_basis: Literal["backtest", "too few quarters", "next quarter"] | None
    backtest_quarters: Count | None


class ForecastHistory(Contract):
    """A quarter week by week, as it was said then."""

    dataset: ClassVar[str] = "dashboard.forecast_history"
    key: ClassVar[tuple[str, ...]] = (
        "tenant_id",
        "snapshot_date",
        "quarter",
        "team_id",
        "segment",
        "region",
        "week_number",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("as_of_date", "coalesce(d.as_of_date <= least(d.snapshot_date, d.week_end), true)", "lies after the week or the snapshot"),
        Rule("cumulative_closed", "d.as_of_date is not null or d.cumulative_closed is null", "tells of a week to come"),
        Rule("cumulative_forecast", "d.as_of_date is not null or d.cumulative_forecast is null", "tells of a week to come"),
        Rule("cumulative_commit", "coalesce(d.cumulative_commit = d.cumulative_closed + d.pipeline_commit, true)", "is not closed plus commit"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "week_number",
            "select tenant_id, snapshot_date, quarter, team_id, segment, region, null as week_number, count(*)::text as value"
            " from {window} group by 1, 2, 3, 4, 5, 6 having count(*) <> 13",
            "are not the 13 weeks of the quarter",
        ),
    )

    quarter: str
    team_filter: str
    segment: str
    region: str
    week_number: Annotated[int, Ge(1), Le(13)]
    team_id: str
    week_end: date
    as_of_date: date | None
    cumulative_target: Number | None
    cumulative_closed: Number | None
    cumulative_commit: Number | None
    cumulative_forecast: Number | None
    pipeline_commit: Number | None
    pipeline_best_case: Number | None
    pipeline_total: Number | None
    avg_pipeline_health: Percent | None
    forecast_confidence: Share | None


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


class StuckDealsView(Contract):
    """Open deals that stand too long in their stage."""

    dataset: ClassVar[str] = "dashboard.stuck_deals_view"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "opportunity_id")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("amount_display", "d.amount_display = dashboard.currency(d.amount)", "does not say amount"),
        Rule("urgency_icon", "d.urgency_icon = case d.urgency when 'CRITICAL' then '🔴' when 'HIGH' then '🟠' when 'MEDIUM' then '🟡' else '🟢' end",
             "does not say urgency"),
        Rule("days_until_close", "d.days_until_close is not distinct from d.close_date - d.snapshot_date", "does not agree with close_date"),
        Rule("risk_flags_display", "d.risk_flags_display = '—' and d.risk_flags = '{}'"
             " or cardinality(string_to_array(d.risk_flags_display, ' • ')) = cardinality(d.risk_flags) and d.risk_flags <> '{}'",
             "does not say risk_flags"),
        Rule("slip_risk", "(d.slip_risk is null) = (d.close_date is null)", "does not agree with close_date"),
    )  # fmt: skip

    opportunity_id: str
    account_name: str
    opportunity_name: str
    owner_name: str
    amount: Number | None
    stage_name: str
    days_in_stage: AtLeastZero
    health_score: Score | None
    close_date: date | None
    urgency: Urgency
    risk_flags: list[Flag]
    risk_flags_display: str
    days_until_close: int | None
    slip_risk: Literal["HIGH", "MEDIUM", "LOW"] | None
    primary_action: Literal["call", "email", "meeting", "escalate"]
    action_target: str | None
    action_reason: str
    urgency_icon: Literal["🔴", "🟠", "🟡", "🟢"]
    amount_display: str
    owner_id: str
    team_id: str
    team_filter: str
    segment: str | None
    region: str | None
    quarter: str | None
    benchmark_days: AtLeastZero
    deviation_days: Number
    stage_id: str


class HealthDistribution(Contract):
    """The open pipeline by health."""

    dataset: ClassVar[str] = "dashboard.health_distribution"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "quarter", "team_id", "segment", "region")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("deals_count", "d.healthy_count + d.monitor_count + d.at_risk_count + d.critical_count + d.unjudged_count = d.deals_count",
             "is not the sum of the bands"),
        Rule("healthy_pct", "coalesce(abs(d.healthy_pct + d.monitor_pct + d.at_risk_pct + d.critical_pct - 1) < 0.00001, d.deals_count = d.unjudged_count)",
             "and the others do not add up to 1"),
    )  # fmt: skip

    quarter: str
    team_filter: str
    segment: str
    region: str
    team_id: str
    healthy_count: Count
    healthy_amount: Number | None
    healthy_pct: Share | None
    monitor_count: Count
    monitor_amount: Number | None
    monitor_pct: Share | None
    at_risk_count: Count
    at_risk_amount: Number | None
    at_risk_pct: Share | None
    critical_count: Count
    critical_amount: Number | None
    critical_pct: Share | None
    at_risk_change_1w: Number | None
    trend_direction: Trend | None
    deals_count: Count
    unjudged_count: Count


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


class NextBestActions(Contract):
    """What every rep should do next."""

    dataset: ClassVar[str] = "dashboard.next_best_actions"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id", "priority_rank")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("contact_name", "(d.contact_name is null) = (d.contact_role is null)", "does not agree with contact_role"),
        Rule("time_display", "d.time_display = d.best_time_start || ' – ' || d.best_time_end or d.best_time_start is null and d.time_display in ('any time', '—')",
             "does not say the best time"),
        Rule("best_time_start", "coalesce(d.best_time_start ~ '^(1[0-2]|[1-9]):[0-5][0-9] [AP]M$', true)", "is not of the form 2:00 PM"),
        Rule("best_time_samples", "(d.best_time_samples is null) = (d.best_time_start is null)", "does not agree with best_time_start"),
        Rule("urgency", "case d.urgency when 'today' then d.deal_urgency = 'CRITICAL' when 'this_week' then d.deal_urgency in ('CRITICAL', 'HIGH')"
             " else d.deal_urgency in ('MEDIUM', 'LOW') end", "does not agree with deal_urgency"),
        Rule("risk_if_delayed", "(d.risk_if_delayed is null) = (d.risk_basis is null) and (d.risk_amount is null) = (d.risk_basis is null)",
             "does not agree with risk_basis and risk_amount"),
        Rule("action_icon", "d.action_icon = case d.action_type when 'call' then '📞' when 'email' then '📧' when 'meeting' then '📅' else '✅' end",
             "does not say action_type"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "priority_rank",
            "select tenant_id, snapshot_date, rep_id, null as priority_rank, max(priority_rank)::text as value from {window} group by 1, 2, 3"
            " having max(priority_rank) <> count(*)",
            "is the last of ranks with gaps",
        ),
    )

    action_id: UUID
    rep_id: str
    opportunity_id: str
    account_name: str
    contact_name: str | None
    contact_role: str | None
    action_type: Literal["call", "email", "meeting", "task"]
    action_reason: str
    priority_score: Percent
    priority_rank: Annotated[int, Ge(1), Le(10)]
    best_time_start: str | None
    best_time_end: str | None
    urgency: Literal["today", "this_week", "soon"]
    deal_amount: Number | None
    deal_health: Score | None
    days_since_contact: Count
    risk_if_delayed: str | None
    action_icon: Literal["📞", "📧", "📅", "✅"]
    time_display: str
    opportunity_name: str
    contact_id: str | None
    risk_flags: list[Flag]
    health_factor: Share | None
    silence_factor: Share | None
    amount_factor: Share | None
    close_date_factor: Share | None
    risk_flags_factor: Share
    best_time_basis: Literal["contact", "rep"] | None
    best_time_samples: Count | None
    close_date: date | None
    quarter: str | None
    team_id: str
    manager_name: str
    segment: str | None
    region: str | None
    deal_urgency: Urgency
    amount_at_stake: Number | None
    risk_amount: Number | None
    risk_basis: Flag | None


CONTRACTS: tuple[type[Contract], ...] = (
    DashboardKpis,
    ForecastHistory,
    StageVelocity,
    StuckDealsView,
    HealthDistribution,
    RepPerformanceView,
    RepDriverComparison,
    RepActivityMetrics,
    NextBestActions,
)

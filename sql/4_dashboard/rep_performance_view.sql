-- Every active rep's standing, at the end of every day, beside the team and the quarter before.
--
-- Grain: tenant, day and active rep.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   rep_id: the rep
--   rep_name: name, for people
--   manager_name: the manager's name; No manager without one
--   region: region
--   segment: segment
--   ytd_attainment: won in the fiscal year to date as a share of the quota for it
--   ytd_attainment_display: the same for people
--   win_rate: won / (won + lost) of the last 365 days, by count
--   avg_deal_size: mean amount of the won deals
--   avg_sales_cycle_days: mean elapsed days from creation to winning
--   overall_rank: 1 for the best; null without a figure to rank by
--   total_reps: how many are ranked
--   rank_display: the two for people; a dash without a rank
--   rank_change_qoq: places moved up since the end of the quarter before
--   team_avg_win_rate: the team's win rate, pooled over its deals
--   team_avg_deal_size: the team's mean deal size
--   team_avg_cycle: the team's mean cycle, days
--   win_rate_vs_team: rep less the rest of the team
--   win_rate_vs_team_display: the same for people
--   cycle_vs_team: rep less the rest of the team, days
--   attainment_change_qoq: against the end of the quarter before
--   win_rate_change_qoq: against the end of the quarter before
--   performance_tier: Top Performer, On Track, Needs Improvement or At Risk; null without a quota
--   team_id: the manager's id; none without one
--   quota_to_date: the quota for the fiscal year's days up to this one
--   won_amount_to_date: what was won in them
--   won_count: won deals of the last 365 days
--   lost_count: lost deals of the last 365 days
--   quarter_attainment: bookings of the quarter as a share of its quota
--   is_top_performer: whether the rep belongs to the top quartile by attainment
select
    tenant_id,
    snapshot_date,
    rep_id,
    rep_name,
    team_name as manager_name,
    region,
    segment,
    ytd_attainment,
    dashboard.percent(ytd_attainment) as ytd_attainment_display,
    win_rate,
    avg_deal_size,
    avg_sales_cycle_days,
    overall_rank,
    total_reps,
    dashboard.rank(overall_rank, total_reps) as rank_display,
    rank_change_qoq,
    team_win_rate as team_avg_win_rate,
    team_avg_deal_size,
    team_avg_sales_cycle_days as team_avg_cycle,
    win_rate_vs_team,
    dashboard.percent_delta(win_rate_vs_team) as win_rate_vs_team_display,
    cycle_vs_team,
    attainment_change_qoq,
    win_rate_change_qoq,
    performance_tier,
    team_id,
    year_to_date_quota as quota_to_date,
    year_won_amount as won_amount_to_date,
    won_count,
    lost_count,
    quarter_attainment,
    is_top_performer
from analytics.rep_performance
where snapshot_date >= :window_start and snapshot_date < :window_end and is_active

-- Every active rep's standing, at the end of every day, beside the team and the quarter before.
--
-- Grain: tenant, day and active rep.
-- Key: tenant_id, snapshot_date, rep_id
-- Preview: d.overall_rank
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep
--   rep_name text not null: name, for people
--   manager_name text not null: the manager's name; No manager without one
--   region text: region
--   segment text: segment
--   ytd_attainment numeric: won in the fiscal year to date as a share of the quota for it
--   ytd_attainment_display text not null: the same for people
--   win_rate numeric(5, 4), 0 to 1: won / (won + lost) of the last 365 days, by count
--   avg_deal_size numeric(18, 2): mean amount of the won deals
--   avg_sales_cycle_days numeric(10, 2), at least 0: mean elapsed days from creation to winning
--   overall_rank bigint, at least 1: 1 for the best; null without a figure to rank by
--   total_reps bigint not null, at least 0: how many are ranked
--   rank_display text not null: the two for people; a dash without a rank
--   rank_change_qoq bigint: places moved up since the end of the quarter before
--   team_avg_win_rate numeric(5, 4), 0 to 1: the team's win rate, pooled over its deals
--   team_avg_deal_size numeric(18, 2): the team's mean deal size
--   team_avg_cycle numeric(10, 2), at least 0: the team's mean cycle, days
--   win_rate_vs_team numeric(5, 4), -1 to 1: rep less the rest of the team
--   win_rate_vs_team_display text not null: the same for people
--   cycle_vs_team numeric(10, 2): rep less the rest of the team, days
--   attainment_change_qoq numeric: against the end of the quarter before
--   win_rate_change_qoq numeric(5, 4), -1 to 1: against the end of the quarter before
--   performance_tier text, one of Top Performer, On Track, Needs Improvement, At Risk: Top Performer, On Track, Needs
--       Improvement or At Risk; null without a quota
--   team_id text not null: the manager's id; none without one
--   quota_to_date numeric(16, 2): the quota for the fiscal year's days up to this one
--   won_amount_to_date numeric(16, 2): what was won in them
--   won_count bigint not null, at least 0: won deals of the last 365 days
--   lost_count bigint not null, at least 0: lost deals of the last 365 days
--   quarter_attainment numeric: bookings of the quarter as a share of its quota
--   is_top_performer boolean not null: whether the rep belongs to the top quartile by attainment
-- Rules:
--   ytd_attainment_display does not say ytd_attainment unless ytd_attainment_display =
--       dashboard.percent(ytd_attainment)
--   rank_display does not say overall_rank unless rank_display = dashboard.rank(overall_rank, total_reps)
--   win_rate_vs_team_display does not say win_rate_vs_team unless win_rate_vs_team_display =
--       dashboard.percent_delta(win_rate_vs_team)
--   overall_rank is one of ranks with gaps or ties unless overall_rank is null or max(overall_rank) over (partition by
--       tenant_id, snapshot_date) = count(overall_rank) over (partition by tenant_id, snapshot_date) and count(*) over
--       (partition by tenant_id, snapshot_date, overall_rank) = 1
--   total_reps is not how many have a rank unless total_reps = count(overall_rank) over (partition by tenant_id,
--       snapshot_date)
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

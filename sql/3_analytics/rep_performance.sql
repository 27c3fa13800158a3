-- How every rep stood at the end of every day: attainment of the quota up to the day, win rate, deal size, cycle, open
-- pipeline, rank among the active reps, beside the team (those with the same manager, active that day; its averages are
-- pooled over the team's deals) and beside the last day of the quarter before. Reps with a quota, an open deal or one
-- closed lately; deals of nobody stand under -1, without a rank.
--
-- Grain: tenant, day and rep.
-- Key: tenant_id, snapshot_date, rep_id
-- Unique: tenant_id, snapshot_date, overall_rank
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for deals of nobody
--   rep_name text not null: name, for people
--   team_id text not null: the manager's id; none or -1
--   team_name text not null: the manager's name
--   segment text: segment
--   region text: region
--   is_active boolean not null: whether the source lists the rep, as not removed and already hired
--   created_today_count bigint not null: deals created on this day and owned by the rep at its end
--   won_today_count bigint not null: deals won on this day
--   lost_today_count bigint not null: deals lost on this day
--   quarter_quota numeric(16, 2): quota for the quarter
--   quarter_won_count bigint not null: won deals with a close date in the quarter
--   quarter_won_amount numeric(16, 2): what they are worth: bookings
--   quarter_attainment numeric: bookings as a share of the quarter's quota
--   year_to_date_quota numeric(16, 2): quota for the fiscal year's days up to this one
--   year_won_amount numeric(16, 2): what was won in the fiscal year up to this day, by close date
--   ytd_attainment numeric: that as a share of that quota
--   won_count bigint not null: won deals of the last 365 days, by close date
--   lost_count bigint not null: lost deals of the last 365 days
--   win_rate numeric(5, 4), 0 to 1: won / (won + lost), by count; null as long as the source has told of no won deal,
--       or of no lost one
--   amount_win_rate numeric(5, 4), 0 to 1: the same by amount; null where negative amounts make it no share
--   avg_deal_size numeric(16, 2): mean amount of the won deals that have one
--   avg_sales_cycle_days numeric(10, 2): mean elapsed days from creation to winning
--   open_deals_count bigint not null: open deals
--   open_amount numeric(16, 2): what they are worth
--   mean_health_score numeric(5, 2): their mean health score
--   overall_rank bigint: 1 for the best of the active reps: by attainment, then win rate, then name; null with neither
--       figure
--   total_reps bigint: how many are ranked
--   team_win_rate numeric(5, 4): the team's win rate
--   team_avg_deal_size numeric(16, 2): the team's mean deal size
--   team_avg_sales_cycle_days numeric(10, 2): the team's mean cycle
--   win_rate_vs_team numeric(5, 4): rep less the rest of the team
--   cycle_vs_team numeric(10, 2): rep less the rest of the team, days
--   attainment_change_qoq numeric: against the last day of the quarter before
--   win_rate_change_qoq numeric(5, 4): against the last day of the quarter before
--   rank_change_qoq bigint: places moved up since the last day of the quarter before
--   performance_tier text, one of Top Performer, On Track, Needs Improvement, At Risk: Top Performer, On Track, Needs
--       Improvement or At Risk, by attainment
--   is_top_performer boolean not null: whether the rep belongs to the top quartile by attainment (at least one does)
with measured as (
    select
        *,
        case when has_money then round(year_won_amount / nullif(year_to_date_quota, 0), 4) end as ytd_attainment,
        case when has_money then round(quarter_won_amount / nullif(quarter_quota, 0), 4) end as quarter_attainment,
        case when has_outcomes then round(won_count::numeric / nullif(won_count + lost_count, 0), 4) end as win_rate,
        case when has_outcomes then ops.share(won_amount / nullif(won_amount + lost_amount, 0)) end as amount_win_rate,
        round(won_amount / nullif(won_with_amount_count, 0), 2) as avg_deal_size,
        round(won_cycle_days / nullif(won_count, 0), 2) as avg_sales_cycle_days
    from analytics.rep_results
    where snapshot_date >= :window_start and snapshot_date < :window_end
),

teams as (
    select
        tenant_id,
        snapshot_date,
        team_id,
        bool_or(has_outcomes) as has_outcomes,
        sum(won_count) as won_count,
        sum(won_count + lost_count) as closed_count,
        sum(won_cycle_days) as won_cycle_days,
        round(sum(won_amount) / nullif(sum(won_with_amount_count), 0), 2) as team_avg_deal_size
    from measured
    where is_active
    group by tenant_id, snapshot_date, team_id
),

ranked as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        row_number() over (
            partition by tenant_id, snapshot_date
            order by ytd_attainment desc nulls last, win_rate desc nulls last, rep_name asc, rep_id asc
        ) as overall_rank,
        count(*) over (partition by tenant_id, snapshot_date) as total_reps,
        count(ytd_attainment) over (partition by tenant_id, snapshot_date) as reps_with_attainment
    from measured
    where is_active and coalesce(ytd_attainment, win_rate) is not null
)

select
    m.tenant_id,
    m.snapshot_date,
    m.rep_id,
    m.rep_name,
    m.team_id,
    m.team_name,
    m.segment,
    m.region,
    m.is_active,
    m.created_today_count,
    m.won_today_count,
    m.lost_today_count,
    m.quarter_quota,
    m.quarter_won_count,
    case when m.has_money then m.quarter_won_amount end as quarter_won_amount,
    m.quarter_attainment,
    m.year_to_date_quota,
    case when m.has_money then m.year_won_amount end as year_won_amount,
    m.ytd_attainment,
    m.won_count,
    m.lost_count,
    m.win_rate,
    m.amount_win_rate,
    m.avg_deal_size,
    m.avg_sales_cycle_days,
    m.open_deals_count,
    case when m.has_money then m.open_amount end as open_amount,
    m.mean_health_score,
    k.overall_rank,
    case when m.is_active then coalesce(n.total_reps, 0) end as total_reps,
    case when t.has_outcomes then round(t.won_count / nullif(t.closed_count, 0), 4) end as team_win_rate,
    t.team_avg_deal_size,
    round(t.won_cycle_days / nullif(t.won_count, 0), 2) as team_avg_sales_cycle_days,
    case
        when m.is_active
            then
                m.win_rate
                - round((t.won_count - m.won_count) / nullif(t.closed_count - m.won_count - m.lost_count, 0), 4)
    end as win_rate_vs_team,
    case
        when m.is_active
            then
                m.avg_sales_cycle_days
                - round(((t.won_cycle_days - m.won_cycle_days) / nullif(t.won_count - m.won_count, 0))::numeric, 2)
    end as cycle_vs_team,
    m.ytd_attainment - b.ytd_attainment as attainment_change_qoq,
    m.win_rate - b.win_rate as win_rate_change_qoq,
    b.overall_rank - k.overall_rank as rank_change_qoq,
    e.tier as performance_tier,
    coalesce(
        m.ytd_attainment is not null
        and k.overall_rank <= greatest(1, floor(k.reps_with_attainment * h.top_performer_share)), false
    ) as is_top_performer
from measured as m
inner join pg_temp.run_days as r on m.tenant_id = r.tenant_id and m.snapshot_date = r.day
inner join staging.thresholds as h on m.tenant_id = h.tenant_id and m.snapshot_date = h.snapshot_date
left join ranked as k on m.tenant_id = k.tenant_id and m.snapshot_date = k.snapshot_date and m.rep_id = k.rep_id
left join (
    select distinct
        tenant_id,
        snapshot_date,
        total_reps
    from ranked
) as n on m.tenant_id = n.tenant_id and m.snapshot_date = n.snapshot_date
left join teams as t on m.tenant_id = t.tenant_id and m.snapshot_date = t.snapshot_date and m.team_id = t.team_id
left join analytics.rep_performance as b
    on m.tenant_id = b.tenant_id and b.snapshot_date = r.quarter_start - 1 and m.rep_id = b.rep_id
left join lateral (
    select s.tier
    from reference.rep_tiers as s
    where
        s.tenant_id = m.tenant_id and m.snapshot_date >= s.valid_from and m.snapshot_date < s.valid_to
        and m.ytd_attainment >= coalesce(s.attainment_at_least, '-infinity')
    order by s.attainment_at_least desc nulls last
    limit 1
) as e on m.is_active

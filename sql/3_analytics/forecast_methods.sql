-- What each method forecasts for the day's quarter, at the end of every day. default: won, and open deals by the
-- weights of their category and health. learned: won, what open deals are worth times their probability of being won by
-- the quarter's end, and what deals that are yet to be created may add at the pace of the last :window. stage_weighted:
-- won, and deals due in the quarter by the source's own probability. commit: won and Commit. closed_so_far: won, as a
-- share of the days that have passed. run_rate: a quarter of what was won in the last :window. For every combination of
-- team, segment and region, as in analytics.forecast_lines.
--
-- Window: 365 days
-- Grain: tenant, day, team, segment, region and method.
-- Key: tenant_id, snapshot_date, team_id, segment, region, method
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter that is forecast
--   team_id text not null: All, a manager's id, none or -1
--   team_name text not null: All, or the manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   method text not null, one of default, learned, stage_weighted, commit, closed_so_far, run_rate: how it is forecast
--   forecast_amount numeric(18, 2): what will have been won by the quarter's end; null where the method has nothing to
--       go by
--   missing text: what it lacks then
with open_deals as (
    select
        p.tenant_id,
        p.snapshot_date,
        p.owner_id as rep_id,
        d.segment,
        sum(p.expected_amount) as learned_amount,
        count(*) filter (
            where p.amount is not null and (p.method <> 'learned' or p.won_by_quarter_end is null)
        ) as unlearned_count,
        sum(d.amount * d.probability / 100) filter (where t.is_due) as staged_amount,
        count(*) filter (where t.is_due and d.amount is not null and d.probability is null) as unstaged_count,
        0 as recent_amount,
        0 as new_amount
    from analytics.win_probability as p
    inner join staging.deal_days as d
        on p.tenant_id = d.tenant_id and p.snapshot_date = d.snapshot_date and p.opportunity_id = d.opportunity_id
    inner join pg_temp.run_days as r on p.tenant_id = r.tenant_id and p.snapshot_date = r.day
    cross join
        lateral (
            select
                d.forecast_category <> 'Omitted' and d.close_date >= r.quarter_start
                and d.close_date <= r.quarter_end as is_due
        ) as t
    where p.snapshot_date >= :window_start and p.snapshot_date < :window_end
    group by p.tenant_id, p.snapshot_date, p.owner_id, d.segment
),

-- A deal that takes so long to win adds to the quarter if it is created early enough in what is left of it.
won_deals as (
    select
        i.tenant_id,
        r.day as snapshot_date,
        coalesce(i.credited_owner_id, '-1') as rep_id,
        a.segment,
        0 as learned_amount,
        0 as unlearned_count,
        0 as staged_amount,
        0 as unstaged_count,
        sum(i.amount) as recent_amount,
        sum(
            i.amount * greatest(
                r.quarter_end - r.day - extract(epoch from i.closed_at - i.opened_at)::numeric / 86400, 0
            )
        ) as new_amount
    from staging.deal_intervals as i
    cross join lateral (select (i.closed_at at time zone (select ops.timezone()))::date as day) as c
    inner join pg_temp.run_days as r
        on
            i.tenant_id = r.tenant_id and i.d_from <= r.day and i.d_to > r.day
            and c.day > r.day - :window_days
    left join staging.accounts as a
        on i.tenant_id = a.tenant_id and i.account_id = a.account_id and r.day >= a.d_from and r.day < a.d_to
    where i.status = 'won' and i.d_from < :window_end and i.d_to > :window_start
    group by i.tenant_id, r.day, i.credited_owner_id, a.segment
),

summed as (
    select
        d.tenant_id,
        d.snapshot_date,
        ops.or_all(grouping(p.team_id), p.team_id) as team_id,
        ops.or_all(grouping(coalesce(d.segment, p.segment)), coalesce(d.segment, p.segment)) as segment,
        ops.or_all(grouping(p.region), p.region) as region,
        sum(d.learned_amount) as learned_amount,
        sum(d.unlearned_count) as unlearned_count,
        sum(d.staged_amount) as staged_amount,
        sum(d.unstaged_count) as unstaged_count,
        sum(d.recent_amount) as recent_amount,
        sum(d.new_amount) as new_amount
    from (
        select * from open_deals
        union all
        select * from won_deals
    ) as d
    inner join staging.rep_days as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id
    group by d.tenant_id, d.snapshot_date, cube (p.team_id, coalesce(d.segment, p.segment), p.region)
),

totals as (
    select
        l.tenant_id,
        l.snapshot_date,
        l.quarter,
        l.team_id,
        l.team_name,
        l.segment,
        l.region,
        (r.day - r.quarter_start + 1)::numeric / (r.quarter_end - r.quarter_start + 1) as passed,
        r.quarter_end - r.quarter_start + 1 as quarter_days,
        least(r.day - h.since_date + 1, :window_days) as recent_days,
        t.pace_deals,
        sum(l.weighted_amount) as default_amount,
        sum(l.amount) filter (where l.line in ('Closed Won', 'Commit')) as commit_amount,
        sum(l.amount) filter (where l.line = 'Closed Won') as won_amount,
        sum(l.deals_count) filter (where l.line = 'Closed Won') as won_count
    from analytics.forecast_lines as l
    inner join pg_temp.run_days as r
        on l.tenant_id = r.tenant_id and l.snapshot_date = r.day and l.quarter = r.quarter
    inner join staging.thresholds as t on l.tenant_id = t.tenant_id and l.snapshot_date = t.snapshot_date
    inner join staging.source_coverage as h on l.tenant_id = h.tenant_id and h.matter = 'deals'
    where l.snapshot_date >= :window_start and l.snapshot_date < :window_end
    group by
        l.tenant_id, l.snapshot_date, l.quarter, l.team_id, l.team_name, l.segment, l.region, r.day, r.quarter_start,
        r.quarter_end, h.since_date, t.pace_deals
)

select
    t.tenant_id,
    t.snapshot_date,
    t.quarter,
    t.team_id,
    t.team_name,
    t.segment,
    t.region,
    m.method,
    case when t.won_amount is not null and m.missing is null then round(m.forecast_amount, 2) end as forecast_amount,
    case when t.won_amount is null then 'amounts or close dates' else m.missing end as missing
from totals as t
left join summed as s
    on
        t.tenant_id = s.tenant_id and t.snapshot_date = s.snapshot_date and t.team_id = s.team_id
        and t.segment = s.segment and t.region = s.region
cross join
    lateral (
        values
        ('default', t.default_amount, null),
        ('commit', t.commit_amount, null),
        (
            'learned',
            t.won_amount + coalesce(s.learned_amount, 0) + coalesce(s.new_amount, 0) / t.recent_days,
            case when s.unlearned_count > 0 then 'ended deals to learn from' end
        ),
        (
            'stage_weighted', t.won_amount + coalesce(s.staged_amount, 0),
            case when s.unstaged_count > 0 then 'probabilities of the source' end
        ),
        (
            'closed_so_far', t.won_amount / t.passed,
            case when t.won_count < t.pace_deals then 'deals closed in the quarter' end
        ),
        (
            'run_rate', coalesce(s.recent_amount, 0) / t.recent_days * t.quarter_days,
            case when t.recent_days < t.quarter_days then 'a quarter of history' end
        )
    ) as m (method, forecast_amount, missing)

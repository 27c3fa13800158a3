-- The pipeline that was created in the day's quarter up to the day, by lead source and rep, beside the quarter before
-- on its same day: deals that exist at the day's end, at what they are worth then, whatever has become of them. A deal
-- is its first owner's, who owned it at the end of the day on which it was created; lead sources are those of the day.
--
-- Grain: tenant, day, rep with such deals or a quota, and lead source; All of each, and teams (rep_id All).
-- Key: tenant_id, snapshot_date, team_id, rep_id, lead_source
-- Preview: d.created_amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   team_id text not null: All, a manager's id, none or -1
--   rep_id text not null: All, or who owned the deals; -1 for nobody
--   lead_source text not null: All, a lead source, or none
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   created_count bigint not null, at least 0: deals created in the quarter so far
--   without_amount_count bigint not null, at least 0: those of them without an amount
--   created_amount numeric(16, 2): what the others are worth; null if nobody said of any
--   previous_created_count bigint not null, at least 0: deals created in the quarter before by its same day
--   previous_without_amount_count bigint not null, at least 0: those of them without an amount
--   previous_created_amount numeric(16, 2): what the others were worth on that day
--   amount_win_rate numeric(5, 4), 0 to 1: of all sources: won / (won + lost) by amount, by close date in 365 days;
--       null as long as the source has told of no won or no lost deal
--   needed_amount numeric(16, 2): of all sources: the quarter's quota / amount_win_rate, what a quarter has to create
with quarters as (
    select
        r.tenant_id,
        r.day,
        n.quarters = 0 as is_running,
        (r.quarter_start - make_interval(months => 3 * n.quarters))::date as quarter_start,
        case when n.quarters = 0 then r.day else ops.same_day(r.day, r.quarter_start, 1) end as same_day
    from pg_temp.run_days as r
    cross join (values (0), (1)) as n (quarters)
),

spans as (
    select
        i.tenant_id,
        q.quarter_start,
        i.d_from,
        i.d_to,
        i.amount,
        coalesce(ops.group_key(i.lead_source), 'none') as lead_source,
        coalesce(
            max(i.owner_id) filter (where i.d_from = q.day) over (partition by i.tenant_id, i.opportunity_id), '-1'
        ) as rep_id
    from staging.deal_intervals as i
    inner join ops.calendar as q on (i.opened_at at time zone (select ops.timezone()))::date = q.day
    where q.day < :window_end and q.quarter_start >= (select min(w.quarter_start) from quarters as w)
),

created as (
    select
        q.tenant_id,
        q.day,
        s.rep_id,
        s.lead_source,
        count(*) filter (where q.is_running) as created_count,
        count(*) filter (where q.is_running and s.amount is null) as without_amount_count,
        sum(s.amount) filter (where q.is_running) as created_amount,
        count(*) filter (where not q.is_running) as previous_created_count,
        count(*) filter (where not q.is_running and s.amount is null) as previous_without_amount_count,
        sum(s.amount) filter (where not q.is_running) as previous_created_amount,
        null::numeric as quota,
        null::numeric as won_amount,
        null::numeric as lost_amount
    from quarters as q
    inner join spans as s
        on
            q.tenant_id = s.tenant_id and q.quarter_start = s.quarter_start
            and q.same_day >= s.d_from and q.same_day < s.d_to
    group by q.tenant_id, q.day, s.rep_id, s.lead_source
),

results as (
    select
        tenant_id,
        snapshot_date as day,
        rep_id,
        null as lead_source,
        0 as created_count,
        0 as without_amount_count,
        null::numeric as created_amount,
        0 as previous_created_count,
        0 as previous_without_amount_count,
        null::numeric as previous_created_amount,
        null::numeric as quota,
        sum(won_amount) as won_amount,
        sum(lost_amount) as lost_amount
    from staging.rep_closings
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, rep_id
    having sum(won_count) + sum(lost_count) > 0
),

quotas as (
    select
        tenant_id,
        snapshot_date as day,
        rep_id,
        null as lead_source,
        0 as created_count,
        0 as without_amount_count,
        null::numeric as created_amount,
        0 as previous_created_count,
        0 as previous_without_amount_count,
        null::numeric as previous_created_amount,
        quarter_target as quota,
        null::numeric as won_amount,
        null::numeric as lost_amount
    from staging.quota_days
    where snapshot_date >= :window_start and snapshot_date < :window_end and quarter_target is not null
),

summed as (
    select
        d.tenant_id,
        d.day,
        ops.or_all(grouping(p.team_id), p.team_id) as team_id,
        ops.or_all(grouping(d.rep_id), d.rep_id) as rep_id,
        ops.or_all(grouping(d.lead_source), d.lead_source) as lead_source,
        ops.or_all(grouping(p.team_id), max(p.team_name)) as team_name,
        ops.or_all(grouping(d.rep_id), max(p.rep_name)) as rep_name,
        sum(d.created_count) as created_count,
        sum(d.without_amount_count) as without_amount_count,
        sum(d.created_amount) as created_amount,
        sum(d.previous_created_count) as previous_created_count,
        sum(d.previous_without_amount_count) as previous_without_amount_count,
        sum(d.previous_created_amount) as previous_created_amount,
        sum(d.quota) as quota,
        ops.share(sum(d.won_amount) / nullif(sum(d.won_amount) + sum(d.lost_amount), 0)) as amount_win_rate
    from (
        select * from created
        union all
        select * from results
        union all
        select * from quotas
    ) as d
    inner join staging.rep_days as p
        on d.tenant_id = p.tenant_id and d.day = p.snapshot_date and d.rep_id = p.rep_id
    group by
        d.tenant_id, d.day,
        grouping sets ((p.team_id, d.rep_id), (p.team_id), ()),
        grouping sets ((d.lead_source), ())
    having grouping(d.lead_source) = 1 or d.lead_source is not null
),

judged as (
    select
        s.*,
        case when t.outcomes_since <= s.day then s.amount_win_rate end as told_win_rate,
        case
            when s.lead_source = 'All' then case when s.team_id = 'All' then c.quota else s.quota end
        end as quarter_quota
    from summed as s
    left join quotas as c on s.tenant_id = c.tenant_id and s.day = c.day and c.rep_id = 'All'
    left join staging.coverage_dates as t on s.tenant_id = t.tenant_id
)

select
    tenant_id,
    day as snapshot_date,
    team_id,
    rep_id,
    lead_source,
    team_name,
    rep_name,
    created_count,
    without_amount_count,
    created_amount,
    previous_created_count,
    previous_without_amount_count,
    previous_created_amount,
    told_win_rate as amount_win_rate,
    round(quarter_quota / nullif(told_win_rate, 0), 2) as needed_amount
from judged

-- What was to be sold, as of the end of every day: by each rep with a quota, and by the company. A period that covers
-- a quarter or the year to date in part counts by its days. A period without an end is as long as its type says, else
-- as the shortest time between the starts of two quotas of one rep and kind (one alone cannot be used). Where
-- sql/reference/quotas.csv has a quota of a rep (or of the company), it takes the place of the source's for any
-- period that the two share. A company without a target of its own is to sell what its reps are.
--
-- Grain: tenant, day and rep with a quota, and one for the company.
-- Key: tenant_id, snapshot_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; All for the company
--   quarter_target numeric(16, 2): for the day's quarter, money; null without a quota for it
--   next_quarter_target numeric(16, 2): for the quarter after it
--   year_to_date_target numeric(16, 2): for the fiscal year's days up to this one
with from_files as (
    select
        r.tenant_id,
        r.day,
        coalesce(q.rep_id, 'All') as rep_id,
        q.period_start,
        q.period_end,
        q.amount
    from pg_temp.run_days as r
    inner join reference.quotas as q
        on r.tenant_id = q.tenant_id and r.day >= q.valid_from and r.day < q.valid_to
),

known as (
    select
        r.tenant_id,
        r.day,
        coalesce(q.rep_id, 'All') as rep_id,
        q.period_start,
        q.period_end,
        q.period_type,
        q.quota_type,
        q.amount
    from pg_temp.run_days as r
    inner join staging.quotas as q on r.tenant_id = q.tenant_id and r.as_of > q.valid_from and r.as_of <= q.valid_to
),

starts as (
    select
        tenant_id,
        day,
        quota_type,
        age(
            period_start, lag(period_start) over (partition by tenant_id, day, quota_type, rep_id order by period_start)
        ) as distance
    from known
    where period_end is null
),

lengths as (
    select
        tenant_id,
        day,
        quota_type,
        min(extract(year from distance) * 12 + extract(month from distance))::int as months
    from starts
    where distance >= interval '1 month'
    group by tenant_id, day, quota_type
),

from_source as (
    select
        k.tenant_id,
        k.day,
        k.rep_id,
        k.period_start,
        p.period_end,
        k.amount
    from known as k
    left join lengths as n
        on k.tenant_id = n.tenant_id and k.day = n.day and k.quota_type is not distinct from n.quota_type
    cross join
        lateral (
            select
                coalesce(
                    k.period_end,
                    (
                        k.period_start + make_interval(
                            months => coalesce(
                                case k.period_type when 'month' then 1 when 'quarter' then 3 when 'year' then 12 end,
                                case when n.months < 12 then n.months when n.months is not null then 12 end
                            )
                        )
                    )::date - 1
                ) as period_end
        ) as p
    where p.period_end is not null
),

in_force as (
    select * from from_files
    union all
    select s.*
    from from_source as s
    where not exists (
        select
        from from_files as f
        where
            f.tenant_id = s.tenant_id and f.day = s.day and f.rep_id = s.rep_id
            and f.period_start <= s.period_end and f.period_end >= s.period_start
    )
),

shares as (
    select
        q.tenant_id,
        q.day,
        q.rep_id,
        p.period,
        q.amount * (least(q.period_end, p.last_day) - greatest(q.period_start, p.first_day) + 1)
        / (q.period_end - q.period_start + 1) as amount
    from in_force as q
    inner join pg_temp.run_days as r on q.tenant_id = r.tenant_id and q.day = r.day
    cross join
        lateral (
            values
            ('quarter', r.quarter_start, r.quarter_end),
            ('next quarter', r.quarter_end + 1, (r.quarter_end + 1 + interval '3 months')::date - 1),
            ('year to date', r.fiscal_year_start, r.day)
        ) as p (period, first_day, last_day)
    where q.period_start <= p.last_day and q.period_end >= p.first_day
),

targets as (
    select
        tenant_id,
        day,
        rep_id,
        sum(amount) filter (where period = 'quarter') as quarter_target,
        sum(amount) filter (where period = 'next quarter') as next_quarter_target,
        sum(amount) filter (where period = 'year to date') as year_to_date_target
    from shares
    group by tenant_id, day, rep_id
),

company as (
    select
        tenant_id,
        day,
        coalesce(
            sum(quarter_target) filter (where rep_id = 'All'), sum(quarter_target) filter (where rep_id <> 'All')
        ) as quarter_target,
        coalesce(
            sum(next_quarter_target) filter (where rep_id = 'All'),
            sum(next_quarter_target) filter (where rep_id <> 'All')
        ) as next_quarter_target,
        coalesce(
            sum(year_to_date_target) filter (where rep_id = 'All'),
            sum(year_to_date_target) filter (where rep_id <> 'All')
        ) as year_to_date_target
    from targets
    group by tenant_id, day
)

select
    tenant_id,
    day as snapshot_date,
    rep_id,
    round(quarter_target, 2) as quarter_target,
    round(next_quarter_target, 2) as next_quarter_target,
    round(year_to_date_target, 2) as year_to_date_target
from targets
where rep_id <> 'All'
union all
select
    tenant_id,
    day as snapshot_date,
    'All' as rep_id,
    round(quarter_target, 2) as quarter_target,
    round(next_quarter_target, 2) as next_quarter_target,
    round(year_to_date_target, 2) as year_to_date_target
from company

-- What was to be sold, as of the end of every day: by each rep with a quota, and by the company. A period that covers
-- a quarter or the year to date in part counts by its days. Where sql/reference/quotas.csv has a quota of a rep (or of
-- the company), it takes the place of the source's for any period that the two share. A company without a target of
-- its own is to sell what its reps are.
--
-- One row per: tenant, day and rep with a quota, and one for the company.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   rep_id: the rep; All for the company
--   quarter_target: for the day's quarter, money; null without a quota for it
--   next_quarter_target: for the quarter after it
--   year_to_date_target: for the fiscal year's days up to this one
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

from_source as (
    select
        r.tenant_id,
        r.day,
        coalesce(q.rep_id, 'All') as rep_id,
        q.period_start,
        q.period_end,
        q.amount
    from pg_temp.run_days as r
    inner join staging.quotas as q on r.tenant_id = q.tenant_id and r.as_of > q.valid_from and r.as_of <= q.valid_to
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

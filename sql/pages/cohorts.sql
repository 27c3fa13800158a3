-- Open deals of a group by the month in which they were created.
with deals as (
    select
        date_trunc('month', snapshot_date - days_open)::date as month,
        amount,
        pushes_count
    from staging.deal_days
    where
        tenant_id = :tenant and snapshot_date = :day
        and (:team = 'All' or team_id = :team)
        and (:segment = 'All' or coalesce(segment, 'Unknown') = :segment)
        and (:region = 'All' or coalesce(region, 'Unknown') = :region)
)

select
    month,
    count(*) as deals_count,
    sum(amount) as amount,
    dashboard.currency(sum(amount)) as amount_shown,
    count(*) filter (where pushes_count > 0) as pushed_count
from deals
group by month
order by month

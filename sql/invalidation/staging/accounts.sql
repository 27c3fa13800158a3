-- An account's name, while it was so and the account had open deals; its segment, while deals of it counted: at
-- months' ends also those that were created in the year before.
with changed_accounts as (
    select distinct
        c.tenant_id,
        c.account_id
    from pg_temp.changed_rows as c
),

deals as (
    select
        i.*,
        (i.closed_at at time zone (select ops.timezone()))::date as closed_day,
        coalesce(i.close_date, (i.closed_at at time zone (select ops.timezone()))::date) as closed_on
    from staging.deal_intervals as i
    inner join changed_accounts as a on i.tenant_id = a.tenant_id and i.account_id = a.account_id
),

read_days as (
    select
        tenant_id,
        account_id,
        'open' as kind,
        range_agg(ops.valid_days(d_from, d_to)) as days
    from deals
    where status = 'open'
    group by tenant_id, account_id
    union all
    select
        d.tenant_id,
        d.account_id,
        'closed' as kind,
        range_agg(ops.valid_days(
            greatest(d.d_from, (q.quarter_start - interval '3 months')::date),
            least(d.d_to, greatest(d.closed_day, d.closed_on) + :rep_closings_days + 1)
        )) as days
    from deals as d
    left join ops.calendar as q on d.closed_on = q.day
    where d.status <> 'open'
    group by d.tenant_id, d.account_id
    union all
    select
        tenant_id,
        account_id,
        'won' as kind,
        range_agg(ops.valid_days(d_from, least(d_to, closed_day + :forecast_methods_days))) as days
    from deals
    where status = 'won'
    group by tenant_id, account_id
    union all
    select
        d.tenant_id,
        d.account_id,
        'created' as kind,
        range_agg(ops.month_ends(d.d_from, least(d.d_to, k.cohort_month + :cohort_conversion_days + 1))) as days
    from deals as d
    cross join
        lateral (
            select date_trunc('month', d.opened_at at time zone (select ops.timezone()))::date as cohort_month
        ) as k
    group by d.tenant_id, d.account_id
    union all
    select
        v.tenant_id,
        v.exited_account_id as account_id,
        'left a stage' as kind,
        range_agg(ops.valid_days(v.exited_on, least(v.exited_on + 2 * :stage_durations_days, v.gone_on))) as days
    from staging.visit_facts as v
    inner join changed_accounts as a on v.tenant_id = a.tenant_id and v.exited_account_id = a.account_id
    where v.exited_on is not null
    group by v.tenant_id, v.exited_account_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    ops.valid_days(c.valid_from, c.valid_to) * d.days as days
from pg_temp.changed_rows as c
inner join read_days as d on c.tenant_id = d.tenant_id and c.account_id = d.account_id
cross join
    lateral (
        values
        ('dashboard.stuck_deals_view', row(c.account_id, c.account_name)::text, 'open'),
        ('dashboard.next_best_actions', row(c.account_id, c.account_name)::text, 'open'),
        ('staging.deal_days', row(c.account_id, c.segment)::text, 'open'),
        ('staging.rep_closings', row(c.account_id, c.segment)::text, 'closed'),
        ('analytics.forecast_methods', row(c.account_id, c.segment)::text, 'won'),
        ('analytics.stage_durations', row(c.account_id, c.segment)::text, 'left a stage'),
        ('analytics.cohort_conversion', row(c.account_id, c.segment)::text, 'created')
    ) as r (dataset, content, kind)
where d.kind = r.kind

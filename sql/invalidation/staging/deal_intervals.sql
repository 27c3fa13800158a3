-- A span of a deal's life: open, it is in every day's pipeline; closed, in the results of the quarter, the year and
-- the window of staging.rep_closings around its closing; its first day counts as the day it was created. What is
-- learned from it: how it stood on each Friday, and its closing; on the same day of four later quarters what was won
-- and what was open by then, and what had become of it by its quarter's end. A deal due in a quarter counts from the
-- quarter's beginning, or its own, for five quarters: how it stood then, at the quarter's end and on each day. Created
-- in a quarter, it counts in that and, on the same day, in the next; at months' ends until a year after the month in
-- which it was created, or a year after the beginning of the quarter in which it, or a lead that became it, was.
with spans as (
    select
        *,
        (opened_at at time zone (select ops.timezone()))::date as opened_on,
        (closed_at at time zone (select ops.timezone()))::date as closed_day,
        coalesce(close_date, (closed_at at time zone (select ops.timezone()))::date) as closed_on
    from pg_temp.changed_rows
),

-- The quarters that the changed deals are due in, from the day on which they count there; as they stand now.
due_deals as (
    select
        i.tenant_id,
        i.opportunity_id,
        q.quarter_end,
        greatest(k.opened_on, q.quarter_start) as since,
        (q.quarter_start + interval '15 months')::date as until
    from staging.deal_intervals as i
    cross join
        lateral (
            select
                (i.opened_at at time zone (select ops.timezone()))::date as opened_on,
                coalesce(i.close_date, (i.closed_at at time zone (select ops.timezone()))::date) as due_on
        ) as k
    inner join ops.calendar as q on k.due_on = q.day
    where
        (i.tenant_id, i.opportunity_id) in (select
            c.tenant_id,
            c.opportunity_id
        from pg_temp.changed_rows as c)
        and (
            i.status = 'open' and i.d_from < q.quarter_start and i.d_to >= q.quarter_start
            or i.d_from = k.opened_on and i.d_from >= q.quarter_start and i.d_from <= q.quarter_end
        )
),

-- The last quarter in which a lead was created that became the deal.
led_deals as (
    select
        l.tenant_id,
        l.opportunity_id,
        max(q.quarter_start) as lead_quarter
    from staging.leads as l
    inner join ops.calendar as q on l.created_on = q.day
    where (l.tenant_id, l.opportunity_id) in (select
        c.tenant_id,
        c.opportunity_id
    from pg_temp.changed_rows as c)
    group by l.tenant_id, l.opportunity_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    r.days
from spans as c
left join ops.calendar as q on c.closed_on = q.day
left join ops.calendar as w on c.closed_day = w.day
cross join
    lateral (
        values
        (
            'staging.deal_days',
            row(
                c.opportunity_id, c.opportunity_name, c.account_id, c.pipeline_id, c.stage_id, c.stage_entered_at,
                c.opened_at, c.amount, c.currency, c.currency_amount, c.close_date, c.owner_id, c.forecast_category,
                c.probability, c.next_step, c.discount_pct, c.competitor, c.competitor_status, c.lead_source,
                c.pushes_count,
                c.reopenings_count, c.last_two_way_at, c.engaged_contacts_count, c.champions_count,
                c.engaged_economic_buyers_count
            )::text,
            ops.valid_days(c.d_from, c.d_to), c.status = 'open'
        ),
        (
            'staging.rep_closings',
            row(
                c.opportunity_id, c.account_id, c.credited_owner_id, c.status, c.amount, c.closed_at, c.opened_at,
                c.close_date
            )::text,
            ops.valid_days(
                greatest(c.d_from, (q.quarter_start - interval '3 months')::date),
                least(c.d_to, greatest(c.closed_day, c.closed_on) + :rep_closings_days + 1)
            ),
            c.status <> 'open'
        ),
        (
            'analytics.rep_results',
            row(c.opportunity_id, c.owner_id)::text,
            ops.valid_days(c.d_from, c.d_from + 1), c.d_from = c.opened_on
        ),
        (
            'analytics.forecast_methods',
            row(c.opportunity_id, c.account_id, c.credited_owner_id, c.amount, c.closed_at, c.opened_at)::text,
            ops.valid_days(c.d_from, least(c.d_to, c.closed_day + :forecast_methods_days)), c.status = 'won'
        ),
        (
            'ai.action_outcomes', row(c.opportunity_id, 'now', c.status, c.stage_id)::text,
            ops.valid_days(c.d_from, c.d_to), true
        ),
        (
            'ai.action_outcomes', row(c.opportunity_id, 'then', c.stage_id)::text,
            ops.valid_days(c.d_from + 28, c.d_to + 28), true
        ),
        (
            'analytics.win_probability',
            row(c.opportunity_id, c.visit_number)::text,
            ops.valid_days(c.d_from, c.d_to), c.status = 'open'
        ),
        (
            'analytics.win_rates',
            row(c.opportunity_id, c.status, c.d_from)::text,
            ops.valid_days(c.d_from, c.d_from + :win_rates_days), c.d_from = c.closed_day
        ),
        (
            'analytics.logistic_models',
            row(c.opportunity_id, c.status, c.d_from)::text,
            ops.valid_days(c.d_from, c.d_from + :logistic_models_days), c.d_from = c.closed_day
        ),
        (
            'analytics.logistic_probability',
            row(c.opportunity_id, c.visit_number, c.opened_at)::text,
            ops.valid_days(c.d_from, c.d_to), c.status = 'open'
        ),
        (
            'semantic.metric_values',
            row(
                c.opportunity_id, c.opportunity_name, c.status, c.amount, c.probability, c.close_date, c.stage_id,
                c.owner_id, c.opened_at, c.closed_at
            )::text,
            ops.valid_days(c.d_from, c.d_to), true
        ),
        (
            'analytics.flag_outcomes',
            row(c.opportunity_id, 'won')::text,
            ops.valid_days(w.quarter_end + 1, (w.quarter_end + 1 + interval '21 months')::date),
            c.status = 'won' and w.quarter_end >= c.d_from and w.quarter_end < c.d_to
        )
    ) as r (dataset, content, days, is_read)
where r.is_read
union all
select
    c.tenant_id,
    c.side,
    r.dataset,
    row(
        c.opportunity_id, s.day, c.pipeline_id, c.stage_id, c.stage_entered_at, c.visit_number,
        ops.forecast_category(c.forecast_category), c.close_date, c.opened_at
    )::text as content,
    r.days
from pg_temp.changed_rows as c
cross join
    lateral ops.fridays(
        c.d_from, least(c.d_to, coalesce((select max(l.snapshot_date) + 1 from ops.partition_ledger as l), c.d_from))
    ) as s (day)
cross join
    lateral (
        values
        ('analytics.win_rates', ops.valid_days(s.day + 1, s.day + :win_rates_days)),
        ('analytics.logistic_models', ops.valid_days(s.day + 1, s.day + :logistic_models_days))
    ) as r (dataset, days)
where c.status = 'open'
union all
select
    c.tenant_id,
    c.side,
    'analytics.quota_pacing' as dataset,
    row(c.opportunity_id, r.content, c.amount, q.quarter_start)::text as content,
    r.days
from spans as c
inner join ops.calendar as q on c.closed_on = q.day
cross join
    lateral (
        values
        ('booked', ops.same_days(c.d_from, c.d_to, q.quarter_start, 1, 4)),
        (
            'final',
            case
                when q.quarter_end >= c.d_from and q.quarter_end < c.d_to
                    then ops.valid_days(q.quarter_end + 1, (q.quarter_end + 1 + interval '1 year')::date)
            end
        )
    ) as r (content, days)
where c.status = 'won' and c.amount is not null and r.days is not null
union all
select
    c.tenant_id,
    c.side,
    'analytics.coverage_needed' as dataset,
    row(c.opportunity_id, 'open', c.amount, q.quarter_start, r.place)::text as content,
    r.days
from spans as c
inner join ops.calendar as q on c.close_date = q.day
cross join
    lateral (
        values
        (1, ops.same_days(c.d_from, c.d_to, q.quarter_start, 1, 4)),
        (2, ops.same_days(c.d_from, c.d_to, (q.quarter_start - interval '3 months')::date, 2, 5))
    ) as r (place, days)
where c.status = 'open' and c.amount is not null and ops.forecast_category(c.forecast_category) <> 'Omitted'
union all
select
    c.tenant_id,
    c.side,
    'analytics.coverage_needed' as dataset,
    row(c.opportunity_id, 'won', q.quarter_start, r.place)::text as content,
    r.days
from spans as c
inner join ops.quarters_ahead as q on c.closed_day = q.day
cross join
    lateral (
        values
        (1, ops.same_days(c.opened_on, c.closed_day, q.quarter_start, 1, 4)),
        (2, ops.same_days(c.opened_on, c.closed_day, (q.quarter_start - interval '3 months')::date, 2, 5))
    ) as r (place, days)
where c.status = 'won' and q.quarter_end >= c.d_from and q.quarter_end < c.d_to
union all
select
    c.tenant_id,
    c.side,
    'analytics.push_report' as dataset,
    row(
        c.opportunity_id, 'due', coalesce(c.owner_id, '-1'), least(c.pushes_count, 3), c.amount, q.quarter_start
    )::text as content,
    ops.valid_days(
        greatest(c.opened_on, q.quarter_start), (q.quarter_start + interval '15 months')::date
    ) as days
from spans as c
inner join ops.calendar as q on c.closed_on = q.day
where
    c.status = 'open' and c.d_from < q.quarter_start and c.d_to >= q.quarter_start
    or c.d_from = c.opened_on and c.d_from >= q.quarter_start and c.d_from <= q.quarter_end
union all
select
    c.tenant_id,
    c.side,
    'analytics.push_report' as dataset,
    row(c.opportunity_id, 'won in quarter', q.quarter_start)::text as content,
    ops.valid_days(q.quarter_end + 1, (q.quarter_start + interval '15 months')::date) as days
from spans as c
inner join ops.calendar as q on c.closed_day = q.day
where c.status = 'won' and q.quarter_end >= c.d_from and q.quarter_end < c.d_to
union all
select
    c.tenant_id,
    c.side,
    'analytics.push_report' as dataset,
    r.content,
    ops.valid_days(greatest(c.d_from, d.since), least(c.d_to, r.until)) as days
from spans as c
inner join due_deals as d on c.tenant_id = d.tenant_id and c.opportunity_id = d.opportunity_id
cross join
    lateral (
        values
        (row(c.opportunity_id, 'status', c.status)::text, d.until),
        (
            row(c.opportunity_id, 'slipped', d.quarter_end, c.close_date > d.quarter_end)::text,
            case when c.status = 'open' then d.quarter_end + 1 end
        )
    ) as r (content, until)
where r.until is not null
union all
select
    c.tenant_id,
    c.side,
    'analytics.pipeline_generation' as dataset,
    r.content,
    r.days
from spans as c
inner join ops.calendar as q on c.opened_on = q.day
cross join
    lateral (
        values
        (
            row(c.opportunity_id, 'this', c.amount, c.lead_source)::text,
            ops.valid_days(c.d_from, least(c.d_to, q.quarter_end + 1)), true
        ),
        (
            row(c.opportunity_id, 'before', c.amount, c.lead_source)::text,
            ops.same_days(c.d_from, c.d_to, q.quarter_start, 1, 1), true
        ),
        (
            row(c.opportunity_id, 'owner', c.owner_id)::text,
            ops.valid_days(c.d_from, (q.quarter_start + interval '6 months')::date), c.d_from = c.opened_on
        )
    ) as r (content, days, is_read)
where r.is_read
union all
select
    c.tenant_id,
    c.side,
    'analytics.cohort_conversion' as dataset,
    row(c.opportunity_id, c.opened_at, c.status, c.closed_at, c.account_id, c.lead_source)::text as content,
    ops.month_ends(
        c.d_from, least(c.d_to, date_trunc('month', c.opened_on::timestamp)::date + :cohort_conversion_days + 1)
    ) as days
from spans as c
union all
select
    c.tenant_id,
    c.side,
    'analytics.source_funnel' as dataset,
    row(c.opportunity_id, c.opened_at, c.closed_at, c.status, c.amount, c.lead_source)::text as content,
    ops.month_ends(
        c.d_from, least(c.d_to, greatest(q.quarter_start, l.lead_quarter) + :source_funnel_days + 1)
    ) as days
from spans as c
inner join ops.calendar as q on c.opened_on = q.day
left join led_deals as l on c.tenant_id = l.tenant_id and c.opportunity_id = l.opportunity_id

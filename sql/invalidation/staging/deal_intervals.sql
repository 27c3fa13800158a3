-- A span of a deal's life: open, it is in every day's pipeline; closed, in the results of the quarter, the year and
-- the window of staging.rep_closings around its closing; its first day counts as the day it was created. What is
-- learned from it: how it stood on each Friday, and its closing.
with spans as (
    select
        *,
        (opened_at at time zone (select ops.timezone()))::date as opened_on,
        (closed_at at time zone (select ops.timezone()))::date as closed_day,
        coalesce(close_date, (closed_at at time zone (select ops.timezone()))::date) as closed_on
    from pg_temp.changed_rows
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
    'analytics.win_rates' as dataset,
    row(
        c.opportunity_id, s.day, c.pipeline_id, c.stage_id, c.stage_entered_at, c.visit_number,
        ops.forecast_category(c.forecast_category), c.close_date
    )::text as content,
    ops.valid_days(s.day + 1, s.day + :win_rates_days) as days
from pg_temp.changed_rows as c
cross join
    lateral ops.fridays(
        c.d_from, least(c.d_to, (select max(l.snapshot_date) + 1 from ops.partition_ledger as l))
    ) as s (day)
where c.status = 'open'

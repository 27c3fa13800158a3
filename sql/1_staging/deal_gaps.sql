-- Days at whose end a deal was deleted or merged: from the day of the deletion to the one of the restoration, if there
-- was any.
--
-- One row per: tenant, deal and span of days.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   gone_on: first business day at whose end it was gone
--   back_on: first day after it at whose end it was not; infinity while it is gone
--   gone_by: deleted or merged
with turns as (
    select
        tenant_id,
        opportunity_id,
        kind,
        (changed_at at time zone (select ops.timezone()))::date as day,
        lag(kind) over deal_in_time as previous_kind,
        lead((changed_at at time zone (select ops.timezone()))::date, 1, 'infinity') over deal_in_time as next_day,
        row_number() over deal_in_time as event_number
    from staging.stage_events
    where kind in ('deleted', 'merged', 'restored', 'open', 'won', 'lost')
    window deal_in_time as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order)
),

gone as (
    select
        *,
        event_number - row_number() over (partition by tenant_id, opportunity_id order by event_number) as run_number
    from turns
    where kind in ('deleted', 'merged')
)

select
    tenant_id,
    opportunity_id,
    min(day) as gone_on,
    max(next_day) as back_on,
    max(kind) as gone_by
from gone
group by tenant_id, opportunity_id, run_number
having min(day) < max(next_day)

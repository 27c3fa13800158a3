-- Stage visits by business days, with who owned the deal: what durations, conversions and rework are
-- counted from. A visit that ended because the deal was deleted or merged never completed.
--
-- Grain: tenant, deal and visit.
-- Key: tenant_id, opportunity_id, visit_number
-- Index: (exited_on)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   visit_number bigint not null: 1 for the deal's first visit to any stage, and so on
--   pipeline_id text not null: the stage's pipeline, else the deal's, else 'default'
--   stage_id text not null: the stage
--   entered_on date not null: business day on which it began
--   exited_on date: business day on which it was completed; null while it lasts and where it never was
--   days float8: elapsed days of a completed visit
--   elapsed_us bigint: the same in microseconds, for sums that are exact in any order
--   ended_by text, one of forward, back, left, won, lost: forward, back, left, won or lost; null while it lasts and
--       where it never was completed
--   is_reentry boolean not null: whether the deal had been in this stage before
--   entered_owner_id text not null: who owned the deal at the end of the day on which the visit began; -1 if nobody
--   exited_owner_id text: the same for the day on which it was completed
--   exited_account_id text: the deal's account on that day
--   gone_on date not null: business day from which on it does not count, the deal being deleted or merged; infinity if
--       it was not
--   entered_at timestamptz: when it began
-- Rules:
--   ended_by does not agree with exited_on unless (exited_on is null) = (ended_by is null)
with visits as (
    select
        tenant_id,
        opportunity_id,
        visit_number,
        pipeline_id,
        stage_id,
        is_reentry,
        (entered_at at time zone (select ops.timezone()))::date as entered_on,
        case when ended_by not in ('deleted', 'merged') then exited_at end as exited_at,
        entered_at,
        case when ended_by not in ('deleted', 'merged', 'open') then ended_by end as ended_by,
        coalesce((gone_at at time zone (select ops.timezone()))::date, 'infinity') as gone_on
    from staging.stage_visits
),

dated as (
    select
        *,
        (exited_at at time zone (select ops.timezone()))::date as exited_on
    from visits
)

select
    v.tenant_id,
    v.opportunity_id,
    v.visit_number,
    v.pipeline_id,
    v.stage_id,
    v.entered_on,
    v.exited_on,
    extract(epoch from v.exited_at - v.entered_at)::float8 / 86400 as days,
    (extract(epoch from v.exited_at - v.entered_at) * 1000000)::bigint as elapsed_us,
    v.ended_by,
    v.is_reentry,
    coalesce(b.owner_id, '-1') as entered_owner_id,
    case when v.exited_on is not null then coalesce(e.owner_id, '-1') end as exited_owner_id,
    e.account_id as exited_account_id,
    v.gone_on,
    v.entered_at
from dated as v
left join staging.deal_intervals as b
    on
        v.tenant_id = b.tenant_id and v.opportunity_id = b.opportunity_id
        and v.entered_on >= b.d_from and v.entered_on < b.d_to
left join staging.deal_intervals as e
    on
        v.tenant_id = e.tenant_id and v.opportunity_id = e.opportunity_id
        and v.exited_on >= e.d_from and v.exited_on < e.d_to

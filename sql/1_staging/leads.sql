-- Leads from their creation on, in spans of business days over which their source did not change: where they came from
-- as the log of changes says, else the versions of their record. While its record is deleted, or merged into another, a
-- lead has no row; nor has one that nobody knows the creation of.
--
-- Grain: tenant, lead and span of days.
-- Key: tenant_id, lead_id, d_from
-- Index: (tenant_id, opportunity_id)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   lead_id text not null: the lead
--   d_from date not null: first business day at whose end it was so
--   d_to date not null: first day after it at whose end it was not; infinity while it lasts
--   lead_source text: where it came from; null if nobody said
--   created_at timestamptz not null: when it was created
--   created_on date not null: on which business day
--   converted_at timestamptz: when it was converted into a deal, whenever that was; null if it was not
--   converted_on date: on which business day
--   opportunity_id text: the deal
-- Rules:
--   d_to does not come after d_from unless d_from < d_to
--   converted_on does not agree with opportunity_id unless (converted_on is null) = (opportunity_id is null)
with records as (
    select
        tenant_id,
        lead_id,
        holds_from,
        valid_to,
        source,
        is_deleted,
        first_value(created_at) over newest_first as created_at,
        first_value(
            case when converted_opportunity_id is not null then coalesce(converted_at, valid_from) end
        ) over newest_first as converted_at,
        first_value(converted_opportunity_id) over newest_first as opportunity_id
    from history.leads
    window newest_first as (partition by tenant_id, lead_id order by valid_from desc)
),

spans as (
    select
        r.tenant_id,
        r.lead_id,
        case when v.record_id is null then r.source else v.value end as lead_source,
        r.created_at,
        r.converted_at,
        r.opportunity_id,
        (greatest(r.holds_from, v.valid_from, r.created_at) at time zone (select ops.timezone()))::date as d_from,
        (least(r.valid_to, v.valid_to) at time zone (select ops.timezone()))::date as d_to
    from records as r
    left join history.lead_values as v
        on
            r.tenant_id = v.tenant_id and r.lead_id = v.record_id
            and r.holds_from < v.valid_to and r.valid_to > v.valid_from
    where not r.is_deleted and r.created_at is not null
)

select
    tenant_id,
    lead_id,
    d_from,
    d_to,
    ops.group_key(lead_source) as lead_source,
    created_at,
    (created_at at time zone (select ops.timezone()))::date as created_on,
    converted_at,
    (converted_at at time zone (select ops.timezone()))::date as converted_on,
    opportunity_id
from spans
where d_from < d_to

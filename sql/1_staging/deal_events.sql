-- What changed about each deal, as objects to lay over each other in order of time: its beginning with every field's
-- first value, each change of a tracked field, each span of staging.deal_stays. A field's first value is the old one of
-- its first change; where no change of it is logged for the deal, the first version's, and later versions change it.
--
-- One row per: tenant, deal and change.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   changed_at: when
--   load_order: load that brought it: the order of changes of one instant
--   line_order: line of that load's file, likewise
--   changes: fields and their values from then on
--   is_push: whether the close date was moved out
--   is_reopening: whether a closed deal was opened again
with lives as (
    select
        tenant_id,
        opportunity_id,
        min(entered_at) as opened_at,
        (min(entered_at) at time zone (select ops.timezone()))::date as opened_on
    from staging.deal_stays
    group by tenant_id, opportunity_id
),

logged_fields as (
    select
        tenant_id,
        opportunity_id,
        array_agg(distinct case field when 'name' then 'opportunity_name' else field end) as fields
    from history.opportunity_history
    group by tenant_id, opportunity_id
),

versions as (
    select
        v.tenant_id,
        v.opportunity_id,
        v.known_from,
        v.line_no,
        v.valid_from,
        v.close_date,
        row_number() over deal_in_time as version_number,
        lag(v.close_date) over deal_in_time as previous_close_date,
        coalesce(f.fields, '{}') as logged_fields,
        jsonb_build_object(
            'opportunity_name', v.name, 'account_id', v.account_id, 'owner_id', v.owner_id, 'amount', v.amount,
            'currency', v.currency, 'close_date', v.close_date, 'forecast_category', v.forecast_category,
            'probability', v.probability, 'next_step', v.next_step, 'discount_pct', v.discount_pct,
            'competitor', v.competitor, 'competitor_status', v.competitor_status, 'lead_source', v.lead_source
        ) as fields
    from history.opportunities as v
    left join logged_fields as f on v.tenant_id = f.tenant_id and v.opportunity_id = f.opportunity_id
    window deal_in_time as (partition by v.tenant_id, v.opportunity_id order by v.valid_from)
),

changes as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        known_from,
        line_no,
        old_value,
        new_value,
        case field when 'name' then 'opportunity_name' else field end as field,
        lag(new_value) over (
            partition by tenant_id, opportunity_id, field order by changed_at, known_from, line_no
        ) as previous_value
    from history.opportunity_history
    where
        field in (
            'name', 'account_id', 'owner_id', 'amount', 'currency', 'close_date', 'forecast_category', 'probability',
            'next_step', 'discount_pct', 'competitor', 'competitor_status', 'lead_source'
        )
),

first_values as (
    select
        tenant_id,
        opportunity_id,
        jsonb_object_agg(field, old_value order by changed_at desc, known_from desc, line_no desc) as fields
    from changes
    group by tenant_id, opportunity_id
),

currencies as (
    select
        tenant_id,
        opportunity_id,
        fields ->> 'currency' as currency
    from versions
    union
    select
        tenant_id,
        opportunity_id,
        new_value as currency
    from changes
    where field = 'currency'
)

select
    l.tenant_id,
    l.opportunity_id,
    l.opened_at as changed_at,
    -1::bigint as load_order,
    0::bigint as line_order,
    coalesce(v.fields, '{}') || coalesce(f.fields, '{}') as changes,
    false as is_push,
    false as is_reopening
from lives as l
left join versions as v
    on l.tenant_id = v.tenant_id and l.opportunity_id = v.opportunity_id and v.version_number = 1
left join first_values as f on l.tenant_id = f.tenant_id and l.opportunity_id = f.opportunity_id
union all
select
    tenant_id,
    opportunity_id,
    valid_from as changed_at,
    known_from as load_order,
    coalesce(line_no, 0) as line_order,
    fields - logged_fields as changes,
    coalesce(
        not ('close_date' = any(logged_fields)) and close_date > previous_close_date, false
    ) as is_push,
    false as is_reopening
from versions
where version_number > 1
union all
select
    tenant_id,
    opportunity_id,
    changed_at,
    known_from as load_order,
    coalesce(line_no, 0) as line_order,
    jsonb_build_object(field, new_value) as changes,
    -- Where two logs tell of one change, the second says what the first did.
    coalesce(
        field = 'close_date' and new_value > coalesce(old_value, previous_value)
        and new_value is distinct from previous_value, false
    ) as is_push,
    false as is_reopening
from changes
union all
-- An amount in a foreign currency is worth another sum from the day of a new rate on.
select
    b.tenant_id,
    b.opportunity_id,
    r.valid_from::timestamp at time zone (select ops.timezone()) as changed_at,
    0 as load_order,
    0 as line_order,
    '{}'::jsonb as changes,
    false as is_push,
    false as is_reopening
from currencies as b
inner join lives as l on b.tenant_id = l.tenant_id and b.opportunity_id = l.opportunity_id
inner join staging.exchange_rates as r on b.tenant_id = r.tenant_id and upper(b.currency) = r.currency
where r.valid_from > l.opened_on
union all
select
    tenant_id,
    opportunity_id,
    entered_at as changed_at,
    0 as load_order,
    stay_number as line_order,
    jsonb_build_object(
        'status', status, 'pipeline_id', pipeline_id, 'stage_id', stage_id, 'stage_entered_at', entered_at,
        'closed_at', case when status <> 'open' then entered_at end
    ) as changes,
    false as is_push,
    is_reopening
from staging.deal_stays

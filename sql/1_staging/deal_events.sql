-- What changed about each deal, as objects to lay over each other in order of time: its beginning with every field's
-- first value, each later value of a field (history.opportunity_values; one that never changed: as the first version
-- says), each span of staging.deal_visits. What a closing left on a deal that is opened again does not count: a close
-- date that had passed by then, or is the day of the closing, and a probability of 0 or 100.
--
-- Grain: tenant, deal and change.
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   changed_at timestamptz not null: when
--   load_order bigint not null: load that brought it: the order of changes of one instant
--   line_order bigint not null: line of that load's file, likewise
--   changes jsonb not null: fields and their values from then on
--   is_push boolean not null: whether the close date was moved out
--   is_reopening boolean not null: whether a closed deal was opened again
with lives as (
    select
        tenant_id,
        opportunity_id,
        min(entered_at) as opened_at,
        (min(entered_at) at time zone (select ops.timezone()))::date as opened_on
    from staging.deal_visits
    group by tenant_id, opportunity_id
),

field_values as (
    select
        tenant_id,
        record_id as opportunity_id,
        valid_from,
        valid_to,
        coalesce(known_from, 0) as load_order,
        coalesce(line_no, 0) as line_order,
        value,
        coalesce(old_value, previous_value) as previous_value,
        case field when 'name' then 'opportunity_name' else field end as field
    from history.opportunity_values
),

-- What held when the deal was opened: a log may begin before that.
first_values as (
    select
        f.tenant_id,
        f.opportunity_id,
        jsonb_object_agg(f.field, f.value) as changes
    from field_values as f
    inner join lives as l on f.tenant_id = l.tenant_id and f.opportunity_id = l.opportunity_id
    where f.valid_from < l.opened_at and f.valid_to >= l.opened_at
    group by f.tenant_id, f.opportunity_id
),

versions as (
    select
        tenant_id,
        opportunity_id,
        currency,
        jsonb_build_object(
            'opportunity_name', name, 'account_id', account_id, 'owner_id', owner_id, 'amount', amount,
            'currency', currency, 'close_date', close_date, 'forecast_category', forecast_category,
            'probability', probability, 'next_step', next_step, 'discount_pct', discount_pct,
            'competitor', competitor, 'competitor_status', competitor_status, 'lead_source', lead_source
        ) as fields
    from history.opportunities
    where holds_from = '-infinity'
),

visits as (
    select
        *,
        (entered_at at time zone (select ops.timezone()))::date as entered_on,
        (lag(entered_at) over (
            partition by tenant_id, opportunity_id order by span_number
        ) at time zone (select ops.timezone()))::date as closed_on,
        bool_or(is_reopening) over (
            partition by tenant_id, opportunity_id order by span_number
        ) as was_reopened
    from staging.deal_visits
),

-- What the closing left on a deal that was opened again; when it is closed once more, it is what the record says.
left_over as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.span_number,
        jsonb_object_agg(f.field, case when not s.is_reopening then w.value end) as changes
    from visits as s
    left join versions as v on s.tenant_id = v.tenant_id and s.opportunity_id = v.opportunity_id
    cross join (values ('close_date'), ('probability')) as f (field)
    left join field_values as c
        on
            s.tenant_id = c.tenant_id and s.opportunity_id = c.opportunity_id and f.field = c.field
            and s.entered_at >= c.valid_from and s.entered_at < c.valid_to
    cross join
        lateral (
            select case when c.field is null then v.fields ->> f.field else c.value end as value
        ) as w
    where
        s.was_reopened and s.status <> 'open'
        or s.is_reopening
        and case f.field
            when 'close_date' then w.value::date < s.entered_on or w.value::date <= s.closed_on
            else w.value::numeric in (0, 100)
        end
    group by s.tenant_id, s.opportunity_id, s.span_number
),

currencies as (
    select
        tenant_id,
        opportunity_id,
        upper(currency) as currency
    from versions
    union
    select
        tenant_id,
        opportunity_id,
        upper(value) as currency
    from field_values
    where field = 'currency'
)

select
    l.tenant_id,
    l.opportunity_id,
    l.opened_at as changed_at,
    -1::bigint as load_order,
    0::bigint as line_order,
    coalesce(v.fields, '{}') || coalesce(f.changes, '{}') as changes,
    false as is_push,
    false as is_reopening
from lives as l
left join versions as v on l.tenant_id = v.tenant_id and l.opportunity_id = v.opportunity_id
left join first_values as f on l.tenant_id = f.tenant_id and l.opportunity_id = f.opportunity_id
union all
select
    f.tenant_id,
    f.opportunity_id,
    f.valid_from as changed_at,
    f.load_order,
    f.line_order,
    jsonb_build_object(f.field, f.value) as changes,
    coalesce(f.field = 'close_date' and f.value > f.previous_value, false) as is_push,
    false as is_reopening
from field_values as f
inner join lives as l on f.tenant_id = l.tenant_id and f.opportunity_id = l.opportunity_id
where f.valid_from >= l.opened_at
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
inner join staging.exchange_rates as r on b.tenant_id = r.tenant_id and b.currency = r.currency
where r.valid_from > l.opened_on
union all
select
    s.tenant_id,
    s.opportunity_id,
    s.entered_at as changed_at,
    0 as load_order,
    s.span_number as line_order,
    coalesce(l.changes, '{}') || jsonb_build_object(
        'status', s.status, 'pipeline_id', s.pipeline_id, 'stage_id', s.stage_id, 'stage_entered_at', s.entered_at,
        'visit_number', s.visit_number, 'closed_at', case when s.status <> 'open' then s.entered_at end
    ) as changes,
    false as is_push,
    s.is_reopening
from visits as s
left join left_over as l
    on s.tenant_id = l.tenant_id and s.opportunity_id = l.opportunity_id and s.span_number = l.span_number

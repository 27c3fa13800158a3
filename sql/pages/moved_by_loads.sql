-- What each open deal added to a quarter's forecast on one day, as it read after a load and after a later one, and why
-- that differs: a record that came late, or reference data that was restated. The biggest difference first.
with restated as (
    select
        row_key ->> 'opportunity_id' as opportunity_id,
        was,
        coalesce(restated_by, 9223372036854775807) as restated_by,
        restated_at,
        cut_at
    from semantic.restatements
    where tenant_id = :tenant and snapshot_date = :day and dataset = 'enriched.deal_forecasts'
),

-- A row held until it was restated: after a load there was what the first restatement behind it replaced.
after_load as (
    select distinct on (opportunity_id) *
    from restated
    where restated_by > :load
    order by opportunity_id, restated_by, restated_at
),

after_later as (
    select distinct on (opportunity_id) *
    from restated
    where restated_by > :until_load
    order by opportunity_id, restated_by, restated_at
),

sides as (
    select
        a.opportunity_id,
        a.cut_at,
        case when a.was ->> 'quarter' = :quarter then a.was end as was,
        case when t.is_row ->> 'quarter' = :quarter then t.is_row end as is_now
    from after_load as a
    left join after_later as l on a.opportunity_id = l.opportunity_id
    left join enriched.deal_forecasts as d
        on d.tenant_id = :tenant and d.snapshot_date = :day and a.opportunity_id = d.opportunity_id
    cross join
        lateral (
            select case when l.opportunity_id is not null then l.was else to_jsonb(d) end as is_row
        ) as t
    where a.restated_by <= :until_load
),

told as (
    select
        s.*,
        (s.was ->> 'weighted_amount')::numeric as was_amount,
        (s.is_now ->> 'weighted_amount')::numeric as is_amount,
        exists(
            select from semantic.loads as l
            where l.load_seq > :load and l.load_seq <= :until_load and l.tenant_id = :tenant
        ) as has_records,
        exists(
            select from semantic.loads as l
            where l.load_seq > :load and l.load_seq <= :until_load and l.tenant_id is null
        ) as has_reference
    from sides as s
)

select
    t.opportunity_id,
    t.was_amount as was,
    t.is_amount as is_now,
    coalesce(t.is_amount, 0) - coalesce(t.was_amount, 0) as difference,
    coalesce(i.opportunity_name, t.opportunity_id) as opportunity_name,
    case
        when t.cut_at is not null then 'the day went on'
        when t.was is null then 'late record: in the quarter''s pipeline after all'
        when t.is_now is null then 'late record: closed, gone or due in another quarter'
        when t.was -> 'amount' <> t.is_now -> 'amount' then 'late record: amount'
        when t.was -> 'forecast_category' <> t.is_now -> 'forecast_category' then 'late record: forecast category'
        when not t.has_records and not t.has_reference then 'built again, by other SQL or settings'
        when t.was -> 'health_score' = t.is_now -> 'health_score' then 'restated reference data: forecast weights'
        when not t.has_records then 'restated reference data: how health is judged'
        when not t.has_reference then 'late record: what health is judged by'
        else 'late record, or restated reference data: health'
    end as cause
from told as t
left join staging.deal_intervals as i
    on t.opportunity_id = i.opportunity_id and i.tenant_id = :tenant and i.d_from <= :day and i.d_to > :day
where t.was_amount is distinct from t.is_amount
order by abs(coalesce(t.is_amount, 0) - coalesce(t.was_amount, 0)) desc, t.opportunity_id

-- crm.opportunities_as_of(at [, known_as_of]): every deal that existed just before `at`, as it then was.
--
-- A tracked field has the new value of its last change before `at`; else the old value of its first change after it;
-- else what the record's version says (crm.opportunity_records_as_of). A deal is closed by entering a stage that is won
-- or lost, by a change of `status`, or, where a source has no such stages, by a loss reason; entering an open stage
-- after that reopens it. Before the first of these moves it was what the stage was that it came from. Without any of them, or
-- where the record is newer than the last and says that the deal is closed otherwise, it is what its versions say
-- (crm.turns_of). modified_at is that of the version read. A status of deleted takes it away until another. Changes of one
-- instant count in the order in which they were loaded. A filter on tenant and deal uses the indexes.
do $do$
begin
    execute format($ddl$
create or replace function crm.opportunities_as_of(
    p_at timestamptz, p_known_as_of bigint default 9223372036854775806
) returns setof crm.opportunities_versions language sql stable parallel safe as $$
    with closings as materialized (
        select coalesce(array_agg(s.tenant_id || '/' || s.stage_id) filter (where s.outcome = 'won'), '{}') as won,
            coalesce(array_agg(s.tenant_id || '/' || s.stage_id) filter (where s.outcome = 'lost'), '{}') as lost,
            coalesce(array_agg(s.tenant_id) filter (where s.outcome = 'lost'), '{}') as tenants_with_lost
        from crm.pipeline_stages_as_of(p_at, p_known_as_of) as s
    ),
    -- Towards the instant from both sides: what comes last of the earlier changes is the latest, of the later ones the
    -- earliest. The aggregates take their rows in this order, so that one sort serves them all.
    events as (
        select h.tenant_id, h.opportunity_id, h.field, h.old_value, h.new_value, h.changed_at, h.changed_at < p_at as is_earlier,
            crm.move_outcome(h.field, h.new_value, case
                when h.tenant_id || '/' || h.new_value = any((select c.won from closings as c)::text[]) then 'won'
                when h.tenant_id || '/' || h.new_value = any((select c.lost from closings as c)::text[]) then 'lost'
            end, h.tenant_id = any((select c.tenants_with_lost from closings as c)::text[])) as outcome,
            case
                when h.field <> 'stage_id' then 'open'
                when h.tenant_id || '/' || h.old_value = any((select c.won from closings as c)::text[]) then 'won'
                when h.tenant_id || '/' || h.old_value = any((select c.lost from closings as c)::text[]) then 'lost'
                else 'open'
            end as old_outcome
        from crm.opportunity_history_versions as h
        where h.known_from <= p_known_as_of and h.known_to > p_known_as_of and not h.is_deleted
            and h.field in ('stage_id', 'pipeline_id', 'amount', 'currency', 'probability', 'forecast_category', 'close_date',
                'owner_id', 'account_id', 'next_step', 'lead_source', 'discount_pct', 'competitor', 'competitor_status', 'name',
                'loss_reason', 'status')
        order by h.tenant_id, h.opportunity_id, greatest(h.changed_at - p_at, p_at - h.changed_at) desc,
            case when h.changed_at < p_at then h.known_from else -h.known_from end,
            case when h.changed_at < p_at then h.line_no else -h.line_no end
    ),
    changes as (
        select tenant_id, opportunity_id,
            jsonb_object_agg(field, old_value) filter (where not is_earlier) as later,
            jsonb_object_agg(field, new_value) filter (where is_earlier) as earlier,
            array_agg(new_value) filter (where field = 'status' and is_earlier) as statuses,
            max(changed_at) filter (where outcome is not null) as last_at,
            array_agg(outcome) filter (where outcome is not null and is_earlier) as outcomes,
            array_agg(changed_at) filter (where outcome is not null and is_earlier) as outcomes_at,
            array_agg(old_outcome) filter (where outcome is not null and is_earlier) as old_outcomes,
            array_agg(outcome) filter (where outcome is not null and not is_earlier) as later_outcomes,
            array_agg(old_outcome) filter (where outcome is not null and not is_earlier) as later_old_outcomes
        from events
        group by tenant_id, opportunity_id
    ),
    records as (
        select tenant_id, opportunity_id,
            (array_agg(outcome order by valid_from desc) filter (where turned_at < p_at))[1] as outcome,
            (array_agg(turned_at order by valid_from desc) filter (where turned_at < p_at))[1] as turned_at,
            max(outcome) filter (where is_current and not is_deleted) as newest_outcome,
            max(valid_from) filter (where is_current) as newest_at,
            max(said_at) filter (where is_current) as newest_said_at
        from (%s) as t
        group by tenant_id, opportunity_id
    )
    select %s
    from crm.opportunity_records_as_of(p_at, p_known_as_of) as v
    left join changes as c on c.tenant_id = v.tenant_id and c.opportunity_id = v.opportunity_id
    left join records as r on r.tenant_id = v.tenant_id and r.opportunity_id = v.opportunity_id
    cross join lateral (
        select crm.closed_by_record(r.newest_outcome, r.newest_at, r.newest_said_at,
            coalesce(c.later_outcomes[1], c.outcomes[cardinality(c.outcomes)]), c.last_at) as closed_at
    ) as n
    cross join lateral (
        select case
            when c.last_at is null then coalesce(r.outcome, 'open')
            when n.closed_at < p_at then r.newest_outcome
            else coalesce(c.outcomes[cardinality(c.outcomes)], c.later_old_outcomes[cardinality(c.later_old_outcomes)])
        end as outcome
    ) as o
    -- Since when the moves say so: the last that differs, and what was before the first.
    cross join lateral (
        select coalesce(max(m.number), case when c.old_outcomes[1] is distinct from o.outcome then 0 end) + 1 as number
        from generate_subscripts(c.outcomes, 1) as m (number)
        where c.outcomes[m.number] <> o.outcome
    ) as f
    cross join lateral jsonb_populate_record(
        v, coalesce(c.later, '{}') || coalesce(c.earlier, '{}') || jsonb_build_object(
            'is_closed', o.outcome <> 'open', 'is_won', o.outcome = 'won',
            'closed_at', case
                when o.outcome = 'open' then null
                when c.last_at is null then r.turned_at
                when n.closed_at < p_at then n.closed_at
                else coalesce(c.outcomes_at[f.number], v.created_at)
            end
        )
    ) as s
    where c.statuses[cardinality(c.statuses)] is distinct from 'deleted'
$$
    $ddl$, crm.turns_of(crm.spans_of('crm.opportunities_versions', 'crm.loads', 'v.opportunity_id', 'p_known_as_of')), (
        select string_agg(case when attname in ('tenant_id', 'opportunity_id') then 'v.' else 's.' end || quote_ident(attname), ', '
            order by attnum)
        from pg_attribute where attrelid = 'crm.opportunities_versions'::regclass and attnum > 0 and not attisdropped
    ));
end $do$;

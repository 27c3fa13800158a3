-- crm.opportunities_as_of(at [, known_as_of]): every deal that existed just before `at`, as it then was.
--
-- A tracked field has the new value of its last change before `at`; else the old value of its first change after it;
-- else what the record's version says (crm.opportunity_records_as_of). A deal is closed by entering a stage that is won
-- or lost, by a change of `status`, or, where a source has no such stages, by a loss reason; entering an open stage
-- after that reopens it. Without any of these changes, or where the record is newer than the last of them and says that the
-- deal is closed, it is closed from its closing date on, else since its version began. modified_at is that of the
-- version read. A status of deleted takes it away until another. Changes of one instant count in the order in which they were loaded. A filter on tenant and deal uses
-- the indexes.
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
            case
                when h.field = 'stage_id' then case
                    when h.tenant_id || '/' || h.new_value = any((select c.won from closings as c)::text[]) then 'won'
                    when h.tenant_id || '/' || h.new_value = any((select c.lost from closings as c)::text[]) then 'lost'
                    else 'open'
                end
                when h.field = 'created_at' then 'open'
                when h.field = 'status' then h.new_value
                when h.field = 'loss_reason' and h.new_value is not null
                    and h.tenant_id <> all((select c.tenants_with_lost from closings as c)::text[]) then 'lost'
            end as outcome
        from crm.opportunity_history_versions as h
        where h.known_from <= p_known_as_of and h.known_to > p_known_as_of and not h.is_deleted
            and h.field in ('stage_id', 'pipeline_id', 'amount', 'currency', 'probability', 'forecast_category', 'close_date',
                'owner_id', 'account_id', 'next_step', 'lead_source', 'discount_pct', 'competitor', 'competitor_status', 'name',
                'loss_reason', 'status', 'created_at')
        order by h.tenant_id, h.opportunity_id, greatest(h.changed_at - p_at, p_at - h.changed_at) desc,
            case when h.changed_at < p_at then h.known_from else -h.known_from end,
            case when h.changed_at < p_at then h.line_no else -h.line_no end
    ),
    changes as (
        select tenant_id, opportunity_id,
            jsonb_object_agg(field, old_value) filter (where not is_earlier and field <> 'created_at') as later,
            jsonb_object_agg(field, new_value) filter (where is_earlier and field <> 'created_at') as earlier,
            bool_or(field in ('stage_id', 'status')) as has_moves,
            max(changed_at) filter (where is_earlier and outcome is not null) as last_at,
            max(changed_at) filter (where outcome is not null) as last_ever_at,
            array_agg(outcome) filter (where is_earlier and outcome is not null) as outcomes,
            array_agg(changed_at) filter (where is_earlier and outcome is not null) as outcomes_at
        from events
        group by tenant_id, opportunity_id
    )
    select %s
    from crm.opportunity_records_as_of(p_at, p_known_as_of) as v
    left join changes as c on c.tenant_id = v.tenant_id and c.opportunity_id = v.opportunity_id
    cross join lateral (
        select coalesce(v.closed_at, v.modified_at, (select l.started_at from crm.loads as l where l.load_id = v.load_id)) as closed_at
    ) as k
    cross join lateral (
        select case
            when v.is_closed and k.closed_at < p_at and case
                when coalesce(c.has_moves, false) or c.outcomes is not null
                    then c.outcomes[cardinality(c.outcomes)] = 'open' and coalesce(v.modified_at, k.closed_at) >= c.last_at
                        and c.last_at = c.last_ever_at
                else true
            end then case when v.is_won then 'won' else 'lost' end
            else coalesce(c.outcomes[cardinality(c.outcomes)], 'open')
        end as outcome
    ) as o
    cross join lateral jsonb_populate_record(
        v, coalesce(c.later, '{}') || coalesce(c.earlier, '{}') || jsonb_build_object(
            'is_closed', o.outcome <> 'open', 'is_won', o.outcome = 'won',
            'closed_at', case when o.outcome <> 'open' then coalesce(c.outcomes_at[cardinality(c.outcomes)], k.closed_at) end
        )
    ) as s
    where o.outcome <> 'deleted'
$$
    $ddl$, (
        select string_agg(case when attname in ('tenant_id', 'opportunity_id') then 'v.' else 's.' end || quote_ident(attname), ', '
            order by attnum)
        from pg_attribute where attrelid = 'crm.opportunities_versions'::regclass and attnum > 0 and not attisdropped
    ));
end $do$;

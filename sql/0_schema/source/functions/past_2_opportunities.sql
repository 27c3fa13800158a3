-- crm.opportunities_as_of(at [, known_as_of]): every deal that existed just before `at`, as it then was.
--
-- A tracked field has the new value of its last change before `at`; else the old value of its first change after it;
-- else what the record's version says (crm.opportunity_records_as_of). A deal is closed by entering a stage that is won
-- or lost, by a change of `status`, or, where a source has no such stages, by a loss reason; entering an open stage
-- after that reopens it. Without any of these changes it is closed from its closing date on. modified_at is that of the
-- version read. Changes of one instant count in the order in which they were loaded. A filter on tenant and deal uses
-- the indexes.
do $do$
begin
    execute format($ddl$
create or replace function crm.opportunities_as_of(
    p_at timestamptz, p_known_as_of bigint default 9223372036854775806
) returns setof crm.opportunities_versions language sql stable parallel safe as $$
    with stages as materialized (
        select s.tenant_id, s.stage_id, s.outcome, bool_or(s.outcome = 'lost') over (partition by s.tenant_id) as has_lost
        from crm.pipeline_stages_as_of(p_at, p_known_as_of) as s
    ),
    changes as (
        select h.tenant_id, h.opportunity_id,
            jsonb_object_agg(h.field, h.old_value order by h.changed_at desc, h.known_from desc, h.line_no desc)
                filter (where h.changed_at >= p_at and h.field <> 'created_at') as later,
            jsonb_object_agg(h.field, h.new_value order by h.changed_at, h.known_from, h.line_no)
                filter (where h.changed_at < p_at and h.field <> 'created_at') as earlier,
            bool_or(h.field in ('stage_id', 'status')) as has_moves,
            (array_agg(c.outcome order by h.changed_at, h.known_from, h.line_no)
                filter (where h.changed_at < p_at and c.outcome is not null)) as outcomes,
            (array_agg(h.changed_at order by h.changed_at, h.known_from, h.line_no)
                filter (where h.changed_at < p_at and c.outcome is not null)) as outcomes_at
        from crm.opportunity_history_versions as h
        left join stages as s on s.tenant_id = h.tenant_id and h.field = 'stage_id' and s.stage_id = h.new_value
        cross join lateral (
            select case
                when h.field in ('stage_id', 'created_at') then coalesce(s.outcome, 'open')
                when h.field = 'status' then h.new_value
                when h.field = 'loss_reason' and h.new_value is not null
                    and not exists (select from stages as x where x.tenant_id = h.tenant_id and x.has_lost) then 'lost'
            end as outcome
        ) as c
        where h.known_from <= p_known_as_of and h.known_to > p_known_as_of and not h.is_deleted
            and h.field in ('stage_id', 'pipeline_id', 'amount', 'currency', 'probability', 'forecast_category', 'close_date',
                'owner_id', 'account_id', 'next_step', 'lead_source', 'discount_pct', 'competitor', 'competitor_status', 'name',
                'loss_reason', 'status', 'created_at')
        group by h.tenant_id, h.opportunity_id
    )
    select %s
    from crm.opportunity_records_as_of(p_at, p_known_as_of) as v
    left join changes as c on c.tenant_id = v.tenant_id and c.opportunity_id = v.opportunity_id
    cross join lateral (
        select case when c.outcomes is null and not coalesce(c.has_moves, false) and v.is_closed and v.closed_at < p_at
            then case when v.is_won then 'won' else 'lost' end
            else coalesce(c.outcomes[cardinality(c.outcomes)], 'open') end as outcome
    ) as o
    cross join lateral jsonb_populate_record(
        v, coalesce(c.later, '{}') || coalesce(c.earlier, '{}') || jsonb_build_object(
            'is_closed', o.outcome <> 'open', 'is_won', o.outcome = 'won',
            'closed_at', case when o.outcome <> 'open' then coalesce(c.outcomes_at[cardinality(c.outcomes)], v.closed_at) end
        )
    ) as s
$$
    $ddl$, (
        select string_agg(case when attname in ('tenant_id', 'opportunity_id') then 'v.' else 's.' end || quote_ident(attname), ', '
            order by attnum)
        from pg_attribute where attrelid = 'crm.opportunities_versions'::regclass and attnum > 0 and not attisdropped
    ));
end $do$;

-- Lays down history.<table> for every canonical table of the source, to be read at the session's transaction time: of records the
-- versions with their spans of time (ops.spans_of; of deals with what they were, ops.turns_of), of events what is known of
-- them. A stage that was renamed stays one record (record_id); of stage benchmarks a record is what is said of one stage
-- (of_stage), under whichever of its names.
create or replace function ops.lay_history() returns void language plpgsql as $$
declare
    c_fields constant text[] := array[
        'name', 'account_id', 'owner_id', 'amount', 'currency', 'close_date', 'forecast_category', 'probability', 'next_step',
        'discount_pct', 'competitor', 'competitor_status', 'lead_source'
    ];
    c_benchmarks constant text := $sql$(
        select v.*, coalesce(s.stage_id, v.stage_id) as of_stage
        from crm_remote.stage_benchmarks_versions as v
        left join (select distinct tenant_id, stage_label, stage_id from staging.pipeline_stages) as s
            on s.tenant_id = v.tenant_id and s.stage_label = v.stage_id
        where v.stage_id is not null
    )$sql$;
    v_table record;
    v_query text;
begin
    for v_table in select t.* from crm_remote.canonical_tables as t order by t.table_name loop
        if v_table.is_event then
            v_query := format($sql$
                select v.* from crm_remote.%I as v
                where v.known_from <= (select ops.known_as_of()) and v.known_to > (select ops.known_as_of()) and not v.is_deleted
            $sql$, v_table.table_name || '_versions');
        else
            v_query := ops.spans_of(
                case v_table.table_name when 'stage_benchmarks' then c_benchmarks
                    else format('crm_remote.%I', v_table.table_name || '_versions') end,
                'crm_remote.loads',
                case v_table.table_name
                    when 'pipeline_stages' then 'coalesce(v.record_id, v.stage_id)'
                    when 'stage_benchmarks' then 'v.of_stage'
                    else format('v.%I', v_table.key_column) end,
                '(select ops.known_as_of())'
            );
            if v_table.table_name = 'opportunities' then
                v_query := ops.turns_of(v_query);
            end if;
        end if;
        execute format('create or replace view history.%I as %s', v_table.table_name, v_query);
        execute format('comment on view history.%I is %L', v_table.table_name, format(
            case when v_table.is_event then 'crm.%s as known to the session.'
                else 'Records of crm.%s with the spans of time in which they were so, as known to the session.' end,
            v_table.table_name
        ));
    end loop;
    execute 'create or replace view history.opportunity_values as ' || ops.values_of(format($sql$(
        select h.tenant_id, h.opportunity_id as record_id, h.field, h.changed_at as at, h.old_value, h.new_value,
            false as is_version, h.known_from, h.line_no
        from history.opportunity_history as h
        where h.field = any(%1$L) and h.changed_at is not null
        union all
        select v.tenant_id, v.opportunity_id, f.field, v.valid_from, null, f.value, true, v.known_from, v.line_no
        from history.opportunities as v
        cross join lateral (
            select u.field, u.value from unnest(%1$L::text[], array[%2$s]) as u (field, value)
        ) as f
        where v.holds_from > '-infinity' or v.valid_to < 'infinity'
    )$sql$, c_fields, (select string_agg(format('v.%I::text', field), ', ') from unnest(c_fields) as field)));
    comment on view history.opportunity_values is 'What each tracked field of a deal held when, as known to the session: of deals '
        'with several versions and of fields with logged changes; any other always held what history.opportunities says.';
    execute 'create or replace view history.lead_values as ' || ops.values_of($sql$(
        select h.tenant_id, h.lead_id as record_id, h.field, h.changed_at as at, h.old_value, h.new_value,
            false as is_version, h.known_from, h.line_no
        from history.lead_history as h
        where h.field = 'source' and h.changed_at is not null and h.lead_id is not null
        union all
        select v.tenant_id, v.lead_id, 'source', v.valid_from, null, v.source, true, v.known_from, v.line_no
        from history.leads as v
        where v.holds_from > '-infinity' or v.valid_to < 'infinity'
    )$sql$);
    comment on view history.lead_values is 'What source a lead had when, as known to the session: of leads with several '
        'versions or with logged changes; any other always had what history.leads says.';
    execute 'create or replace view ops.stage_meanings as ' || ops.meanings_of('staging.pipeline_stages');
    comment on view ops.stage_meanings is 'Which stage a label meant, and what that stage made of a deal then.';
end $$;

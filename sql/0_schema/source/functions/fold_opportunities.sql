-- State of each deal that a load's changes touch, from all its known changes: the last value of each tracked field.
-- A loss reason or a status of won or lost closes the deal; a stage change, a creation or the status open after it
-- reopens it. Staged as crm.opportunities, to be merged like records that a source wrote itself.
create or replace function crm.fold_opportunities(p_load_id bigint, p_staging text) returns void language plpgsql as $$
declare
    v_columns text;
    v_values text;
begin
    select string_agg(quote_ident(attname), ', ' order by attnum), string_agg(format($sql$
        (array_agg(new_value order by changed_at desc, known_from desc, line_no desc) filter (where field = %1$L))[1] as %1$I
    $sql$, attname), ', ' order by attnum)
    into v_columns, v_values
    from pg_attribute
    where attrelid = 'crm.opportunities'::regclass and attnum > 0 and atttypid = 'text'::regtype
        and attname not in ('tenant_id', 'opportunity_id');
    execute format($sql$
        insert into %1$I.opportunities (load_id, opportunity_id, created_at, closed_at, is_closed, is_won, modified_at, %2$s)
        with touched as (
            select distinct opportunity_id from %1$I.opportunity_history where load_id = %4$s
        ),
        changes as (
            select h.*, case
                when h.field = 'loss_reason' and h.new_value is not null then 'lost'
                when h.field = 'status' then h.new_value
                when h.field in ('stage_id', 'created_at') then 'open'
            end as outcome
            from crm.opportunity_history as h
            inner join touched as t on t.opportunity_id = h.opportunity_id
            where h.tenant_id = (select tenant_id from crm.loads where load_id = %4$s)
        ),
        deals as (
            select opportunity_id, coalesce(min(changed_at) filter (where field = 'created_at'), min(changed_at)) as created_at,
                max(changed_at) as modified_at, max(changed_at) filter (where outcome in ('won', 'lost')) as closed_at,
                (array_agg(outcome order by changed_at desc, known_from desc, line_no desc)
                    filter (where outcome is not null))[1] as outcome,
                %3$s
            from changes
            group by opportunity_id
        )
        select %4$s, opportunity_id, created_at, case when outcome in ('won', 'lost') then closed_at end,
            coalesce(outcome in ('won', 'lost'), false), coalesce(outcome = 'won', false), modified_at, %2$s
        from deals
    $sql$, p_staging, v_columns, v_values, p_load_id);
end $$;

-- State of each deal that a load's changes touch, from all its known changes: the last value of each tracked field; of a
-- field that the changes never name, what is known of it otherwise. A loss reason or a status of won or lost closes the
-- deal; a stage change, a creation or the status open after it reopens it; a status of deleted removes it.
-- Staged as crm.opportunities, to be merged like records that a source wrote itself.
create or replace function crm.fold_opportunities(p_load_id bigint, p_seq bigint, p_staging text) returns void language plpgsql as $$
declare
    v_tenant text := (select tenant_id from crm.loads where load_id = p_load_id);
    v_columns text;
    v_values text;
begin
    select string_agg(quote_ident(attname), ', ' order by attnum), string_agg(format($sql$
        case when count(*) filter (where field = %1$L) = 0 then (select o.%1$I from crm.opportunities_current as o
            where o.tenant_id = %3$L and o.opportunity_id = c.opportunity_id)
        else ((array_agg(new_value order by changed_at desc, known_from desc, line_no desc) filter (where field = %1$L))[1])::%2$s end as %1$I
    $sql$, attname, format_type(atttypid, atttypmod), v_tenant), ', ' order by attnum)
    into v_columns, v_values
    from pg_attribute
    where attrelid = 'crm.opportunities'::regclass and attnum > 0
        and attname not in ('tenant_id', 'opportunity_id', 'created_at', 'closed_at', 'is_closed', 'is_won', 'closing_known_by',
            'modified_at', 'is_deleted', 'record', 'load_id', 'line_no', 'known_from', 'known_to');
    -- Deals whose changes this load brought, took away or moved to another deal.
    drop table if exists pg_temp.fold_touched;
    execute format($sql$
        create temporary table fold_touched on commit drop as
        (select opportunity_id from %1$I.opportunity_history where load_id = %2$s and opportunity_id is not null
        union
        select opportunity_id from crm.opportunity_history_superseded
        where tenant_id = %3$L and known_to = %4$s and opportunity_id is not null)
        except
        select opportunity_id from %1$I.opportunities where load_id = %2$s
    $sql$, p_staging, p_load_id, v_tenant, p_seq);
    execute format($sql$
        insert into %1$I.opportunities (load_id, opportunity_id, created_at, closed_at, is_closed, is_won, is_deleted, modified_at, %2$s)
        with changes as (
            select h.*, case
                when h.field = 'created_at' then 'open'
                when h.field = 'status' and h.new_value = 'deleted' then 'deleted'
                else crm.move_outcome(h.field, h.new_value, 'open', false)
            end as outcome
            from crm.opportunity_history as h
            inner join fold_touched as t on t.opportunity_id = h.opportunity_id
            where h.tenant_id = %5$L
        ),
        deals as (
            select opportunity_id, coalesce(min(changed_at) filter (where field = 'created_at'), min(changed_at)) as born_at,
                max(changed_at) as touched_at, max(changed_at) filter (where outcome in ('won', 'lost')) as ended_at,
                (array_agg(outcome order by changed_at desc, known_from desc, line_no desc)
                    filter (where outcome is not null))[1] as outcome,
                (array_agg(outcome order by changed_at desc, known_from desc, line_no desc)
                    filter (where outcome is not null and outcome <> 'deleted'))[1] as fate,
                %3$s
            from changes as c
            group by opportunity_id
        )
        select %4$s, opportunity_id, born_at, case when fate in ('won', 'lost') then ended_at end,
            coalesce(fate in ('won', 'lost'), false), coalesce(fate = 'won', false), coalesce(outcome = 'deleted', false),
            touched_at, %2$s
        from deals
    $sql$, p_staging, v_columns, v_values, p_load_id, v_tenant);
    -- A deal of which no change is left is gone.
    execute format($sql$
        insert into %1$I.opportunities (load_id, opportunity_id, is_deleted)
        select %2$s, o.opportunity_id, true
        from crm.opportunities as o
        inner join fold_touched as t on t.opportunity_id = o.opportunity_id
        where o.tenant_id = %3$L and not exists (
            select from crm.opportunity_history as h
            where h.tenant_id = o.tenant_id and h.opportunity_id = o.opportunity_id
        )
    $sql$, p_staging, p_load_id, v_tenant);
end $$;

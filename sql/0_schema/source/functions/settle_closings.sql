-- Whether and when staged deals were closed, where their records do not say: closed if their stage is won or lost;
-- closed_at is the instant of the last logged change of the stage, else the close date (its midnight in the business
-- zone, but not after the record's last modification), never before the deal's creation. closing_known_by says which:
-- closed_at where the record gave it. Without any of these a deal counts as closed since its version began.
create or replace function crm.settle_closings(p_load_id bigint, p_staging text) returns void language plpgsql as $$
declare
    v_tenant text := (select tenant_id from crm.loads where load_id = p_load_id);
    v_started timestamptz := (select started_at from crm.loads where load_id = p_load_id);
    v_stage text := format('%I.opportunities', p_staging);
begin
    execute format($sql$
        update %1$s as s set is_closed = coalesce(s.is_closed, t.outcome in ('won', 'lost'), false),
            is_won = coalesce(s.is_won, t.outcome = 'won', false)
        from %1$s as d
        left join crm.pipeline_stages_current as t on t.tenant_id = %2$L and t.stage_id = d.stage_id and not t.is_deleted
        where d.ctid = s.ctid and s.load_id = %3$s and (s.is_closed is null or s.is_won is null)
    $sql$, v_stage, v_tenant, p_load_id);
    execute format($sql$
        update %1$s as s set closing_known_by = 'closed_at'
        where s.load_id = %2$s and s.is_closed and s.closed_at is not null and s.closing_known_by is null
    $sql$, v_stage, p_load_id);
    execute format($sql$
        update %1$s as s set closed_at = greatest(f.closed_at, s.created_at), closing_known_by = f.known_by
        from %1$s as d
        cross join lateral (
            select h.changed_at as closed_at, 'stage_change' as known_by, 1 as choice
            from crm.opportunity_history_current as h
            where h.tenant_id = %2$L and h.opportunity_id = d.opportunity_id and h.field = 'stage_id' and not h.is_deleted
                and h.new_value = d.stage_id and h.changed_at <= coalesce(d.modified_at, %3$L)
            union all
            select least(d.close_date::timestamp at time zone crm.day_zone(), d.modified_at), 'close_date', 2
            where d.close_date is not null and (d.modified_at is not null or d.close_date::timestamp at time zone crm.day_zone() <= %3$L)
            order by choice, closed_at desc
            limit 1
        ) as f
        where d.ctid = s.ctid and s.load_id = %4$s and s.is_closed and s.closed_at is null
    $sql$, v_stage, v_tenant, v_started, p_load_id);
end $$;

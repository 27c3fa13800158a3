-- Runs the stage velocity report and stores it: header, facts, detail, all or nothing. Returns the run's id. p_as_of is
-- by default now, once. With p_run_key, a run that has this key already is returned as it stands.
create or replace function dyno_crm.run_stage_velocity_report(
    p_tenant_id uuid, p_pipeline_id uuid, p_period_start timestamptz default null, p_period_end timestamptz default null,
    p_stage_id uuid default null, p_as_of timestamptz default null, p_run_key text default null
) returns uuid language plpgsql as $$
declare
    v_as_of timestamptz := coalesce(p_as_of, now());
    v_run_id uuid;
begin
    if not exists (select from staging.stage_directory as d where d.tenant_uuid = p_tenant_id) then
        raise exception 'there is no tenant % with stages', coalesce(p_tenant_id::text, 'null');
    elsif not exists (
        select from staging.stage_directory as d where d.tenant_uuid = p_tenant_id and d.pipeline_uuid = p_pipeline_id
    ) then
        raise exception 'pipeline % does not exist for tenant %', coalesce(p_pipeline_id::text, 'null'), p_tenant_id;
    elsif p_stage_id is not null and not exists (
        select from staging.stage_directory as d
        where d.tenant_uuid = p_tenant_id and d.pipeline_uuid = p_pipeline_id and d.stage_uuid = p_stage_id
    ) then
        raise exception 'stage % does not exist in pipeline %', p_stage_id, p_pipeline_id;
    elsif p_period_end < p_period_start then
        raise exception 'the period ends (%) before it starts (%)', p_period_end, p_period_start;
    end if;

    insert into dyno_crm.report_run (tenant_id, report_type, period_start, period_end, parameters, run_key)
    select p_tenant_id, 'STAGE_VELOCITY', p_period_start, p_period_end, jsonb_build_object(
        'pipeline_id', p_pipeline_id, 'stage_id', p_stage_id, 'as_of', v_as_of, 'known_as_of', max(d.known_as_of)
    ), p_run_key
    from staging.stage_directory as d where d.tenant_uuid = p_tenant_id
    on conflict (run_key) do nothing
    returning id into v_run_id;
    if v_run_id is null then
        return (select r.id from dyno_crm.report_run as r where r.run_key = p_run_key);
    end if;

    with results as materialized (
        select q.* from dyno_crm.stage_velocity_query(
            p_tenant_id, p_pipeline_id, v_as_of, p_period_start, p_period_end, p_stage_id
        ) as q
    ),
    facts as (
        insert into dyno_crm.report_stage_velocity_fact (
            run_id, tenant_id, pipeline_id, stage_id, completed_count, avg_duration_days, median_duration_days, current_count,
            avg_current_age_days
        )
        select v_run_id, p_tenant_id, p_pipeline_id, r.stage_id, r.completed_count, r.avg_duration_days,
            r.median_duration_days, r.current_count, r.avg_current_age_days
        from results as r where not r.is_removed
    )
    insert into dyno_crm.report_stage_velocity_detail (
        run_id, tenant_id, pipeline_id, stage_id, stage_name, stage_order, p90_duration_days, median_current_age_days,
        p90_current_age_days, excluded_outside_period_count, excluded_deleted_count, excluded_merged_count,
        excluded_stage_removed_count
    )
    select v_run_id, p_tenant_id, p_pipeline_id, r.stage_id, r.stage_name, r.stage_order,
        case when not r.is_removed then r.p90_duration_days end,
        case when not r.is_removed then r.median_current_age_days end,
        case when not r.is_removed then r.p90_current_age_days end,
        r.outside_period_count, r.deleted_count, r.merged_count,
        case when r.is_removed then r.completed_count + r.current_count else 0 end
    from results as r;
    return v_run_id;
end $$;

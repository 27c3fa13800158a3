-- The stage velocity report's one query: every stage of a pipeline as of an instant, also one that nothing ever entered,
-- in stage order, with what is known of the visits that began before the instant (and in the period, if one is given).
-- A visit that ended before the instant is completed, any other current. Visits are counted stage by stage, by the index of
-- their stage: nothing is joined to them that could multiply them. Days are elapsed seconds / 86400.
create or replace function dyno_crm.stage_velocity_query(
    p_tenant_id uuid, p_pipeline_id uuid, p_as_of timestamptz,
    p_period_start timestamptz default null, p_period_end timestamptz default null, p_stage_id uuid default null
) returns table (
    stage_id uuid,
    stage_name text,
    stage_order numeric,
    completed_count bigint,
    avg_duration_days numeric(10, 4),
    median_duration_days numeric(10, 4),
    p90_duration_days numeric(10, 4),
    current_count bigint,
    avg_current_age_days numeric(10, 4),
    median_current_age_days numeric(10, 4),
    p90_current_age_days numeric(10, 4),
    outside_period_count bigint,
    deleted_count bigint,
    merged_count bigint,
    is_removed boolean
) language sql stable parallel safe as $$
    with stages as (
        select d.tenant_id, d.pipeline_id, d.stage_id, d.stage_uuid, coalesce(s.stage_name, d.stage_id) as stage_name,
            s.stage_order, coalesce(s.is_deleted, false) as is_removed
        from staging.stage_directory as d
        left join staging.pipeline_stages as s
            on s.tenant_id = d.tenant_id and s.stage_id = d.stage_id and s.valid_from < p_as_of and s.valid_to >= p_as_of
        where d.tenant_uuid = p_tenant_id and d.pipeline_uuid = p_pipeline_id
            and (p_stage_id is null or d.stage_uuid = p_stage_id)
    )
    select s.stage_uuid, s.stage_name, s.stage_order,
        c.completed, c.avg_completed::numeric(10, 4), c.completed_at[1]::numeric(10, 4), c.completed_at[2]::numeric(10, 4),
        c.current, c.avg_current::numeric(10, 4), c.current_at[1]::numeric(10, 4), c.current_at[2]::numeric(10, 4),
        c.outside_period, c.deleted, c.merged, s.is_removed
    from stages as s
    cross join lateral (
        select
            count(*) filter (where v.counts_as = 'completed') as completed,
            avg(v.days) filter (where v.counts_as = 'completed') as avg_completed,
            percentile_cont(array[0.5, 0.9]) within group (order by v.days) filter (where v.counts_as = 'completed') as completed_at,
            count(*) filter (where v.counts_as = 'current') as current,
            avg(v.days) filter (where v.counts_as = 'current') as avg_current,
            percentile_cont(array[0.5, 0.9]) within group (order by v.days) filter (where v.counts_as = 'current') as current_at,
            count(*) filter (where v.counts_as = 'outside period') as outside_period,
            count(*) filter (where v.counts_as = 'deleted') as deleted,
            count(*) filter (where v.counts_as = 'merged') as merged
        from (
            select
                case
                    when gone_at < p_as_of then gone_by
                    when entered_at < p_period_start or entered_at >= p_period_end then 'outside period'
                    when exited_at < p_as_of then 'completed'
                    else 'current'
                end as counts_as,
                extract(epoch from case when exited_at < p_as_of then exited_at else p_as_of end - entered_at)::float8 / 86400
                    as days
            from staging.stage_visits
            where tenant_id = s.tenant_id and pipeline_id = s.pipeline_id and stage_id = s.stage_id and entered_at < p_as_of
        ) as v
    ) as c
    order by s.stage_order nulls last, s.stage_name, s.stage_uuid
$$;

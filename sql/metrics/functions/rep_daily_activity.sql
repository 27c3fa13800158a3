-- What each rep did on each day. What was planned and not done is left out.
--
-- Grain: tenant, day and rep with any activity.
-- Key: tenant_id, metric_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   metric_date date not null: the business day
--   rep_id text not null: who did it; -1 where nobody is named
--   rep_name text not null: the rep's name on that day; Unassigned for -1; the id of a rep whom the source does not
--       list
--   calls bigint not null: calls
--   emails bigint not null: emails
--   meetings bigint not null: meetings
--   total_activities bigint not null: these, demos, tasks, and what the source calls otherwise
create or replace function metrics.rep_daily_activity_rows() returns table (
    tenant_id text, metric_date date, rep_id text, rep_name text, calls bigint, emails bigint, meetings bigint,
    total_activities bigint
) language plpgsql stable as $$
declare
    v_read record := metrics.window_to_read();
begin
    return query
    with done as (
        select a.tenant_id, d.metric_date, d.as_of, metrics.key_of(a.rep_id, '-1') as rep_id,
            count(*) filter (where a.type = 'call') as calls, count(*) filter (where a.type = 'email') as emails,
            count(*) filter (where a.type = 'meeting') as meetings, count(*) as total_activities
        from crm_remote.activities_versions as a
        inner join pg_temp.metrics_days as d
            on d.tenant_id = a.tenant_id and d.metric_date = (a.occurred_at at time zone (select ops.timezone()))::date
        where a.tenant_id = any(v_read.tenants) and a.known_from <= v_read.known_as_of and a.known_to > v_read.known_as_of
            and a.occurred_at >= v_read.starts_at and a.occurred_at < v_read.ends_at and (a.is_done or a.is_done is null)
            -- What was deleted after a day had happened on it.
            and (not a.is_deleted or a.modified_at >= v_read.first_as_of)
            and a.occurred_at < d.as_of and (not a.is_deleted or a.modified_at >= d.as_of)
        group by a.tenant_id, d.metric_date, d.as_of, 4
    )

    select a.tenant_id, a.metric_date, a.rep_id, case a.rep_id when '-1' then 'Unassigned' else coalesce(r.rep_name, a.rep_id) end,
        a.calls, a.emails, a.meetings, a.total_activities
    from done as a
    left join pg_temp.metrics_reps as r
        on r.tenant_id = a.tenant_id and r.rep_id = a.rep_id and r.valid_from < a.as_of and r.valid_to >= a.as_of;
end $$;

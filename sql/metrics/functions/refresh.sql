-- Every published function ends here. Computes the named tables anew for the days from p_from to p_to, of one tenant or of
-- all, reading each foreign table once, and returns how many rows that are. All or nothing: on any error the earlier rows
-- stay. With p_logs the days are written to metrics.run_log.
create or replace function metrics.refresh(p_tables text[], p_from date, p_to date, p_tenant text, p_logs boolean)
returns bigint language plpgsql set client_min_messages = warning set plan_cache_mode = force_custom_plan as $$
declare
    v_started_at timestamptz := clock_timestamp();
    v_table text;
    v_rows bigint := 0;
begin
    perform metrics.begin_refresh(p_from, p_to, p_tenant);
    perform metrics.read_for(p_tables);
    create temporary table if not exists metrics_written (
        tenant_id text not null, metric_date date not null, row_count bigint not null
    ) on commit drop;
    truncate pg_temp.metrics_written;
    foreach v_table in array p_tables loop
        v_rows := v_rows + metrics.replace_rows(v_table, p_from, p_to, p_tenant);
        perform metrics.note_days(v_table, p_from, p_to, p_tenant);
    end loop;
    if p_logs then
        perform metrics.write_run_log(p_from, p_to, p_tenant, v_started_at);
        perform metrics.note_days('run_log', p_from, p_to, p_tenant);
    end if;
    return v_rows;
end $$;

-- Reads what the named tables are computed from, each foreign table once for all of them.
create or replace function metrics.read_for(p_tables text[]) returns void language plpgsql as $$
begin
    if p_tables && '{daily_lead_funnel,rep_daily_pipeline}' then
        perform metrics.read_opportunities();
    end if;
    if p_tables && '{daily_lead_funnel,lead_stage_snapshot}' then
        perform metrics.read_leads();
    end if;
    if p_tables && '{rep_daily_activity,rep_daily_pipeline}' then
        perform metrics.read_reps();
    end if;
end $$;

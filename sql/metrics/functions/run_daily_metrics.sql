-- The published functions. Each takes a day, or two for a range, and a tenant (default: all); deletes and computes its days;
-- returns the number of rows written. A range costs one read of the source, not one a day, and gives the rows that its
-- days give one by one.
create or replace function metrics.refresh_daily_lead_funnel(p_from date, p_to date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh('{daily_lead_funnel}', p_from, p_to, p_tenant, false)
$$;
create or replace function metrics.refresh_daily_lead_funnel(p_date date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh_daily_lead_funnel(p_date, p_date, p_tenant)
$$;

create or replace function metrics.refresh_rep_daily_activity(p_from date, p_to date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh('{rep_daily_activity}', p_from, p_to, p_tenant, false)
$$;
create or replace function metrics.refresh_rep_daily_activity(p_date date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh_rep_daily_activity(p_date, p_date, p_tenant)
$$;

create or replace function metrics.refresh_rep_daily_pipeline(p_from date, p_to date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh('{rep_daily_pipeline}', p_from, p_to, p_tenant, false)
$$;
create or replace function metrics.refresh_rep_daily_pipeline(p_date date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh_rep_daily_pipeline(p_date, p_date, p_tenant)
$$;

create or replace function metrics.refresh_lead_stage_snapshot(p_from date, p_to date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh('{lead_stage_snapshot}', p_from, p_to, p_tenant, false)
$$;
create or replace function metrics.refresh_lead_stage_snapshot(p_date date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh_lead_stage_snapshot(p_date, p_date, p_tenant)
$$;

-- All four, atomically, and the log.
create or replace function metrics.backfill_date_range(p_from date, p_to date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.refresh(
        '{daily_lead_funnel,lead_stage_snapshot,rep_daily_activity,rep_daily_pipeline}', p_from, p_to, p_tenant, true
    )
$$;
create or replace function metrics.run_daily_metrics(p_date date, p_tenant text default null)
returns bigint language sql as $$
    select metrics.backfill_date_range(p_date, p_date, p_tenant)
$$;

-- The last p_days days that are over: 1 is yesterday.
create or replace function metrics.backfill_last_n_days(p_days int, p_tenant text default null)
returns bigint language plpgsql as $$
declare
    v_yesterday date := (now() at time zone ops.timezone())::date - 1;
begin
    if p_days is null or p_days < 1 then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('a number of days of at least 1 is needed, not %s', coalesce(p_days::text, 'null'));
    end if;
    return metrics.backfill_date_range(v_yesterday - p_days + 1, v_yesterday, p_tenant);
end $$;

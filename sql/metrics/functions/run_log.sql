-- Every day of daily metrics that was run as a whole, all four tables of it at one transaction time; a run again takes the row's
-- place, a refresh of a single table writes none.
--
-- Grain: tenant and day.
-- Key: tenant_id, metric_date
-- Columns:
--   tenant_id text not null: company the row belongs to
--   metric_date date not null: the business day
--   rows_written bigint not null: rows of the day in the four tables
--   started_at timestamptz not null: when the run began
--   finished_at timestamptz not null: when it ended
--   code_version text not null: hash of the functions that computed it
-- Rules:
--   finished_at lies before started_at unless started_at <= finished_at
create or replace function metrics.write_run_log(p_from date, p_to date, p_tenant text, p_started_at timestamptz) returns void
language plpgsql as $$
begin
    delete from metrics.run_log as l
    where l.metric_date between p_from and p_to and (p_tenant is null or l.tenant_id = p_tenant);
    insert into metrics.run_log
    select d.tenant_id, d.metric_date, coalesce(sum(w.row_count), 0), p_started_at, clock_timestamp(),
        metrics.code_version(), d.known_as_of, d.data_freshness
    from pg_temp.metrics_days as d
    left join pg_temp.metrics_written as w on w.tenant_id = d.tenant_id and w.metric_date = d.metric_date
    group by d.tenant_id, d.metric_date, d.known_as_of, d.data_freshness
    order by d.tenant_id, d.metric_date;
end $$;

-- Leads by the status that they had at the end of each day, and how old they were.
--
-- Grain: tenant, day and status that any lead had.
-- Key: tenant_id, metric_date, lead_status
-- Columns:
--   tenant_id text not null: company the row belongs to
--   metric_date date not null: the business day
--   lead_status text not null: the status; Unknown where nobody said
--   leads_in_status bigint not null: leads in it at the day's end
--   avg_lead_age_days numeric(12, 4): mean of elapsed days since their creation, 0 before it; null where no creation
--       is dated
create or replace function metrics.lead_stage_snapshot_rows() returns table (
    tenant_id text, metric_date date, lead_status text, leads_in_status bigint, avg_lead_age_days numeric
) language sql stable as $$
    select c.tenant_id, c.metric_date, c.value, c.leads, c.avg_age_days from metrics.lead_counts('status') as c
$$;

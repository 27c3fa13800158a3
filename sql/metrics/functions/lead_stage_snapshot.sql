-- Leads by the status that they had at the end of each day, and how old they were.
--
-- Grain: tenant, day and status that any lead had.
-- Columns:
--   tenant_id: company the row belongs to
--   metric_date: the business day
--   lead_status: the status; Unknown where nobody said
--   leads_in_status: leads in it at the day's end
--   avg_lead_age_days: mean of elapsed days since their creation, 0 before it; null where no creation is dated
create or replace function metrics.lead_stage_snapshot_rows() returns table (
    tenant_id text, metric_date date, lead_status text, leads_in_status bigint, avg_lead_age_days numeric
) language sql stable as $$
    select c.tenant_id, c.metric_date, c.value, c.leads, c.avg_age_days from metrics.lead_counts('status') as c
$$;

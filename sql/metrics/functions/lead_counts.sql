-- How many leads had which value of a field (status, source) on each day, and how old they were on average: counts and sums
-- run over what each lead's spans add on their first day and take away after their last, so that a year costs no more
-- than its changes. A null or blank value is Unknown. A lead's age is elapsed days since its creation, 0 before it; leads
-- without a date of creation have none.
create or replace function metrics.lead_counts(p_field text)
returns table (tenant_id text, metric_date date, value text, leads bigint, avg_age_days numeric)
language plpgsql stable as $$
declare
    v_timezone text := ops.timezone();
begin
    return query
    with days as (
        select min(d.metric_date) as first_day, max(d.metric_date) as last_day from pg_temp.metrics_days as d
    ),

    spans as (
        select l.tenant_id, metrics.key_of(v.value, 'Unknown') as value, l.created_at,
            greatest(b.d_from, w.first_day) as d_from, b.d_to, greatest(b.d_from, b.d_aged, w.first_day) as d_aged
        from pg_temp.metrics_leads as l
        inner join pg_temp.metrics_tenants as t on t.tenant_id = l.tenant_id
        inner join pg_temp.metrics_values as v
            on v.kind = 'lead' and v.tenant_id = l.tenant_id and v.record_id = l.lead_id and v.field = p_field
        inner join pg_temp.metrics_values as g
            on g.kind = 'lead' and g.tenant_id = l.tenant_id and g.record_id = l.lead_id and g.field = 'record_gone'
            and g.value = 'false' and g.valid_from < v.valid_to and g.valid_to > v.valid_from
        cross join days as w
        cross join lateral (
            select metrics.counts_from(greatest(v.valid_from, g.valid_from, l.since), v_timezone, t.cut_day, t.cut_at) as d_from,
                metrics.counts_from(least(v.valid_to, g.valid_to), v_timezone, t.cut_day, t.cut_at) as d_to,
                metrics.counts_from(l.created_at, v_timezone, t.cut_day, t.cut_at) as d_aged
        ) as b
        where b.d_from < b.d_to and b.d_from <= w.last_day and b.d_to > w.first_day
    ),

    steps as (
        select s.tenant_id, s.value, e.metric_date, sum(e.sign) as leads, sum(e.sign) filter (where s.created_at is not null) as dated,
            sum(e.aged) filter (where s.created_at is not null) as aged, sum(e.aged * extract(epoch from s.created_at)) as born
        from spans as s
        cross join lateral (
            values (s.d_from, 1, 0), (s.d_to, -1, 0), (s.d_aged, 0, case when s.d_aged < s.d_to then 1 else 0 end),
                (s.d_to, 0, case when s.d_aged < s.d_to then -1 else 0 end)
        ) as e (metric_date, sign, aged)
        group by s.tenant_id, s.value, e.metric_date
    ),

    running as (
        select d.tenant_id, d.metric_date, d.as_of, f.value, sum(s.leads) over by_day as leads, sum(s.dated) over by_day as dated,
            sum(s.aged) over by_day as aged, sum(s.born) over by_day as born
        from (select distinct s.tenant_id, s.value from steps as s) as f
        inner join pg_temp.metrics_days as d on d.tenant_id = f.tenant_id
        left join steps as s on s.tenant_id = f.tenant_id and s.value = f.value and s.metric_date = d.metric_date
        window by_day as (partition by d.tenant_id, f.value order by d.metric_date)
    )

    select r.tenant_id, r.metric_date, r.value, r.leads::bigint,
        round((r.aged * extract(epoch from r.as_of) - coalesce(r.born, 0)) / 86400 / nullif(r.dated, 0), 4)
    from running as r
    where r.leads > 0;
end $$;

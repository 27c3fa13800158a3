-- Leads by where they came from, at the end of each day, and what came in on it. A lead's source is the one it had then; a
-- deal's source is its own, else that of the lead that was converted into it by then.
--
-- Grain: tenant, day and source with any lead or deal.
-- Key: tenant_id, metric_date, lead_source
-- Columns:
--   tenant_id text not null: company the row belongs to
--   metric_date date not null: the business day
--   lead_source text not null: where from; Unknown where nobody said
--   total_leads bigint not null: leads there were at the day's end
--   new_leads bigint not null: leads created on the day
--   sqls bigint not null: leads first qualified on the day
--   opportunities_created bigint not null: deals created on the day
create or replace function metrics.daily_lead_funnel_rows() returns table (
    tenant_id text, metric_date date, lead_source text, total_leads bigint, new_leads bigint, sqls bigint,
    opportunities_created bigint
) language plpgsql stable as $$
begin
    return query
    with lead_events as (
        select l.tenant_id, l.lead_id, d.metric_date, d.as_of, e.is_new, not e.is_new as is_qualified
        from pg_temp.metrics_leads as l
        cross join lateral (values (l.created_at, true), (l.qualified_at, false)) as e (at, is_new)
        inner join pg_temp.metrics_days as d
            on d.tenant_id = l.tenant_id and d.metric_date = (e.at at time zone (select ops.timezone()))::date
        inner join pg_temp.metrics_values as g
            on g.kind = 'lead' and g.tenant_id = l.tenant_id and g.record_id = l.lead_id and g.field = 'record_gone'
            and g.value = 'false' and g.valid_from < d.as_of and g.valid_to >= d.as_of
        where e.at < d.as_of
    ),

    converted as (
        select distinct on (o.tenant_id, o.opportunity_id, o.metric_date) o.tenant_id, o.opportunity_id, o.metric_date,
            v.value as lead_source
        from pg_temp.metrics_opportunities as o
        inner join pg_temp.metrics_leads as l
            on l.tenant_id = o.tenant_id and l.opportunity_id = o.opportunity_id and l.converted_at < o.as_of
            and l.since < o.as_of
        inner join pg_temp.metrics_values as g
            on g.kind = 'lead' and g.tenant_id = l.tenant_id and g.record_id = l.lead_id and g.field = 'record_gone'
            and g.value = 'false' and g.valid_from < o.as_of and g.valid_to >= o.as_of
        inner join pg_temp.metrics_values as v
            on v.kind = 'lead' and v.tenant_id = l.tenant_id and v.record_id = l.lead_id and v.field = 'source'
            and v.valid_from < o.as_of and v.valid_to >= o.as_of and metrics.key_of(v.value, null) is not null
        where o.is_created
        order by o.tenant_id, o.opportunity_id, o.metric_date, l.converted_at, l.lead_id
    ),

    counted as (
        select c.tenant_id, c.metric_date, c.value as lead_source, c.leads, 0 as is_new, 0 as is_qualified, 0 as is_created
        from metrics.lead_counts('source') as c
        union all
        select e.tenant_id, e.metric_date, v.value, 0, e.is_new::int, e.is_qualified::int, 0
        from lead_events as e
        left join pg_temp.metrics_values as v
            on v.kind = 'lead' and v.tenant_id = e.tenant_id and v.record_id = e.lead_id and v.field = 'source'
            and v.valid_from < e.as_of and v.valid_to >= e.as_of
        union all
        select o.tenant_id, o.metric_date, metrics.key_of(o.lead_source, c.lead_source), 0, 0, 0, 1
        from pg_temp.metrics_opportunities as o
        left join converted as c
            on c.tenant_id = o.tenant_id and c.opportunity_id = o.opportunity_id and c.metric_date = o.metric_date
        where o.is_created
    )

    select c.tenant_id, c.metric_date, metrics.key_of(c.lead_source, 'Unknown'), sum(c.leads)::bigint,
        sum(c.is_new)::bigint, sum(c.is_qualified)::bigint, sum(c.is_created)::bigint
    from counted as c
    group by 1, 2, 3;
end $$;

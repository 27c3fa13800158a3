-- Reads the leads that the days of pg_temp.metrics_days know of, once. A lead exists from its creation, or from its first
-- logged change where that is earlier, while its record is not deleted; a lead without a date of creation has always been
-- there. It is first qualified when its record says so or when its status is Qualified, whichever is earlier. Fills
--   pg_temp.metrics_leads    one row per lead
--   pg_temp.metrics_values   their status and source over time, and whether they were deleted
create or replace function metrics.read_leads() returns void language plpgsql as $$
begin
    perform metrics.read_log(
        'lead', '{record_created,record_gone,record_qualified,record_converted,status,source}',
        'g.field = ''record_created'' and (g.at < $5 or g.at is null) or g.field in (''status'', ''source'') and not g.is_version and g.at < $5'
    );
    perform metrics.lay_out_values('lead');
    create temporary table if not exists metrics_leads (
        tenant_id text not null, lead_id text not null, since timestamptz not null, created_at timestamptz,
        qualified_at timestamptz, converted_at timestamptz, opportunity_id text
    ) on commit drop;
    truncate pg_temp.metrics_leads;
    insert into pg_temp.metrics_leads
    select l.tenant_id, l.record_id, b.since, b.created_at, b.qualified_at,
        (l.converted).at, (l.converted).opportunity_id
    from (
        select g.tenant_id, g.record_id,
            (array_agg(g.at order by g.old_value::timestamptz desc, g.known_from desc, g.line_no desc)
                filter (where g.field = 'record_created' and isfinite(g.at)))[1] as created_at,
            min(g.at) filter (where g.field in ('status', 'source') and not g.is_version) as first_change_at,
            min(g.at) filter (where g.field = 'record_qualified') as qualified_at,
            (array_agg(row(g.at, g.new_value)::metrics.conversion order by g.old_value::timestamptz desc, g.known_from desc)
                filter (where g.field = 'record_converted'))[1] as converted
        from pg_temp.metrics_log as g
        where g.kind = 'lead'
        group by g.tenant_id, g.record_id
    ) as l
    left join (
        select v.tenant_id, v.record_id, min(v.valid_from) as qualified_at
        from pg_temp.metrics_values as v
        where v.kind = 'lead' and v.field = 'status' and lower(btrim(v.value)) = 'qualified' and v.valid_from < v.valid_to
        group by v.tenant_id, v.record_id
    ) as q on q.tenant_id = l.tenant_id and q.record_id = l.record_id
    cross join lateral (
        select s.since, l.created_at, case
            when coalesce(l.qualified_at, q.qualified_at) is not null then greatest(least(l.qualified_at, q.qualified_at), s.since)
        end as qualified_at
        from (
            select case when l.created_at is null then '-infinity' else least(l.created_at, l.first_change_at) end as since
        ) as s
    ) as b;
    analyze pg_temp.metrics_leads;
end $$;

-- Reads the leads that the days of pg_temp.metrics_days know of, once. A lead exists from its creation, or from its first
-- logged change where that is earlier, until its record is gone; a lead without a date of creation has always been there.
-- It is qualified when its record first says so, else at its first change of status to Qualified. Fills
--   pg_temp.metrics_leads    one row per lead
--   pg_temp.metrics_values   their status and source over time
create or replace function metrics.read_leads() returns void language plpgsql as $$
begin
    perform metrics.read_log(
        'lead', '{record_created,record_gone,record_qualified,record_converted,status,source}',
        'g.field = ''record_created'' and (g.at < $5 or g.at is null) or g.field in (''status'', ''source'') and not g.is_version and g.at < $5'
    );
    perform metrics.lay_out_values('lead');
    create temporary table if not exists metrics_leads (
        tenant_id text not null, lead_id text not null, since timestamptz not null, created_at timestamptz,
        gone_at timestamptz not null, qualified_at timestamptz, converted_at timestamptz, opportunity_id text
    ) on commit drop;
    truncate pg_temp.metrics_leads;
    insert into pg_temp.metrics_leads
    select l.tenant_id, l.record_id,
        case when c.created_at is null then '-infinity' else least(c.created_at, l.first_change_at) end, c.created_at,
        coalesce(l.gone_at, 'infinity'), coalesce(l.qualified_at, l.set_qualified_at), l.converted_at, l.opportunity_id
    from (
        select g.tenant_id, g.record_id,
            array_agg(g.at order by g.known_from desc, g.line_no desc)
                filter (where g.field = 'record_created' and g.at is not null) as created_ats,
            min(g.at) filter (where g.field in ('status', 'source') and not g.is_version) as first_change_at,
            min(g.at) filter (where g.field = 'record_gone') as gone_at,
            min(g.at) filter (where g.field = 'record_qualified') as qualified_at,
            min(g.at) filter (where g.field = 'status' and not g.is_version and lower(g.new_value) = 'qualified')
                as set_qualified_at,
            min(g.at) filter (where g.field = 'record_converted') as converted_at,
            min(g.new_value) filter (where g.field = 'record_converted') as opportunity_id
        from pg_temp.metrics_log as g
        where g.kind = 'lead'
        group by g.tenant_id, g.record_id
    ) as l
    cross join lateral (select l.created_ats[1] as created_at) as c;
    analyze pg_temp.metrics_leads;
end $$;

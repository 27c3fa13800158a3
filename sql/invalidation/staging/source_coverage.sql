-- Since when a source has told of a matter: from that day on. Since when of deals at all: every dataset, as those that
-- compare days find more of them.
select
    c.tenant_id,
    c.side,
    r.dataset,
    row(c.matter, case when r.dataset = '*' then c.since_date end)::text as content,
    ops.valid_days(c.since_date, 'infinity') as days
from pg_temp.changed_rows as c
inner join
    (
        values
        ('deals', '*'),
        ('activity', 'enriched.health_rules'),
        ('stakeholder', 'enriched.health_rules'),
        ('competition', 'enriched.health_rules'),
        ('discount', 'enriched.health_rules'),
        ('roles', 'enriched.health_rules'),
        ('amount', 'analytics.forecast_lines'),
        ('close_date', 'analytics.forecast_lines'),
        ('deals', 'analytics.forecast_methods'),
        ('deals', 'analytics.quota_pacing'),
        ('amount', 'analytics.quota_pacing'),
        ('deals', 'analytics.coverage_needed'),
        ('amount', 'analytics.coverage_needed'),
        ('close_date', 'analytics.coverage_needed'),
        ('won', 'analytics.pipeline_generation'),
        ('lost', 'analytics.pipeline_generation'),
        ('amount', 'analytics.rep_results'),
        ('won', 'analytics.rep_results'),
        ('lost', 'analytics.rep_results'),
        ('won', 'analytics.process_variants'),
        ('lost', 'analytics.process_variants')
    ) as r (matter, dataset)
    on c.matter = r.matter
where c.since_date is not null

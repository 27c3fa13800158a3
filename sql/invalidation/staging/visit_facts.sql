-- A stage visit: its beginning and its completion count for their readers' windows; from the first visit in it a
-- stage is listed. A step of a deal counts at months' ends until a year after the month in which the deal was created.
with firsts as (
    select
        v.tenant_id,
        v.pipeline_id,
        v.stage_id,
        min(v.entered_on) as pipeline_stage_since,
        min(min(v.entered_on)) over (partition by v.tenant_id, v.stage_id) as stage_since
    from staging.visit_facts as v
    where
        not exists (
            select from pg_temp.changed_rows as n
            where
                n.side = 'is' and n.tenant_id = v.tenant_id and n.opportunity_id = v.opportunity_id
                and n.visit_number = v.visit_number
        )
    group by v.tenant_id, v.pipeline_id, v.stage_id
),

created as (
    select
        i.tenant_id,
        i.opportunity_id,
        max(date_trunc('month', i.opened_at at time zone (select ops.timezone()))::date) as cohort_month
    from staging.deal_intervals as i
    where (i.tenant_id, i.opportunity_id) in (select
        c.tenant_id,
        c.opportunity_id
    from pg_temp.changed_rows as c)
    group by i.tenant_id, i.opportunity_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    r.days
from pg_temp.changed_rows as c
left join firsts as f on c.tenant_id = f.tenant_id and c.pipeline_id = f.pipeline_id and c.stage_id = f.stage_id
left join created as k on c.tenant_id = k.tenant_id and c.opportunity_id = k.opportunity_id
cross join
    lateral (
        values
        (
            'staging.stage_medians', row('exit', c.opportunity_id, c.visit_number, c.stage_id, c.days)::text,
            ops.valid_days(c.exited_on, least(c.exited_on + :stage_medians_days, c.gone_on)), c.exited_on is not null
        ),
        (
            'staging.stage_survival',
            row('entry', c.opportunity_id, c.visit_number, c.stage_id, c.entered_at)::text,
            ops.valid_days(c.entered_on, least(c.entered_on + :stage_survival_days, c.gone_on)), true
        ),
        (
            'staging.stage_survival',
            row('exit', c.opportunity_id, c.visit_number, c.ended_by, c.elapsed_us, c.entered_at)::text,
            ops.valid_days(c.exited_on, least(c.entered_on + :stage_survival_days, c.gone_on)),
            c.exited_on is not null
        ),
        (
            'analytics.stage_durations',
            row(
                'exit', c.opportunity_id, c.visit_number, c.pipeline_id, c.stage_id, c.exited_on, c.exited_owner_id,
                c.exited_account_id, c.days, c.elapsed_us, c.ended_by
            )::text,
            ops.valid_days(c.exited_on, least(c.exited_on + 2 * :stage_durations_days, c.gone_on)),
            c.exited_on is not null
        ),
        (
            'analytics.cohort_conversion',
            row(c.opportunity_id, c.visit_number = 1, c.pipeline_id, c.stage_id, c.entered_at)::text,
            ops.month_ends(c.entered_on, k.cohort_month + :cohort_conversion_days + 1), k.cohort_month is not null
        ),
        (
            'analytics.stage_durations', row('since', c.pipeline_id, c.stage_id)::text,
            ops.valid_days(c.entered_on, coalesce(f.pipeline_stage_since, 'infinity')), true
        ),
        (
            'enriched.stage_rules', row('since', c.stage_id)::text,
            ops.valid_days(c.entered_on, coalesce(f.stage_since, 'infinity')), true
        ),
        (
            'analytics.process_bottlenecks',
            row('exit', c.opportunity_id, c.visit_number, c.pipeline_id, c.stage_id, c.days, c.elapsed_us)::text,
            ops.valid_days(c.exited_on, least(c.exited_on + :process_bottlenecks_days, c.gone_on)),
            c.exited_on is not null
        ),
        (
            'analytics.process_bottlenecks',
            row('entry', c.opportunity_id, c.visit_number, c.pipeline_id, c.stage_id)::text,
            ops.valid_days(c.entered_on, least(c.entered_on + :process_bottlenecks_days, c.gone_on)), c.is_reentry
        ),
        (
            'analytics.rework_analysis',
            row(
                'entry', c.opportunity_id, c.visit_number, c.pipeline_id, c.stage_id, c.entered_owner_id, c.is_reentry
            )::text,
            ops.valid_days(c.entered_on, least(c.entered_on + :rework_analysis_days, c.gone_on)), true
        ),
        (
            'analytics.rework_analysis', row('exit', c.opportunity_id, c.visit_number, c.elapsed_us)::text,
            ops.valid_days(greatest(c.entered_on, c.exited_on), least(c.entered_on + :rework_analysis_days, c.gone_on)),
            c.exited_on is not null and c.is_reentry
        )
    ) as r (dataset, content, days, is_read)
where r.is_read

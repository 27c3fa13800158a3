-- An activity counts in its deal's pace, its rep's figures and the rep's best hours for their windows, for ever in the
-- contact's best hours; a deal's first meeting counts while the deal is open.
with open_days as (
    select
        i.tenant_id,
        i.opportunity_id,
        range_agg(ops.valid_days(i.d_from, i.d_to)) as days
    from staging.deal_intervals as i
    where
        i.status = 'open'
        and (i.tenant_id, i.opportunity_id) in (select
            c.tenant_id,
            c.opportunity_id
        from pg_temp.changed_rows as c)
    group by i.tenant_id, i.opportunity_id
),

met as (
    select
        a.tenant_id,
        a.opportunity_id,
        min(a.day) as since
    from staging.activities as a
    where
        a.kind in ('meeting', 'demo') and a.is_two_way
        and (a.tenant_id, a.opportunity_id) in (select
            c.tenant_id,
            c.opportunity_id
        from pg_temp.changed_rows as c)
        and not exists (
            select from pg_temp.changed_rows as n
            where n.side = 'is' and n.tenant_id = a.tenant_id and n.activity_id = a.activity_id
        )
    group by a.tenant_id, a.opportunity_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    r.days
from pg_temp.changed_rows as c
left join open_days as o on c.tenant_id = o.tenant_id and c.opportunity_id = o.opportunity_id
left join met as m on c.tenant_id = m.tenant_id and c.opportunity_id = m.opportunity_id
cross join
    lateral (
        values
        (
            'analytics.rep_drivers', row('pace', c.activity_id, c.opportunity_id)::text,
            ops.valid_days(c.day, c.day + :rep_drivers_days) * o.days, o.days is not null
        ),
        (
            'analytics.rep_drivers', row('met', c.activity_id, c.opportunity_id, c.day)::text,
            ops.valid_days(c.day, coalesce(m.since, 'infinity')) * o.days,
            o.days is not null and c.kind in ('meeting', 'demo') and c.is_two_way
        ),
        (
            'ai.action_outcomes', row(c.opportunity_id, c.contact_id, c.kind, c.day)::text,
            ops.valid_days(c.day + 14, c.day + 28), c.opportunity_id is not null
        ),
        (
            'dashboard.rep_activity_metrics', row(c.activity_id, c.rep_id, c.kind, c.day)::text,
            ops.valid_days(c.day, c.day + :rep_activity_metrics_days), c.rep_id is not null
        ),
        (
            'analytics.best_times', row('rep', c.activity_id, c.rep_id, c.occurred_at, c.is_two_way)::text,
            ops.valid_days(c.day, c.day + :best_times_days), c.kind in ('call', 'email') and c.rep_id is not null
        ),
        (
            'analytics.best_times',
            row('contact', c.activity_id, c.contact_id, c.occurred_at, c.is_two_way)::text,
            ops.valid_days(c.day, 'infinity'), c.kind in ('call', 'email') and c.contact_id is not null
        )
    ) as r (dataset, content, days, is_read)
where r.is_read

-- What the records of a tenant leave open, and what stands in for it: told by `revops load` and `revops doctor`, beside what
-- sql/reference/input_needs.csv looks for. p_day_zone: the business time zone.
create or replace function crm.source_notes(p_day_zone text)
returns table (tenant_id text, need text, without_it text, datasets text) language sql stable as $$
    with deals as (
        select o.tenant_id, count(*) as deals_count, count(*) filter (where o.created_at is null) as undated_count,
            count(*) filter (where o.is_closed) as closed_count, count(*) filter (where o.is_won) as won_count,
            count(*) filter (where o.is_closed and o.closing_known_by is distinct from 'closed_at') as estimated_count,
            count(*) filter (where o.is_closed and o.closed_at is null) as unknown_count
        from crm.opportunities as o
        group by o.tenant_id
    ),

    stages as (
        select s.tenant_id, count(*) filter (where s.outcome = 'won') as won_count,
            string_agg(coalesce(s.name, s.stage_id), ', ' order by s.stage_order, s.stage_id) filter (
                where s.outcome is null and not exists (
                    select from crm.opportunities as o
                    where o.tenant_id = s.tenant_id and o.stage_id = s.stage_id and o.is_closed
                )
            ) as unclear
        from crm.pipeline_stages as s
        group by s.tenant_id
    ),

    used as (
        select o.tenant_id, upper(o.currency) as currency, count(*) as deals_count
        from crm.opportunities as o
        where o.currency is not null
        group by o.tenant_id, upper(o.currency)
    ),

    currencies as (
        select u.tenant_id, string_agg(u.currency || ' ' || u.deals_count, ', ' order by u.deals_count desc, u.currency) as told,
            string_agg(u.currency, ', ' order by u.currency) filter (where not exists (
                select from crm.exchange_rates as r where r.tenant_id = u.tenant_id and upper(r.currency) = u.currency
            )) as without_rate
        from used as u
        group by u.tenant_id
        having count(*) > 1
    ),

    quotas as (
        select q.tenant_id, count(*) as quotas_count
        from (
            select q.*, count(*) over (partition by q.tenant_id, q.quota_type, q.rep_id) as of_rep from crm.quotas as q
            where q.period_end is null
        ) as q
        where q.period_start is null or q.period_type is null and not exists (
            select from crm.quotas as o
            where o.tenant_id = q.tenant_id and o.quota_type is not distinct from q.quota_type and o.period_end is null
                and o.rep_id is not distinct from q.rep_id and o.period_start <> q.period_start
        )
        group by q.tenant_id
    ),

    activities as (
        select a.tenant_id, count(*) as activities_count from crm.activities as a where a.occurred_at is null group by a.tenant_id
    ),

    zones as (
        select l.tenant_id, string_agg(distinct l.day_zone, ', ') as day_zones
        from crm.loads as l
        where l.status = 'finished' and l.day_zone <> p_day_zone
        group by l.tenant_id
    )

    select d.tenant_id, format('creation date of %s of %s deals', d.undated_count, d.deals_count),
        'they exist from when their record was first modified or loaded', 'created deals, cycle times, past pipeline'
    from deals as d where d.undated_count > 0
    union all
    select d.tenant_id, format('closing time of %s of %s closed deals', d.estimated_count, d.closed_count),
        'the last logged change of the stage stands in, else the close date, else the record''s modification'
            || case when d.unknown_count > 0 then format(' (%s deals)', d.unknown_count) else '' end,
        'won and lost by day, sales cycle, past pipeline'
    from deals as d where d.estimated_count > 0
    union all
    select d.tenant_id, 'outcome: no stage is won and no deal is closed',
        'every deal stays open: map is_closed and is_won, or the outcome of stages', 'everything that counts won or lost deals'
    from deals as d
    left join stages as s on s.tenant_id = d.tenant_id
    where d.closed_count = 0 and coalesce(s.won_count, 0) = 0
    union all
    select s.tenant_id, format('outcome of the stages %s', left(s.unclear, 200)), 'they count as open', 'won, lost and open deals, stage velocity'
    from stages as s where s.unclear is not null
    union all
    select c.tenant_id, format('one currency: deals are in %s%s', left(c.told, 200),
            case when c.without_rate is not null then format('; the CRM gives no rate for %s', left(c.without_rate, 200)) else '' end),
        'amounts are converted into the company''s own; a deal without a rate is left out of sums (sql/reference/exchange_rates.csv)',
        'everything in money'
    from currencies as c
    union all
    select q.tenant_id, format('period of %s quotas', q.quotas_count),
        'without an end, a type or a second quota of the rep they are not used', 'attainment, gap to target'
    from quotas as q
    union all
    select a.tenant_id, format('time of %s activities', a.activities_count), 'they count nowhere', 'rep activity, deal health'
    from activities as a
    union all
    select z.tenant_id, format('days in the business time zone %s: some were loaded as days of %s', p_day_zone, z.day_zones),
        'what has no time of day may fall on the day before or after: load those files again', 'everything by day'
    from zones as z
$$;

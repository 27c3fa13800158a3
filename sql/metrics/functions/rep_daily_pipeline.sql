-- Deals that were created and deals that were won on each day, under the rep who owned them at its end, at the amount that
-- they had then, in the company's own currency. A deal that was won and opened again before the day was over is not won on
-- it. Where the CRM splits a deal's credit, its revenue is under those who are credited, the deal under its owner.
--
-- Grain: tenant, day and rep with any such deal.
-- Key: tenant_id, metric_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   metric_date date not null: the business day
--   rep_id text not null: who owned the deal or is credited with it; -1 where nobody did
--   rep_name text not null: the rep's name on that day; Unassigned for -1; the id of a rep whom the source does not
--       list
--   opportunities_created bigint not null: deals created on the day
--   pipeline_amount_created numeric not null: their amounts; a deal without one, or without a rate, adds 0
--   closed_won_opportunities bigint not null: deals won on the day
--   revenue_won numeric not null: their amounts; a deal without one, or without a rate, adds 0
--   created_without_amount bigint not null: how many of the created deals have no amount
--   won_without_amount bigint not null: how many of the won deals have none
create or replace function metrics.rep_daily_pipeline_rows() returns table (
    tenant_id text, metric_date date, rep_id text, rep_name text, opportunities_created bigint,
    pipeline_amount_created numeric, closed_won_opportunities bigint, revenue_won numeric, created_without_amount bigint,
    won_without_amount bigint
) language plpgsql stable as $$
begin
    return query
    with owned as (
        select o.tenant_id, o.opportunity_id, o.metric_date, o.as_of, metrics.key_of(o.owner_id, '-1') as rep_id,
            o.is_created, o.is_won, o.created_amount, o.won_amount
        from pg_temp.metrics_opportunities as o
    ),

    -- What of a won deal others are credited with, and its owner is not.
    credited as (
        select o.tenant_id, o.metric_date, o.as_of, p.rep_id, p.amount
        from owned as o
        inner join pg_temp.metrics_credits as c
            on c.tenant_id = o.tenant_id and c.opportunity_id = o.opportunity_id
            and c.valid_from < o.as_of and c.valid_to >= o.as_of
        cross join lateral (
            select round(o.won_amount * c.share_to, 2) - round(o.won_amount * c.share_from, 2) as amount
        ) as s
        cross join lateral (values (c.rep_id, s.amount), (o.rep_id, -s.amount)) as p (rep_id, amount)
        where o.is_won and o.won_amount is not null
    ),

    counted as (
        select o.tenant_id, o.metric_date, o.as_of, o.rep_id, o.is_created::int as created, o.is_won::int as won,
            case when o.is_created then coalesce(o.created_amount, 0) else 0 end as created_amount,
            case when o.is_won then coalesce(o.won_amount, 0) else 0 end as won_amount,
            (o.is_created and o.created_amount is null)::int as created_without,
            (o.is_won and o.won_amount is null)::int as won_without
        from owned as o
        union all
        select c.tenant_id, c.metric_date, c.as_of, c.rep_id, 0, 0, 0, c.amount, 0, 0
        from credited as c
    ),

    summed as (
        select c.tenant_id, c.metric_date, c.as_of, c.rep_id, sum(c.created)::bigint as created, sum(c.won)::bigint as won,
            sum(c.created_amount) as created_amount, sum(c.won_amount) as won_amount,
            sum(c.created_without)::bigint as created_without, sum(c.won_without)::bigint as won_without
        from counted as c
        group by c.tenant_id, c.metric_date, c.as_of, c.rep_id
    )

    select o.tenant_id, o.metric_date, o.rep_id, case o.rep_id when '-1' then 'Unassigned' else coalesce(r.rep_name, o.rep_id) end,
        o.created, o.created_amount, o.won, o.won_amount, o.created_without, o.won_without
    from summed as o
    left join pg_temp.metrics_reps as r
        on r.tenant_id = o.tenant_id and r.rep_id = o.rep_id and r.valid_from < o.as_of and r.valid_to >= o.as_of;
end $$;

-- Deals that were created and deals that were won on each day, under the rep who owned them at its end, at the amount that
-- they had then. A deal that was won and opened again before the day was over is not won on it.
--
-- One row per: tenant, day and rep with any such deal.
-- Columns:
--   tenant_id: company the row belongs to
--   metric_date: the business day
--   rep_id: who owned the deal; -1 where nobody did
--   rep_name: the rep's name on that day; Unassigned for -1; the id of a rep whom the source does not list
--   opportunities_created: deals created on the day
--   pipeline_amount_created: their amounts; a deal without one adds 0
--   closed_won_opportunities: deals won on the day
--   revenue_won: their amounts; a deal without one adds 0
--   created_without_amount: how many of the created deals have no amount
--   won_without_amount: how many of the won deals have none
create or replace function metrics.rep_daily_pipeline_rows() returns table (
    tenant_id text, metric_date date, rep_id text, rep_name text, opportunities_created bigint,
    pipeline_amount_created numeric, closed_won_opportunities bigint, revenue_won numeric, created_without_amount bigint,
    won_without_amount bigint
) language plpgsql stable as $$
begin
    return query
    with owned as (
        select o.tenant_id, o.metric_date, o.as_of, metrics.key_of(o.owner_id, '-1') as rep_id,
            count(*) filter (where o.is_created) as created, count(*) filter (where o.is_won) as won,
            coalesce(sum(o.amount) filter (where o.is_created), 0) as created_amount,
            coalesce(sum(o.amount) filter (where o.is_won), 0) as won_amount,
            count(*) filter (where o.is_created and o.amount is null) as created_without,
            count(*) filter (where o.is_won and o.amount is null) as won_without
        from pg_temp.metrics_opportunities as o
        group by o.tenant_id, o.metric_date, o.as_of, 4
    )

    select o.tenant_id, o.metric_date, o.rep_id, case o.rep_id when '-1' then 'Unassigned' else coalesce(r.rep_name, o.rep_id) end,
        o.created, o.created_amount, o.won, o.won_amount, o.created_without, o.won_without
    from owned as o
    left join pg_temp.metrics_reps as r
        on r.tenant_id = o.tenant_id and r.rep_id = o.rep_id and r.valid_from < o.as_of and r.valid_to >= o.as_of;
end $$;

-- Deals that ended on business days in [p_first, p_last), for each of 30, 60 and 90 days before that: the last end of a week
-- (of the quarter) that lies so long before, where the ending was the next one after it. `known_on`: from which day on the
-- ending is known.
create or replace function ops.endings_seen(p_tenants text[], p_first date, p_last date)
returns table (
    tenant_id text, opportunity_id text, closed_on date, is_won boolean, known_on date, days_before int, seen_on date
) language plpgsql stable rows 1000 as $$
#variable_conflict use_column
begin
    return query
    with endings as (  -- those before p_first, too, as far back as a deal is seen: 90 days and a week, which may have nine
        select
            c.tenant_id,
            c.opportunity_id,
            c.closed_on,
            c.is_won,
            min(c.d_from) as known_on,
            lag(c.closed_on) over (
                partition by c.tenant_id, c.opportunity_id order by c.closed_on, c.is_won
            ) as closed_before
        from staging.closing_facts as c
        where c.tenant_id = any(p_tenants) and c.closed_on >= p_first - 100 and c.closed_on < p_last
        group by c.tenant_id, c.opportunity_id, c.closed_on, c.is_won
    )
    select
        e.tenant_id,
        e.opportunity_id,
        e.closed_on,
        e.is_won,
        e.known_on,
        b.days_before,
        s.seen_on
    from endings as e
    cross join (values (30), (60), (90)) as b (days_before)
    inner join ops.calendar as k on k.day = e.closed_on - b.days_before
    cross join lateral (
        select case
            when ops.ends_week(k.day, k.quarter_start, k.quarter_end) then k.day
            else ops.week_start(k.quarter_start, k.week_of_quarter) - 1
        end as seen_on
    ) as s
    where e.closed_on >= p_first and (e.closed_before is null or e.closed_before <= s.seen_on);
end
$$;

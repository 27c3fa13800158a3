-- The other way round: days of the p_first-th to p_last-th quarter after the one that begins on p_quarter_start whose same
-- day of that one (ops.same_day) lies in [from, to).
create or replace function ops.same_days(p_from date, p_to date, p_quarter_start date, p_first int, p_last int)
returns datemultirange language sql immutable parallel safe as $$
    select coalesce(range_agg(daterange(d.first_day, d.last_day, '[]')), '{}')
    from (select (p_quarter_start + interval '3 months')::date - 1 as quarter_end) as p
    cross join lateral (
        select greatest(p_from, p_quarter_start) as first_day, least(p_to - 1, p.quarter_end) as last_day
    ) as x
    cross join lateral generate_series(p_first, p_last) as n (quarters)
    cross join lateral (
        select (p_quarter_start + make_interval(months => 3 * n.quarters))::date as starts,
            (p_quarter_start + make_interval(months => 3 * (n.quarters + 1)))::date - 1 as ends
    ) as q
    cross join lateral (
        select least(q.starts + (x.first_day - p_quarter_start), q.ends) as first_day,
            case
                when x.last_day = p.quarter_end then q.ends
                else least(q.starts + (x.last_day - p_quarter_start), q.ends - 1)
            end as last_day
    ) as d
    where x.first_day <= x.last_day and d.first_day <= d.last_day
$$;

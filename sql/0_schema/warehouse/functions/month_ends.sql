-- The last days of months among business days in [from, to): what a dataset of months' ends reads of them.
create or replace function ops.month_ends(p_from date, p_to date) returns datemultirange
language sql immutable parallel safe as $$
    select coalesce(range_agg(daterange(e.day, e.day + 1)), '{}')
    from generate_series(date_trunc('month', p_from::timestamp), p_to::timestamp, interval '1 month') as m
    cross join lateral (select (m + interval '1 month')::date - 1 as day) as e
    where e.day >= p_from and e.day < p_to
$$;

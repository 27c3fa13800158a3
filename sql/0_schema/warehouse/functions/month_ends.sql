-- The last days of months among business days in [p_from, p_to).
create or replace function ops.ends_of_months(p_from date, p_to date) returns setof date
language sql immutable parallel safe as $$
    select (m + interval '1 month')::date - 1
    from generate_series(date_trunc('month', p_from::timestamp), p_to::timestamp, interval '1 month') as m
    where (m + interval '1 month')::date - 1 >= p_from and (m + interval '1 month')::date - 1 < p_to
$$;

-- The same as ranges of days: what a dataset of months' ends reads of them.
create or replace function ops.month_ends(p_from date, p_to date) returns datemultirange
language sql immutable parallel safe as $$
    select coalesce(range_agg(daterange(e.day, e.day + 1)), '{}') from ops.ends_of_months(p_from, p_to) as e (day)
$$;

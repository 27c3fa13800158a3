-- The Fridays of business days in [p_from, p_to).
create or replace function ops.fridays(p_from date, p_to date) returns setof date language sql immutable parallel safe as $$
    select p_from + (12 - extract(isodow from p_from)::int) % 7 + 7 * n
    from generate_series(0, greatest(p_to - p_from, 0) / 7) as n
    where p_from + (12 - extract(isodow from p_from)::int) % 7 + 7 * n < p_to
$$;

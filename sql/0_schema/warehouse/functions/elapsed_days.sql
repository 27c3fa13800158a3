-- Elapsed days from an instant until another; 0 where the first is later (a source's clock is ahead, the day still runs), null
-- where either is.
create or replace function ops.elapsed_days(p_from timestamptz, p_until timestamptz) returns float8
language sql immutable parallel safe as $$
    select case when p_until < p_from then 0 else extract(epoch from p_until - p_from)::float8 / 86400 end
$$;

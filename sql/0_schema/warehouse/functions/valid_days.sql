-- Business days in [from, to): empty where it runs backwards. Of instants: the days at whose end it was so.
create or replace function ops.valid_days(p_from date, p_to date) returns datemultirange language sql immutable parallel safe as $$
    select case when coalesce(p_from < p_to, true) then datemultirange(daterange(p_from, p_to)) else '{}' end
$$;
create or replace function ops.valid_days(p_from timestamptz, p_to timestamptz) returns datemultirange language sql stable as $$
    select ops.valid_days(
        (p_from at time zone ops.timezone())::date, (p_to at time zone ops.timezone())::date
    )
$$;

-- The first business day at whose as-of instant something that happened at p_at had happened: the day itself, or the next one
-- where the day is cut short before it (p_cut_at within p_cut_day).
create or replace function metrics.counts_from(p_at timestamptz, p_timezone text, p_cut_day date, p_cut_at timestamptz)
returns date language sql immutable parallel safe as $$
    select (p_at at time zone p_timezone)::date
        + case when (p_at at time zone p_timezone)::date = p_cut_day and p_at >= p_cut_at then 1 else 0 end
$$;

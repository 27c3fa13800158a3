-- Whether a day is the last of its week of the quarter: the 13th ends with the quarter.
create or replace function ops.ends_week(p_day date, p_quarter_start date, p_quarter_end date) returns boolean
language sql immutable parallel safe as $$
    select p_day = p_quarter_end or (p_day - p_quarter_start) % 7 = 6 and p_day - p_quarter_start < 84
$$;

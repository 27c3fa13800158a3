-- Whether a day is the last of its week of the quarter: the 13th ends with the quarter.
create or replace function ops.ends_week(p_day date, p_quarter_start date, p_quarter_end date) returns boolean
language sql immutable parallel safe as $$
    select p_day = p_quarter_end or (p_day - p_quarter_start) % 7 = 6 and p_day - p_quarter_start < 84
$$;

-- First day of a week of a quarter; the day before it is the end of the week before.
create or replace function ops.week_start(p_quarter_start date, p_week_of_quarter int) returns date
language sql immutable parallel safe as $$
    select p_quarter_start + 7 * (p_week_of_quarter - 1)
$$;

-- Whether a day is the last of its month.
create or replace function ops.ends_month(p_day date) returns boolean language sql immutable parallel safe as $$
    select extract(day from p_day + 1) = 1
$$;

-- Business days from p_from to p_to, each from midnight to midnight of the time zone (a day of a clock change has 23 or 25
-- hours). A fiscal year begins with p_fiscal_month and is named after the year in which it ends; a quarter's 13th week
-- ends with it. With other settings than before the whole calendar is made anew.
create or replace function ops.fill_calendar(p_from date, p_to date, p_timezone text, p_fiscal_month int) returns void
language plpgsql as $$
begin
    if not exists (
        select from ops.calendar_settings where timezone = p_timezone and fiscal_year_month = p_fiscal_month
    ) then
        truncate ops.calendar, ops.calendar_settings;
        insert into ops.calendar_settings values (p_timezone, p_fiscal_month);
    end if;
    if (select count(*) from ops.calendar where day between p_from and p_to) = p_to - p_from + 1 then
        return;
    end if;
    insert into ops.calendar
    select d.day, d.day::timestamp at time zone p_timezone, (d.day + 1)::timestamp at time zone p_timezone,
        format('Q%s %s', q.number, extract(year from f.fiscal_year_start + interval '1 year' - interval '1 day')),
        q.quarter_start, (q.quarter_start + interval '3 months')::date - 1,
        least((d.day - q.quarter_start) / 7 + 1, 13), f.fiscal_year_start, extract(isodow from d.day)
    from (select p_from + n as day from generate_series(0, p_to - p_from) as n) as d
    cross join lateral (
        select (extract(month from d.day)::int - p_fiscal_month + 12) % 12 as months
    ) as m
    cross join lateral (
        select (date_trunc('month', d.day) - make_interval(months => m.months))::date as fiscal_year_start
    ) as f
    cross join lateral (
        select m.months / 3 + 1 as number, (f.fiscal_year_start + make_interval(months => m.months / 3 * 3))::date as quarter_start
    ) as q
    on conflict (day) do nothing;
    analyze ops.calendar;
end $$;

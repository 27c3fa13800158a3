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
    with quarters as materialized (
        select y.starts as fiscal_year_start, (y.starts + make_interval(months => 3 * n))::date as starts,
            (y.starts + make_interval(months => 3 * n + 3))::date - 1 as ends,
            format('Q%s %s', n + 1, extract(year from y.starts + interval '1 year' - interval '1 day')) as quarter
        from (
            select make_date(year, p_fiscal_month, 1) as starts
            from generate_series(extract(year from p_from)::int - 1, extract(year from p_to)::int) as year
        ) as y
        cross join generate_series(0, 3) as n
    )
    insert into ops.calendar
    select d.day, d.day::timestamp at time zone p_timezone, (d.day + 1)::timestamp at time zone p_timezone, q.quarter,
        q.starts, q.ends, least((d.day - q.starts) / 7 + 1, 13), q.fiscal_year_start, extract(isodow from d.day)
    from quarters as q
    cross join lateral (select q.starts + n as day from generate_series(0, q.ends - q.starts) as n) as d
    where d.day between p_from and p_to
    on conflict (day) do nothing;
    analyze ops.calendar;
end $$;

-- How numbers are shown to people, once for every dataset; what is not there is a dash.
create or replace function dashboard.currency(p_amount numeric) returns text language sql immutable parallel safe as $$
    select coalesce(
        case when p_amount < 0 then '-' else '' end || '$' || case
            when abs(p_amount) >= 1000000 then round(abs(p_amount) / 1000000, 1) || 'M'
            else round(abs(p_amount) / 1000) || 'K'
        end,
        '—'
    )
$$;

create or replace function dashboard.percent(p_share numeric) returns text language sql immutable parallel safe as $$
    select coalesce(round(p_share * 100) || '%', '—')
$$;

create or replace function dashboard.percent_delta(p_share numeric) returns text
language sql immutable parallel safe as $$
    select coalesce(case when round(p_share * 100) >= 0 then '+' else '' end || round(p_share * 100) || '%', '—')
$$;

create or replace function dashboard.days(p_days numeric) returns text language sql immutable parallel safe as $$
    select coalesce(p_days || 'd', '—')
$$;

create or replace function dashboard.rank(p_rank bigint, p_total bigint) returns text
language sql immutable parallel safe as $$
    select coalesce('#' || p_rank || '/' || p_total, '—')
$$;

-- A change of a mean in days: slower, faster, or hardly changed.
create or replace function dashboard.trend(p_days numeric) returns text language sql immutable parallel safe as $$
    select case
        when p_days is null then '—'
        when abs(p_days) < 0.5 then '✓'
        when p_days > 0 then '▲ +' || dashboard.days(round(p_days))
        else '▼ −' || dashboard.days(round(abs(p_days)))
    end
$$;

-- Risk flags in words, in the order given: those of reference.risk_flags, passed as names and words of equal length.
create or replace function dashboard.flags(p_flags text[], p_names text[], p_words text[]) returns text
language sql immutable parallel safe as $$
    select coalesce(string_agg(coalesce(p_words[array_position(p_names, f.flag)], f.flag), ' • ' order by f.place), '—')
    from unnest(p_flags) with ordinality as f (flag, place)
$$;

-- A rep's metric, by how it is to be shown: percent, days, or a number.
create or replace function dashboard.metric(p_value numeric, p_format text) returns text
language sql immutable parallel safe as $$
    select coalesce(case p_format
        when 'percent' then dashboard.percent(p_value) when 'days' then dashboard.days(round(p_value))
        else round(p_value, 1)::text
    end, '—')
$$;

-- The working day (Monday to Friday) that is so many after a day.
create or replace function dashboard.working_days_after(p_day date, p_days int) returns date
language sql immutable parallel safe as $$
    select d.day from (
        select p_day + n as day from generate_series(1, 2 * p_days + 2) as n where extract(isodow from p_day + n) <= 5
    ) as d
    order by d.day
    offset p_days - 1
    limit 1
$$;

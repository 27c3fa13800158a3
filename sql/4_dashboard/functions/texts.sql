-- What datasets say in words, once for all of them.

create or replace function dashboard.day_count(p_days int) returns text language sql immutable parallel safe as $$
    select p_days || case when p_days = 1 then ' day' else ' days' end
$$;

-- Why a flag is up: 'Stuck 17 days in Verbal Commit (expected 5)', 'No contact engaged', 'Silent for 9 days'.
create or replace function dashboard.flag_reason(
    p_flag text, p_days_in_stage float8, p_stage text, p_benchmark float8, p_silent_days int, p_days_until_close int,
    p_engaged_count bigint, p_pushes bigint, p_competitor text, p_competitor_status text, p_discount_pct numeric
) returns text language sql immutable parallel safe as $$
    select case p_flag
        when 'STUCK'
            then 'Stuck ' || dashboard.day_count(floor(p_days_in_stage)::int) || ' in ' || coalesce(p_stage, 'its stage')
                || ' (expected ' || round(p_benchmark) || ')'
        when 'NO_EB' then 'No economic buyer engaged in ' || coalesce(p_stage, 'its stage')
        when 'GOING_DARK' then 'Silent for ' || dashboard.day_count(p_silent_days)
        when 'CLOSE_DATE_PAST' then 'Close date passed ' || dashboard.day_count(-p_days_until_close) || ' ago'
        when 'NO_CHAMPION' then 'No champion'
        when 'SINGLE_THREADED'
            then case p_engaged_count when 0 then 'No contact engaged' when 1 then 'Only one contact engaged'
                else 'Only ' || p_engaged_count || ' contacts engaged' end
        when 'PUSHED' then 'Close date moved out ' || p_pushes || case when p_pushes = 1 then ' time' else ' times' end
        when 'COMPETITIVE' then p_competitor || case p_competitor_status when 'active' then ' is active in the deal' else ' is named as a competitor' end
        when 'HEAVY_DISCOUNT' then round(p_discount_pct) || '% discount'
    end
$$;

-- Reasons as a sentence, after what is to be done, if that needs saying:
-- 'Escalate to Mia: stuck 17 days in Proposal (expected 10); due in 4 days'.
create or replace function dashboard.reason(p_task text, p_reasons text[]) returns text
language sql immutable parallel safe as $$
    select coalesce(p_task || case when string_agg(r.reason, '') is null then '' else ': ' end, '') || coalesce(string_agg(
        case
            when (r.place > 1 or p_task is not null) and r.reason ~ '^(Stuck|No|Silent|Close|Only|Due) '
                then lower(left(r.reason, 1)) || substr(r.reason, 2)
            else r.reason
        end, '; ' order by r.place
    ), '')
    from unnest(p_reasons) with ordinality as r (reason, place)
    where r.reason is not null
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

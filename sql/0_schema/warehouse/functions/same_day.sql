-- The same day of an earlier quarter: as many days after its beginning, the last one at most; of the last day the last.
create or replace function ops.same_day(p_day date, p_quarter_start date, p_quarters int) returns date
language sql immutable parallel safe as $$
    select case
        when p_day + 1 = (p_quarter_start + interval '3 months')::date then q.ends - 1
        else least(q.starts + (p_day - p_quarter_start), q.ends - 1)
    end
    from (
        select (p_quarter_start - make_interval(months => 3 * p_quarters))::date as starts,
            (p_quarter_start - make_interval(months => 3 * (p_quarters - 1)))::date as ends
    ) as q
$$;

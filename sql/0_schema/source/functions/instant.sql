-- A time stamp as written in a file: with its own zone, or else in the zone of its source.
create or replace function crm.instant(p_text text, p_zone text) returns timestamptz language sql stable as $$
    select case
        when length(p_text) > 16 and p_text ~ '(Z|[+-]\d\d(:?\d\d)?)$' then p_text::timestamptz
        else p_text::timestamp at time zone p_zone
    end
$$;

-- The business time zone, in which a day without a time begins: the load's setting, else the session's time zone.
create or replace function crm.day_zone() returns text language sql stable as $$
    select coalesce(nullif(current_setting('revops.day_zone', true), ''), current_setting('timezone'))
$$;

-- A time stamp as written in a file: with its own zone, or else in the zone of its source; a day without a time begins at
-- midnight of the business zone, wherever the source is.
create or replace function crm.instant(p_text text, p_zone text, p_day_zone text default crm.day_zone())
returns timestamptz language sql stable as $$
    select case
        when length(p_text) > 16 and p_text ~ '(Z|[+-]\d\d(:?\d\d)?)$' then p_text::timestamptz
        when length(p_text) = 10 then p_text::timestamp at time zone p_day_zone
        else p_text::timestamp at time zone p_zone
    end
$$;

-- The day of a time stamp as written in a file: a day as it stands, also one written as its midnight; else the business
-- day of the instant.
create or replace function crm.day_of(p_text text, p_zone text, p_day_zone text default crm.day_zone())
returns date language sql stable as $$
    select case
        when length(p_text) = 10 or p_text ~ '^.{10}[T ]00:00(:00(\.0+)?)?(Z|[+-]\d\d(:?\d\d)?)?$' then left(p_text, 10)::date
        else (crm.instant(p_text, p_zone, p_day_zone) at time zone p_day_zone)::date
    end
$$;
drop function if exists crm.instant(text, text);

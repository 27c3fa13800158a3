-- A name as a key: without blanks around it; the default where nothing is left.
create or replace function metrics.key_of(p_name text, p_default text) returns text language sql immutable parallel safe as $$
    select coalesce(nullif(btrim(p_name, E' \t\n\r\u00a0'), ''), p_default)
$$;

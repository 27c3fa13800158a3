-- A member of a group in a cube by name, Unknown where nobody said; All for the row over all members.
create or replace function ops.or_all(p_is_all int, p_name text) returns text language sql immutable parallel safe as $$
    select case when p_is_all = 1 then 'All' else coalesce(p_name, 'Unknown') end
$$;

-- A name as the key of a group: one that stands for a group of the datasets' own (All, none, -1) gets quotation marks.
create or replace function ops.group_key(p_name text) returns text language sql immutable parallel safe as $$
    select case when p_name in ('All', 'none', '-1') then '"' || p_name || '"' else p_name end
$$;

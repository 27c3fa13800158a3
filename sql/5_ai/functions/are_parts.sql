-- Whether a value is a list of at most three objects, each of exactly these fields.
create or replace function ai.are_parts(p_value jsonb, p_fields text[]) returns boolean
language sql immutable parallel safe as $$
    select case when jsonb_typeof(p_value) = 'array' then jsonb_array_length(p_value) <= 3 and not exists (
        select from jsonb_array_elements(p_value) as e (part)
        where case when jsonb_typeof(e.part) = 'object' then
            (select array_agg(k order by k) from jsonb_object_keys(e.part) as k)
            is distinct from (select array_agg(f order by f) from unnest(p_fields) as f)
        else true end
    ) else false end
$$;

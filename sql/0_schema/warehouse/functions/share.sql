-- A ratio as a share: null where its parts make none (credits and other negative amounts can lead below 0 or above 1).
create or replace function ops.share(p_ratio numeric) returns numeric language sql immutable parallel safe as $$
    select case when p_ratio between 0 and 1 then round(p_ratio, 4) end
$$;

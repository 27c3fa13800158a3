-- Transaction time that this session reads at: revops.known_as_of, else everything that is known.
-- Call it as (select ops.known_as_of()) in a filter: evaluated once, and pushed down to the source.
create or replace function ops.known_as_of() returns bigint language sql stable as $$
    select coalesce(nullif(current_setting('revops.known_as_of', true), '')::bigint, 9223372036854775806)
$$;

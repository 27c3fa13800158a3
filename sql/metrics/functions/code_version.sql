-- Which code computed a row: a hash of the functions of this schema as they are laid down.
create or replace function metrics.code_version() returns text language sql stable as $$
    select left(md5(string_agg(p.prosrc, '' order by p.oid::regprocedure::text)), 12)
    from pg_proc as p
    where p.pronamespace = 'metrics'::regnamespace
$$;

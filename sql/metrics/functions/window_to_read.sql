-- What the days of pg_temp.metrics_days need of the source, as the bounds that its filters take.
create or replace function metrics.window_to_read(
    out tenants text[], out known_as_of bigint, out starts_at timestamptz, out ends_at timestamptz, out first_as_of timestamptz
) language plpgsql stable as $$
begin
    select array_agg(distinct d.tenant_id), max(d.known_as_of), min(d.starts_at), max(d.ends_at), min(d.as_of)
    into tenants, known_as_of, starts_at, ends_at, first_as_of
    from pg_temp.metrics_days as d;
end $$;

-- Statistics of a table that was just written, for whoever writes it without owning it: it has so many rows more or
-- fewer, of so many written. Where it has grown by less than a tenth, those of its key alone: which days there are. The
-- rest is spread as before, and takes ten times as long; autovacuum counts the changes on, and renews it in its time.
create or replace function ops.analyze_table(p_table regclass, p_more bigint, p_written bigint, p_key text[])
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    known_rows constant real := (select c.reltuples from pg_class as c where c.oid = p_table);  -- -1: never analyzed
begin
    if known_rows < 0 or p_more > known_rows / 10 or p_written > 0 and cardinality(p_key) = 0 then
        execute format('analyze %s', p_table);
    elsif p_written > 0 then
        execute format('analyze %s (%s)', p_table, (select string_agg(quote_ident(k), ', ') from unnest(p_key) as k));
    end if;
end $$;
revoke execute on function ops.analyze_table(regclass, bigint, bigint, text[]) from public;

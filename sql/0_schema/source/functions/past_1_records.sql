-- Reads of the past, for every canonical table:
--   crm.<table>_known_at(known_as_of)    the current state as it was known after that load
--   crm.<table>_as_of(at [, known_as_of]) what was true just before the instant `at`, by what is (or was) known
-- Both return rows of crm.<table>_versions and are inlined: a filter on tenant and key uses the indexes.
--
-- A record is as its version says whose span (crm.spans_of) holds just before `at`. It exists from its creation to before
-- its deletion. Events are those that happened before `at`. crm.opportunities_as_of adds the change log to that: see
-- past_2_opportunities.sql.
do $do$
declare
    v_table crm.canonical_tables;
    v_versions text;
begin
    for v_table in select t.* from crm.canonical_tables as t order by t.table_name loop
        v_versions := format('crm.%I', v_table.table_name || '_versions');
        execute format($ddl$
            create or replace function crm.%1$I(p_known_as_of bigint) returns setof %2$s
            language sql stable parallel safe as $sql$
                select v.* from %2$s as v
                where v.known_from <= p_known_as_of and v.known_to > p_known_as_of and not v.is_deleted
            $sql$
        $ddl$, v_table.table_name || '_known_at', v_versions);
        if v_table.is_event then
            execute format($ddl$
                create or replace function crm.%1$I(
                    p_at timestamptz, p_known_as_of bigint default 9223372036854775806
                ) returns setof %2$s language sql stable parallel safe as $sql$
                    select v.* from %2$s as v
                    where v.known_from <= p_known_as_of and v.known_to > p_known_as_of and v.%3$I < p_at
                        and not (v.is_deleted and coalesce(v.modified_at < p_at, true))
                $sql$
            $ddl$, v_table.table_name || '_as_of', v_versions, v_table.business_at);
        else
            execute format($ddl$
                create or replace function crm.%1$I(
                    p_at timestamptz, p_known_as_of bigint default 9223372036854775806
                ) returns setof %2$s language sql stable parallel safe as $sql$
                    select %4$s from (%3$s) as s
                    where s.holds_from < p_at and s.valid_to >= p_at and not (s.is_deleted and s.valid_from < p_at) and (%5$s)
                $sql$
            $ddl$, case v_table.table_name when 'opportunities' then 'opportunity_records_as_of'
                else v_table.table_name || '_as_of' end,
                v_versions, crm.spans_of(v_versions, 'crm.loads', format('v.%I', v_table.key_column), 'p_known_as_of'),
                (select string_agg('s.' || quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute as a
                    where a.attrelid = v_versions::regclass and a.attnum > 0 and not a.attisdropped),
                case v_table.business_at when 'modified_at' then 'true'
                    else format('coalesce(s.%I < p_at, true)', v_table.business_at) end);
        end if;
    end loop;
end $do$;

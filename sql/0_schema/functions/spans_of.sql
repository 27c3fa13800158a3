-- The one rule of what was true when, as the text of a query: the versions of a table's records, each with the span of time
-- in which it was so. Laid down in the source (crm) and in the warehouse (ops), for the queries below.
--   p_versions, p_loads: relations of all versions, and of all loads
--     (load_id, started_at, undone_by: from which transaction time on its versions do not count)
--   p_key: what tells records apart, besides the tenant; p_known_as_of: number of the last load that is seen
-- A version holds from its record's own modification time on (without one: from when its load began) until just before the
-- next; of several of one instant the one that was known last. A record's first version also says what was before it.
--   valid_from, valid_to: the span; holds_from: likewise, but -infinity for the record's first instant
--   is_current: whether no later load has brought another version
create or replace function spans_of(p_versions text, p_loads text, p_key text, p_known_as_of text) returns text
language sql immutable as $$
    select format($query$
        select s.* from (
            select
                t.valid_from,
                lead(t.valid_from, 1, 'infinity') over record_in_time as valid_to,
                case
                    when t.valid_from > first_value(t.valid_from) over record_in_time then t.valid_from
                    else '-infinity'
                end as holds_from,
                v.known_to > %4$s as is_current,
                v.*
            from %1$s as v
            inner join %2$s as l on l.load_id = v.load_id
            cross join lateral (select coalesce(v.modified_at, l.started_at) as valid_from) as t
            where v.known_from <= %4$s and (l.undone_by is null or l.undone_by > %4$s)
            window record_in_time as (partition by v.tenant_id, %3$s order by t.valid_from, v.known_from, v.line_no)
        ) as s
        where s.valid_from < s.valid_to
    $query$, p_versions, p_loads, p_key, p_known_as_of)
$$;

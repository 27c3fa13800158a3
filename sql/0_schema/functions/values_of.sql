-- The one rule of what a single field held when, as the text of a query over the rows of a log that p_log (a relation) gives:
-- record by record (tenant_id, record_id) and field, at which instant (at) it went from old_value to new_value, and, as rows
-- with is_version, what the versions of the record say from an instant on.
-- What was true just before an instant is the new value of the last change before it, else the old value of the first change,
-- else (no change is logged) what the versions say, the first of them also before that; of several versions of one instant the
-- one that was known last. One row per record, field and span of one value:
--   value, previous_value: what it held, and before; old_value: before, as the log says
--   valid_from, valid_to: the span, from -infinity for the first value to infinity for the last
--   known_from, line_no: where the change was told; null for the first value
create or replace function values_of(p_log text) returns text language sql immutable as $$
    select format($query$
        select
            t.tenant_id,
            t.record_id,
            t.field,
            t.value,
            t.previous_value,
            t.old_value,
            t.valid_from,
            lead(t.valid_from, 1, 'infinity') over (
                partition by t.tenant_id, t.record_id, t.field order by t.number
            ) as valid_to,
            t.known_from,
            t.line_no
        from (
            select s.*, lag(s.value) over field_in_order as previous_value,
                s.number = 0 or s.value is distinct from lag(s.value) over field_in_order as is_turn
            from (
                select c.tenant_id, c.record_id, c.field, c.known_from, c.line_no, v.*
                from (
                    select l.*, row_number() over (
                        partition by l.tenant_id, l.record_id, l.field order by l.at, l.known_from, l.line_no, l.new_value
                    ) as number
                    from (
                        select m.*, bool_and(m.is_version) over (partition by m.tenant_id, m.record_id, m.field) as is_unlogged,
                            lead(m.at) over (
                                partition by m.tenant_id, m.record_id, m.field
                                order by m.at, m.known_from, m.line_no, m.new_value
                            ) as next_at
                        from %s as m
                    ) as l
                    where l.is_version = l.is_unlogged and (not l.is_version or l.next_at is distinct from l.at)
                ) as c
                cross join lateral (
                    select 0 as number, case when c.is_version then c.new_value else c.old_value end as value,
                        null as old_value, '-infinity'::timestamptz as valid_from
                    where c.number = 1
                    union all
                    select c.number, c.new_value, c.old_value, c.at
                    where c.number > 1 or not c.is_version
                ) as v
            ) as s
            window field_in_order as (partition by s.tenant_id, s.record_id, s.field order by s.number)
        ) as t
        where t.is_turn
    $query$, p_log)
$$;

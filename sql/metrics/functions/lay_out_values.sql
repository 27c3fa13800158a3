-- Fields of the records in pg_temp.metrics_log over time, by the rule of crm.opportunities_as_of: what was true just before
-- an instant is the new value of the last change before it, else the old value of the first change, else (no change is
-- logged) what the record's versions say by their own time, the first of them also before that. Fills
--   pg_temp.metrics_values   one row per record, field and span of one value: true at the end of days whose as-of is in (from, to]
create or replace function metrics.lay_out_values(p_kind text) returns void
language plpgsql as $$
begin
    create temporary table if not exists metrics_values (
        kind text not null, tenant_id text not null, record_id text not null, field text not null, value text,
        valid_from timestamptz not null, valid_to timestamptz not null
    ) on commit drop;
    delete from pg_temp.metrics_values where kind = p_kind;
    insert into pg_temp.metrics_values
    with rows_that_count as (
        select l.*, row_number() over (
            partition by l.tenant_id, l.record_id, l.field order by l.at, l.known_from, l.line_no, l.new_value
        ) as number
        from (
            select m.*, bool_and(m.is_version) over (partition by m.tenant_id, m.record_id, m.field) as is_unlogged,
                lead(m.at) over (
                    partition by m.tenant_id, m.record_id, m.field order by m.at, m.known_from, m.line_no, m.new_value
                ) as next_at
            from pg_temp.metrics_log as m
            where m.kind = p_kind and (m.field = 'record_gone' or m.field not like 'record\_%')
        ) as l
        -- Of several versions of one instant the one that was known last counts.
        where l.is_version = l.is_unlogged and (not l.is_version or l.next_at is distinct from l.at)
    ),

    steps as (
        select r.tenant_id, r.record_id, r.field, 0 as number, case when r.is_version then r.new_value else r.old_value end as value,
            '-infinity'::timestamptz as valid_from
        from rows_that_count as r
        where r.number = 1
        union all
        select r.tenant_id, r.record_id, r.field, r.number, r.new_value, r.at
        from rows_that_count as r
        where r.number > 1 or not r.is_version
    ),

    turns as (
        select s.*, s.number = 0 or s.value is distinct from lag(s.value) over (
            partition by s.tenant_id, s.record_id, s.field order by s.number
        ) as is_turn
        from steps as s
    )

    select p_kind, t.tenant_id, t.record_id, t.field, t.value, t.valid_from, lead(t.valid_from, 1, 'infinity') over (
        partition by t.tenant_id, t.record_id, t.field order by t.number
    )
    from turns as t
    where t.is_turn;
    analyze pg_temp.metrics_values;
end $$;

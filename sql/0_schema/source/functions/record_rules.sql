-- What makes a staged row s of a canonical table unusable: rules, as SQL that is true of such rows, and what is said of each,
-- an SQL expression. Records without an id, with numbers, days or texts that no figure or index can hold, or that the
-- table's own rules refuse. is_quick: told of many rows at little cost; the others only where crm.bounded_texts, all in
-- one, match p_control.
create or replace function crm.record_rules(p_table text, p_control text)
returns table (rule text, reason text, is_quick boolean) language sql stable as $$
    with info as (
        select t.key_column, format('crm.%I', p_table || '_versions')::regclass as versions
        from crm.canonical_tables as t where t.table_name = p_table
    ),
    columns as (
        select a.attname as name, a.atttypid as type, p_table || ': ' || a.attname || ' ' as told
        from info as i
        inner join pg_attribute as a on a.attrelid = i.versions and a.attnum > 0 and not a.attisdropped
    ),
    texts as (
        select b.name, b.applies, p_table || ': ' || b.name || ' ' as told from crm.bounded_texts(p_table) as b
    )
    select format('s.%I is null', i.key_column), quote_literal(format('%s: %s is empty', p_table, i.key_column)), true
    from info as i
    union all
    select format('s.%1$I in (''NaN'', ''Infinity'', ''-Infinity'')', c.name),
        format('%L || s.%I || '' is not a finite number''', c.told, c.name), true
    from columns as c where c.type = 'numeric'::regtype
    union all
    select format('abs(s.%I) >= 1e15', c.name),
        format('%L || left(s.%I::text, 60) || '' is not below 10^15''', c.told, c.name), true
    from columns as c where c.type = 'numeric'::regtype
    union all
    select format('s.%1$I < ''1950-01-01'' or s.%1$I >= ''2150-01-01''', c.name),
        format('%L || to_char(s.%I, ''YYYY-MM-DD'') || '' is not between 1950 and 2149, the years that the calendar holds''',
            c.told, c.name), true
    from columns as c where c.type in ('date'::regtype, 'timestamptz'::regtype)
    union all
    select format('s.field = ''close_date'' and s.%1$s ~ ''^\d{4}-'' and (s.%1$s < ''1950'' or s.%1$s >= ''2150'')', v.which),
        format('''opportunity_history: close_date '' || s.%s || '' is not between 1950 and 2149, the years that the calendar holds''',
            v.which), true
    from (values ('old_value'), ('new_value')) as v (which)
    where p_table = 'opportunity_history'
    union all
    -- The comment on a rule says it in a user's words, after field and value; one that begins with = is an expression.
    select format('(%s) is false', pg_get_expr(k.conbin, k.conrelid)), case
        when obj_description(k.oid, 'pg_constraint') like '=%' then substr(obj_description(k.oid, 'pg_constraint'), 2)
        else format('%L || concat_ws('', '', %s) || %L', p_table || ': ', (
            select string_agg(format('%L || quote_literal(left(s.%I::text, 60))', a.attname || ' ', a.attname), ', ' order by a.attnum)
            from pg_attribute as a where a.attrelid = k.conrelid and a.attnum = any(k.conkey)
        ), ' ' || coalesce(obj_description(k.oid, 'pg_constraint'), 'must hold: ' || pg_get_expr(k.conbin, k.conrelid)))
    end, true
    from info as i
    inner join pg_constraint as k on k.conrelid = i.versions and k.contype = 'c' and k.conname <> 'known_interval'
    union all
    select format('%s and octet_length(s.%I) > 512', t.applies, t.name),
        format('%L || quote_literal(left(s.%I, 60)) || '' must have at most 512 bytes''', t.told, t.name), true
    from texts as t
    union all
    select format('%s and s.%I ~ %L', t.applies, t.name, p_control),
        format('%L || quote_literal(left(s.%I, 60)) || '' has a control character''', t.told, t.name), false
    from texts as t
$$;

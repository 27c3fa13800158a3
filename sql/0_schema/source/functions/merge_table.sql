-- Merges what a load staged for one canonical table into its versions, set-based, and returns the counts.
-- The newer record by the source's modification time is current, whatever the order of arrival; without such a time,
-- or with equal ones, the later load and the later line win. Older versions are kept as history. Equal content: no-op.
-- p_authoritative: what is staged replaces what is current, even where it looks older (a fold of all that is known).
create or replace function crm.merge_table(
    p_load_id bigint, p_seq bigint, p_table text, p_staging text, p_authoritative boolean default false
) returns crm.load_tables language plpgsql as $$
declare
    v_info crm.canonical_tables := (select t from crm.canonical_tables as t where t.table_name = p_table);
    v_tenant text := (select tenant_id from crm.loads where load_id = p_load_id);
    v_key text := quote_ident(v_info.key_column);
    v_stage text := format('%I.%I', p_staging, p_table);
    v_versions text := format('crm.%I', p_table || '_versions');
    v_current text := format('crm.%I', p_table || '_current');
    v_columns text;  -- business columns, the key first
    v_staged text;   -- the same of the staged row s
    v_differs text;  -- s differs from v
    v_says_else text;  -- the same, whatever the records were that they are from
    v_out crm.load_tables;
    v_at timestamptz;
    v_rule text;
    v_reason text;
    v_is_unfit boolean;
    v_control text := '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]';
    v_is_staged boolean;
    v_has_twins boolean;
    v_late bigint;
begin
    execute format('select exists (select from %s where load_id = %s)', v_stage, p_load_id) into v_is_staged;
    if not v_is_staged then  -- most tables of a small load
        insert into crm.load_tables values (p_load_id, p_table, 0, 0, 0, 0, 0, 0) returning * into v_out;
        return v_out;
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum),
        string_agg('s.' || quote_ident(attname), ', ' order by attnum),
        string_agg(format('s.%1$I is distinct from v.%1$I', attname), ' or ' order by attnum),
        string_agg(format('s.%1$I is distinct from v.%1$I', attname), ' or ' order by attnum) filter (where attname <> 'record')
    into v_columns, v_staged, v_differs, v_says_else
    from pg_attribute
    where attrelid = v_versions::regclass and attnum > 0 and not attisdropped
        and attname not in ('tenant_id', 'load_id', 'line_no', 'known_from', 'known_to');

    v_out.load_id := p_load_id;
    v_out.table_name := p_table;
    -- What is unusable leaves the staging table, with the reason.
    execute format('select exists (select from %s as s where s.load_id = %s and (%s or concat_ws('''', %s) ~ %L))', v_stage, p_load_id,
        (select string_agg(r.rule, ' or ') from crm.record_rules(p_table, v_control) as r where r.is_quick),
        (select string_agg(format('s.%I', b.name), ', ') from crm.bounded_texts(p_table) as b), v_control) into v_is_unfit;
    for v_rule, v_reason in select r.rule, r.reason from crm.record_rules(p_table, v_control) as r where v_is_unfit loop
        execute format($sql$
            with unusable as (delete from %1$s as s where s.load_id = %2$s and (%3$s) returning s.*)
            insert into crm.load_rejects
            select load_id, %4$L, 'rejected', file_name, line_no, regexp_replace(%5$s, %6$L, '?', 'g'), to_jsonb(s)::text
            from unusable as s
        $sql$, v_stage, p_load_id, v_rule, v_tenant, v_reason, v_control);
    end loop;
    execute format('select count(*) from %s where load_id = %s', v_stage, p_load_id) into v_out.rows_staged;
    if v_columns ~ '\ymerged_into_id\y' then  -- from the merge on only the survivor counts
        execute format('update %s set is_deleted = true where load_id = %s and merged_into_id is not null and not is_deleted',
            v_stage, p_load_id);
    end if;

    -- Several staged rows with one id: the losers leave the staging table.
    drop table if exists pg_temp.merge_losers, pg_temp.merge_ranked, pg_temp.merge_changed;
    v_out.rows_conflicting := 0;
    execute format('select exists (select from %2$s where load_id = %3$s group by %1$s having count(*) > 1)',
        v_key, v_stage, p_load_id) into v_has_twins;
    if v_has_twins then
        execute format($sql$
            create temporary table merge_ranked on commit drop as
            select s.ctid as staged_at, first_value(s.ctid) over latest_first as winner
            from %2$s as s
            where s.load_id = %3$s
                and s.%1$s in (select %1$s from %2$s where load_id = %3$s group by %1$s having count(*) > 1)
            window latest_first as (
                partition by s.%1$s order by s.modified_at desc nulls last, s.file_name desc nulls last,
                    s.line_no desc nulls last, s.ctid desc
            )
        $sql$, v_key, v_stage, p_load_id);
        execute format($sql$
            create temporary table merge_losers on commit drop as
            select s.*, v.file_name as by_file, v.line_no as by_line, s.modified_at is not distinct from v.modified_at as is_tie,
                (%3$s) as says_else
            from merge_ranked as r
            inner join %1$s as s on s.ctid = r.staged_at
            inner join %1$s as v on v.ctid = r.winner
            where r.staged_at <> r.winner and (%2$s)
        $sql$, v_stage, v_differs, v_says_else);
        execute format('delete from %s as s using merge_ranked as r where s.ctid = r.staged_at and r.staged_at <> r.winner',
            v_stage);
        execute format($sql$
            insert into crm.load_rejects
            select load_id, %1$L, 'conflict', file_name, line_no,
                format('%2$s %%s stands again in %%s line %%s, which is later and wins', %3$s, by_file, by_line),
                to_jsonb(s)::text
            from merge_losers as s where is_tie and says_else
        $sql$, v_tenant, v_info.key_column, v_key);
        get diagnostics v_out.rows_conflicting = row_count;
    end if;

    -- Records already known that say something else now. Late: older than what is current.
    execute format($sql$
        create temporary table merge_changed on commit drop as
        select s.%1$s as id, not %9$L::boolean and coalesce(s.modified_at < v.modified_at, false) as is_late,
            case when %6$L then least(s.%7$I, v.%7$I) else coalesce(s.modified_at, s.%7$I) end as business_at
        from %2$s as s
        inner join %3$s as v on v.tenant_id = %4$L and v.%1$s = s.%1$s
        where s.load_id = %5$s and (%8$s)
    $sql$, v_key, v_stage, v_current, v_tenant, p_load_id, v_info.is_event, v_info.business_at, v_differs, p_authoritative);

    execute format($sql$
        with added as (
            insert into %1$s (tenant_id, %2$s, load_id, line_no, known_from)
            select %3$L, %4$s, %5$s, s.line_no, %6$s
            from %7$s as s
            where s.load_id = %5$s
                and not exists (select from %8$s as v where v.tenant_id = %3$L and v.%9$s = s.%9$s)
            order by s.%9$s  -- indexes grow at their end, and a deal's rows lie together
            returning %10$I as business_at
        )
        select count(*), min(business_at) from added
    $sql$, v_versions, v_columns, v_tenant, v_staged, p_load_id, p_seq, v_stage, v_current, v_key, v_info.business_at)
    into v_out.rows_inserted, v_out.earliest_business_at;
    select count(*) filter (where not is_late), count(*) filter (where is_late), min(business_at)
    from merge_changed into v_out.rows_updated, v_late, v_at;
    v_out.earliest_business_at := least(v_out.earliest_business_at, v_at);
    if v_out.rows_updated > 0 then
        execute format('update %s as v set known_to = %s from merge_changed as c
            where v.known_to = 9223372036854775807 and v.tenant_id = %L and v.%s = c.id and not c.is_late',
            v_versions, p_seq, v_tenant, v_key);
        execute format('insert into %s (tenant_id, %s, load_id, line_no, known_from)
            select %L, %s, %s, s.line_no, %s from %s as s inner join merge_changed as c on c.id = s.%s and not c.is_late
            where s.load_id = %s',
            v_versions, v_columns, v_tenant, v_staged, p_load_id, p_seq, v_stage, v_key, p_load_id);
    end if;

    -- Versions older than the current one are known from now on, but never were current.
    v_out.rows_late := 0;
    if v_late > 0 or v_has_twins then
        execute format($sql$
            insert into %1$s (tenant_id, %2$s, load_id, line_no, known_from, known_to)
            select distinct on (%4$s) %3$L, %4$s, %5$s, s.line_no, %6$s, %6$s
            from (
                select s.* from %7$s as s where s.load_id = %5$s and s.%8$s in (select id from merge_changed where is_late)
                %9$s
            ) as s
            where not exists (
                select from %1$s as v inner join crm.loads as l on l.load_id = v.load_id and l.undone_by is null
                where v.tenant_id = %3$L and v.%8$s = s.%8$s and not (%10$s)
            )
        $sql$, v_versions, v_columns, v_tenant, v_staged, p_load_id, p_seq, v_stage, v_key,
            case when v_has_twins then (
                select format('union all select %s from merge_losers as s where not s.is_tie',
                    string_agg('s.' || quote_ident(attname), ', ' order by attnum))
                from pg_attribute where attrelid = v_stage::regclass and attnum > 0 and not attisdropped
            ) end,
            v_differs);
        get diagnostics v_out.rows_late = row_count;
    end if;

    v_out.rows_unchanged := v_out.rows_staged - v_out.rows_inserted - v_out.rows_updated - v_out.rows_late
        - v_out.rows_conflicting;
    insert into crm.load_tables select v_out.*;
    if v_out.rows_inserted + v_out.rows_updated > 0 then
        execute format('analyze %s', v_current);
    end if;
    return v_out;
end $$;

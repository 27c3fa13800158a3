-- The records of one canonical table as they were known without an undone load: crm.undo_load calls it for every table.
-- A record of which that load's version is current goes back to the version before it, or to one that a later load brought
-- and that only counted as older beside the undone one; without any it is not known any more. A record of which a later load
-- said something else stays as that load said. Nothing is deleted: the version put back is another row of it, under its own
-- load, known from p_seq on.
create or replace function crm.undo_table(
    p_load_id bigint, p_seq bigint, p_table text, out put_back bigint, out removed bigint, out later bigint, out past bigint
) language plpgsql as $$
declare
    v_tenant text := (select tenant_id from crm.loads where load_id = p_load_id);
    v_key text := (select quote_ident(key_column) from crm.canonical_tables where table_name = p_table);
    v_versions text := format('crm.%I', p_table || '_versions');
    v_columns text;
begin
    drop table if exists pg_temp.undo_records, pg_temp.undo_choices;
    execute format($sql$
        create temporary table undo_records on commit drop as
        select v.%1$s as id, bool_or(v.known_to = 9223372036854775807) as is_current, bool_or(v.known_from < v.known_to) as was_current
        from %2$s as v
        where v.tenant_id = %3$L and v.load_id = %4$s
        group by v.%1$s
    $sql$, v_key, v_versions, v_tenant, p_load_id);
    select count(*) filter (where not is_current and was_current), count(*) filter (where not was_current)
    into later, past from pg_temp.undo_records;

    execute format($sql$
        create temporary table undo_choices on commit drop as
        with standing as (
            select v.%1$s as id, v.tableoid as part, v.ctid as at, v.modified_at, v.known_from, v.line_no, v.known_from < v.known_to as was_current
            from %2$s as v
            inner join pg_temp.undo_records as r on r.id = v.%1$s and r.is_current
            inner join crm.loads as l on l.load_id = v.load_id and l.undone_by is null
            where v.tenant_id = %3$L
        ),
        before as (
            select distinct on (id) id, modified_at, known_from from standing where was_current order by id, known_from desc
        )
        select distinct on (s.id) s.id, s.part, s.at
        from standing as s
        left join before as b on b.id = s.id
        where s.was_current and s.known_from = b.known_from
            or not s.was_current and s.modified_at is not null and s.known_from > coalesce(b.known_from, 0)
                and (b.modified_at is null or s.modified_at >= b.modified_at)
        order by s.id, s.modified_at desc nulls last, s.known_from desc, s.line_no desc
    $sql$, v_key, v_versions, v_tenant);
    select string_agg(quote_ident(attname), ', ' order by attnum) into v_columns
    from pg_attribute
    where attrelid = v_versions::regclass and attnum > 0 and not attisdropped and attname not in ('known_from', 'known_to');
    execute format($sql$
        create temporary table undo_versions on commit drop as
        select %1$s from %2$s as v where (v.tableoid, v.ctid) in (select c.part, c.at from pg_temp.undo_choices as c)
    $sql$, v_columns, v_versions);
    execute format('update %s as v set known_to = %s from pg_temp.undo_records as r
        where v.known_to = 9223372036854775807 and v.tenant_id = %L and v.%s = r.id and r.is_current',
        v_versions, p_seq, v_tenant, v_key);
    get diagnostics removed = row_count;
    execute format('insert into %s (%s, known_from) select %s, %s from pg_temp.undo_versions', v_versions, v_columns, v_columns, p_seq);
    get diagnostics put_back = row_count;
    removed := removed - put_back;
    drop table pg_temp.undo_versions;
    if put_back + removed > 0 then
        execute format('analyze crm.%I', p_table || '_current');
    end if;
end $$;

-- crm.undo_load(load_id) makes known again what would be known without a load, as a load of its own, and returns that load's
-- id. What was known before it can still be read at its transaction time. The load's files, and all that were loaded since,
-- are read again when they are loaded again.
create or replace function crm.undo_load(p_load_id bigint) returns bigint language plpgsql as $$
declare
    v_load crm.loads := (select l from crm.loads as l where l.load_id = p_load_id);
    v_undo bigint := crm.start_load(v_load.tenant_id, v_load.source, format('undo of load %s', p_load_id));
    v_seq bigint := crm.take_load_seq(v_undo);
    v_table text;
begin
    update crm.loads set undone_by = v_seq where load_id = p_load_id and status = 'finished' and undone_by is null and undoes is null;
    if not found then
        raise exception 'load % is none that can be undone', p_load_id;
    end if;
    for v_table in
        select c.table_name from crm.canonical_tables as c
        left join crm.load_tables as t on t.load_id = p_load_id and t.table_name = c.table_name
        where t.rows_inserted + t.rows_updated + t.rows_late > 0
            or not exists (select from crm.load_tables as o where o.load_id = p_load_id)  -- of a tool that wrote into crm itself
        order by c.table_name
    loop
        insert into crm.undone_tables select v_undo, v_table, d.* from crm.undo_table(p_load_id, v_seq, v_table) as d;
    end loop;
    if v_load.is_folded then
        perform crm.fold_undone(p_load_id, v_undo, v_seq);
    end if;
    perform crm.undo_files(v_load, v_seq);
    insert into crm.load_tables
    select v_undo, u.table_name, u.rows_put_back + u.rows_removed + u.rows_later + u.rows_past, 0, u.rows_put_back + u.rows_removed,
        u.rows_later + u.rows_past, 0, 0, t.earliest_business_at
    from crm.undone_tables as u
    left join crm.load_tables as t on t.load_id = p_load_id and t.table_name = u.table_name
    where u.load_id = v_undo
    on conflict (load_id, table_name) do update set rows_staged = excluded.rows_staged,
        rows_updated = load_tables.rows_updated + excluded.rows_updated, rows_late = excluded.rows_late;
    update crm.loads as l
    set load_seq = v_seq, status = 'finished', finished_at = clock_timestamp(), undoes = p_load_id, day_zone = v_load.day_zone,
        rows_updated = (select coalesce(sum(t.rows_updated), 0) from crm.load_tables as t where t.load_id = v_undo),
        earliest_business_at = v_load.earliest_business_at
    where l.load_id = v_undo;
    return v_undo;
end $$;

-- Of each of an undone load's files that is still the current one, the one before it is current again.
create or replace function crm.undo_files(p_load crm.loads, p_seq bigint) returns void language plpgsql as $$
begin
    with ended as (
        update crm.load_files set known_to = p_seq
        where load_id = p_load.load_id and known_to = 9223372036854775807
        returning tenant_id, source, file_key
    )
    insert into crm.load_files (
        load_id, tenant_id, source, file_key, file_name, sha256, mapping_sha256, rows_read, rows_rejected, known_from
    )
    select distinct on (f.tenant_id, f.source, f.file_key)
        f.load_id, f.tenant_id, f.source, f.file_key, f.file_name, f.sha256, f.mapping_sha256, f.rows_read, f.rows_rejected, p_seq
    from ended as e
    inner join crm.load_files as f on f.tenant_id = e.tenant_id and f.source = e.source and f.file_key = e.file_key
    inner join crm.loads as l on l.load_id = f.load_id and l.undone_by is null
    order by f.tenant_id, f.source, f.file_key, f.known_from desc;
end $$;

-- Deals that are folded from their changes, of which a later load folded what the undone one had told: folded anew.
create or replace function crm.fold_undone(p_load_id bigint, p_undo bigint, p_seq bigint) returns void language plpgsql as $$
begin
    drop table if exists pg_temp.opportunity_history, pg_temp.opportunities;
    create temporary table opportunity_history (like crm_staging.opportunity_history including defaults) on commit drop;
    create temporary table opportunities (like crm_staging.opportunities including defaults) on commit drop;
    insert into pg_temp.opportunity_history (load_id, opportunity_id)
    select distinct p_undo, v.opportunity_id from crm.opportunity_history_versions as v
    where v.load_id = p_load_id and v.opportunity_id is not null;
    perform crm.fold_opportunities(p_undo, p_seq, 'pg_temp');
    perform crm.settle_closings(p_undo, 'pg_temp');
    perform crm.merge_table(p_undo, p_seq, 'opportunities', 'pg_temp', true);
end $$;

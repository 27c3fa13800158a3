-- crm.finish_load(load_id) merges what the load staged in crm_staging into crm, logs it, and returns its transaction time.
-- The staged records are gone afterwards. p_staging names another schema with tables of the same shape.
-- p_authoritative: tables whose staged records replace what is current even where they look older.
-- p_fold: the source has no record of deals, only their changes; the state of each touched deal is folded from them.
create or replace function crm.finish_load(
    p_load_id bigint, p_fold boolean default false, p_staging text default 'crm_staging',
    p_authoritative text[] default '{}'
) returns bigint language plpgsql as $$
declare
    v_seq bigint := crm.take_load_seq(p_load_id);
    v_table text;
    v_tables text[] := array(
        select table_name from crm.canonical_tables
        where to_regclass(format('%I.%I', p_staging, table_name)) is not null
        order by table_name = 'opportunities', table_name  -- which reads the merged history and stages
    );
    -- Staged records that the settling of a later table reads, too.
    v_read_again text[] := case when p_fold then '{reps,accounts,opportunity_history}' else '{reps,accounts}' end;
begin
    if p_staging = 'crm_staging' then  -- nothing may be staged between the merge and the clearing
        foreach v_table in array v_tables loop
            execute format('lock table crm_staging.%I in share row exclusive mode', v_table);
        end loop;
    end if;
    foreach v_table in array v_tables loop
        if v_table in ('opportunity_history', 'lead_history') then
            perform crm.settle_changes(p_load_id, v_table, p_staging);
        elsif v_table = 'opportunities' then
            if p_fold then
                perform crm.fold_opportunities(p_load_id, v_seq, p_staging);
            end if;
            perform crm.settle_closings(p_load_id, p_staging);
        elsif v_table = 'exchange_rates' then  -- the ends of time that sources write for no end
            execute format('update %I.exchange_rates set start_date = case when start_date >= ''1950-01-01'' then start_date end,
                end_date = case when end_date < ''2150-01-01'' then end_date end
                where load_id = %s and (start_date < ''1950-01-01'' or end_date >= ''2150-01-01'')', p_staging, p_load_id);
        end if;
        perform crm.merge_table(
            p_load_id, v_seq, v_table, p_staging,
            v_table = any(p_authoritative) or (p_fold and v_table = 'opportunities')
        );
        if p_staging = 'pg_temp' and v_table <> all(v_read_again) then
            execute format('truncate pg_temp.%I', v_table);  -- a large load needs the disk space now
        end if;
    end loop;
    foreach v_table in array case when p_staging = 'crm_staging' then v_tables else '{}' end loop
        execute format('delete from %I.%I where load_id = %s', p_staging, v_table, p_load_id);
    end loop;

    update crm.loads as l
    set load_seq = v_seq, status = 'finished', finished_at = clock_timestamp(), is_folded = p_fold,
        rows_inserted = t.inserted, rows_updated = t.updated, rows_unchanged = l.rows_unchanged + t.unchanged,
        rows_conflicting = t.conflicting, earliest_business_at = t.earliest,
        rows_rejected = (select count(*) from crm.load_rejects where load_id = p_load_id and kind = 'rejected')
    from (
        select coalesce(sum(rows_inserted), 0) as inserted, coalesce(sum(rows_updated), 0) as updated,
            coalesce(sum(rows_unchanged), 0) as unchanged, coalesce(sum(rows_conflicting), 0) as conflicting,
            min(earliest_business_at) as earliest
        from crm.load_tables where load_id = p_load_id
    ) as t
    where l.load_id = p_load_id;
    return v_seq;
end $$;

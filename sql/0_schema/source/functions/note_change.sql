-- A change of reference data as a load of its own: returns its place in transaction time.
create or replace function crm.note_change(p_source text, p_rows bigint) returns bigint language plpgsql as $$
declare
    v_load_id bigint;
    v_seq bigint;
begin
    insert into crm.loads (source) values (p_source) returning load_id into v_load_id;
    v_seq := crm.take_load_seq(v_load_id);
    update crm.loads set load_seq = v_seq, status = 'finished', finished_at = clock_timestamp(), rows_read = p_rows
    where load_id = v_load_id;
    return v_seq;
end $$;

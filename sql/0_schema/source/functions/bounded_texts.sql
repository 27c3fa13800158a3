-- Texts of a canonical table that indexes hold, and where of its staged rows s: ids, and names that rows are grouped by;
-- of logs of changes the values of such fields. Names for people and what is written at length are free.
create or replace function crm.bounded_texts(p_table text) returns table (name text, applies text) language sql stable as $$
    select a.attname::text, 'true'
    from pg_attribute as a
    where a.attrelid = format('crm.%I', p_table || '_versions')::regclass and a.attnum > 0 and not a.attisdropped
        and a.atttypid = 'text'::regtype and a.attname not in ('tenant_id', 'history_id', 'old_value', 'new_value')
        and (
            a.attname not in ('name', 'email', 'company', 'title', 'subject', 'next_step', 'loss_reason', 'note')
            or (a.attname = 'name' and p_table in ('pipelines', 'pipeline_stages'))
        )
    union all
    select v.name, $field$s.field in (
        'stage_id', 'pipeline_id', 'owner_id', 'account_id', 'forecast_category', 'lead_source', 'currency', 'competitor',
        'status', 'source', 'segment', 'region', 'converted_opportunity_id'
    )$field$
    from (values ('old_value'), ('new_value')) as v (name)
    where p_table in ('opportunity_history', 'lead_history')
$$;

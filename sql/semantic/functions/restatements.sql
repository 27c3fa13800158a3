-- What stored days said before, for whoever may not read the bookkeeping.
create or replace view semantic.restatements with (security_barrier) as
select tenant_id, dataset, snapshot_date, row_key, was, known_as_of, restated_by, because_of, restated_at,
    cut_at
from ops.restated_rows
where tenant_id = any((select ops.tenants_read())::text[]) or '*' = any((select ops.tenants_read())::text[]);
comment on view semantic.restatements is 'Grain: rewriting of a stored row that made it read otherwise. was: the row before, null where there was '
    'none; it held from load known_as_of until load restated_by,'
    ' or still does (null), where what stands is a look back at an earlier load.';

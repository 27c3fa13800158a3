-- Finished loads, in the order of transaction time. is_changing: whether the load changed something, or may have: a tool that
-- wrote into crm itself leaves no counts, and is believed.
create or replace view crm.finished_loads as
select l.load_seq, l.load_id, l.tenant_id, l.started_at, l.finished_at,
    l.tenant_id is null
    or l.undoes is not null
    or l.rows_inserted + l.rows_updated > 0
    or not exists (select from crm.load_tables as t where t.load_id = l.load_id)
    or exists (select from crm.load_tables as t where t.load_id = l.load_id and t.rows_late > 0)
    or exists (select from crm.load_files as f where f.load_id = l.load_id and f.source like '%\_raw') as is_changing, l.undone_by
from crm.loads as l
where l.status = 'finished';
comment on view crm.finished_loads is 'Finished loads, and whether figures may read otherwise after them: one row per load.';

create or replace view crm.changing_loads as
select l.load_seq, l.tenant_id, l.finished_at from crm.finished_loads as l where l.is_changing;
comment on view crm.changing_loads is
'Finished loads after which figures may read otherwise: one row per load. A load of what was known already is not here.';

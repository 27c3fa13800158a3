-- The field's words in place of the project's own.

alter table crm.exports drop constraint exports_status_check, drop constraint exports_check1;
update crm.exports set status = 'quarantined' where status = 'set aside';
alter table crm.exports
add constraint exports_status_check check (status in ('loaded', 'quarantined')),
add constraint exports_check1 check ((status = 'quarantined') = (error is not null));
comment on table crm.exports is
'Grain: an export with a manifest that was loaded, or quarantined because it cannot be: neither is tried again.';

comment on schema crm is
'Canonical CRM records. crm.<table> is the current state, crm.<table>_versions all versions in transaction time.';
comment on table crm.loads is 'Grain: load. A failed load left nothing but this row and a sample of its rejects.';
comment on column crm.loads.load_seq is
'Transaction time: the place in the order of commits, given under a lock held to commit.';

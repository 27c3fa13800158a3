-- The field's words in place of the project's own.

alter table crm.exports drop constraint exports_status_check, drop constraint exports_check1;
update crm.exports set status = 'quarantined' where status = 'set aside';
alter table crm.exports
add constraint exports_status_check check (status in ('loaded', 'quarantined')),
add constraint exports_check1 check ((status = 'quarantined') = (error is not null));
comment on table crm.exports is
'Grain: an export with a manifest that was loaded, or quarantined because it cannot be: neither is tried again.';

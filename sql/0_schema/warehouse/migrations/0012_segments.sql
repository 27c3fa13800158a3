-- A deal's segment is its account's, where the CRM says that. Tables that are built as a whole are built again by the
-- next run, which asks for the days that it changes.

alter table staging.accounts add column segment text, add column d_from date, add column d_to date;
update staging.accounts set
    d_from = (valid_from at time zone c.timezone)::date,
    d_to = (valid_to at time zone c.timezone)::date
from ops.calendar_settings as c;
alter table staging.accounts alter column d_from set not null, alter column d_to set not null;

alter table staging.visit_facts add column exited_account_id text;

alter table staging.rep_closings add column account_segment text not null default 'none';
alter table staging.rep_closings alter column account_segment drop default;
alter table staging.rep_closings drop constraint rep_closings_pkey,
add primary key (tenant_id, snapshot_date, rep_id, account_segment);

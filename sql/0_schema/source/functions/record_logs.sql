-- All that is known of how records came to be as they are, in one shape: what the log of changes says, and what the
-- versions of the records say. Read it as known after load K by known_from <= K and known_to > K.
--
-- Grain: record and change of a field, version and field, version and what it says of the record (record_*).
--   at: when it was so from; of a version: when its record was modified, else when its load began
--   is_version: whether a version says so. A field that the log tells of goes by the log alone.
--   record_created, record_closed, record_qualified, record_converted: at that instant; the first and the last say in
--   old_value when the version was valid from
--   record_gone: whether the record was deleted then; record_outcome: open, won or lost, its old value the closing date;
--   record_current: likewise, of the version that is the current one (known_to ends with it)
-- A change without an instant or a record says nothing. What a version said counts for ever (known_to has no end), unless its load
-- was undone.
create or replace view crm.opportunity_log as
select h.tenant_id, h.opportunity_id as record_id, h.field, h.changed_at as at, h.old_value, h.new_value,
    false as is_version, h.known_from, h.known_to, h.line_no
from crm.opportunity_history_versions as h
where not h.is_deleted and h.changed_at is not null and h.opportunity_id is not null and h.field is not null
union all
-- A status of deleted takes a deal away, any other brings it back.
select h.tenant_id, h.opportunity_id, 'record_gone', h.changed_at, 'false', (h.new_value = 'deleted')::text, false, h.known_from,
    h.known_to, h.line_no
from crm.opportunity_history_versions as h
where not h.is_deleted and h.changed_at is not null and h.opportunity_id is not null and h.field = 'status'
    and h.new_value in ('deleted', 'open', 'won', 'lost')
union all
select v.tenant_id, v.opportunity_id, f.field, f.at, f.old_value, f.new_value, f.is_version, v.known_from,
    least(f.known_to, l.undone_by, 9223372036854775807), v.line_no
from crm.opportunities_versions as v
inner join crm.loads as l on l.load_id = v.load_id
cross join lateral (select coalesce(v.modified_at, l.started_at) as valid_from offset 0) as t
cross join lateral (
    values ('record_created', v.created_at, t.valid_from::text, null, true, true, null),
        ('record_closed', v.closed_at, null, null, true, v.is_closed and v.closed_at is not null and not v.is_deleted, null),
        ('record_gone', t.valid_from, 'false', v.is_deleted::text, false, true, null),
        ('record_outcome', t.valid_from, case when v.is_closed then v.closed_at::text end,
            case when not v.is_closed then 'open' when v.is_won then 'won' else 'lost' end, true, not v.is_deleted, null),
        ('record_current', t.valid_from, case when v.is_closed then v.closed_at::text end,
            case when not v.is_closed then 'open' when v.is_won then 'won' else 'lost' end, true, not v.is_deleted, v.known_to),
        ('owner_id', t.valid_from, null, v.owner_id, true, true, null),
        ('amount', t.valid_from, null, v.amount::text, true, true, null),
        ('currency', t.valid_from, null, v.currency, true, true, null),
        ('close_date', t.valid_from, null, v.close_date::text, true, true, null),
        ('lead_source', t.valid_from, null, v.lead_source, true, true, null)
) as f (field, at, old_value, new_value, is_version, applies, known_to)
where f.applies;
comment on view crm.opportunity_log is 'Everything that is known of how deals came to be as they are: changes, versions, events.';

create or replace view crm.lead_log as
select h.tenant_id, h.lead_id as record_id, h.field, h.changed_at as at, h.old_value, h.new_value,
    false as is_version, h.known_from, h.known_to, h.line_no
from crm.lead_history_versions as h
where not h.is_deleted and h.changed_at is not null and h.lead_id is not null and h.field is not null
union all
select v.tenant_id, v.lead_id, f.field, f.at, f.old_value, f.new_value, f.is_version, v.known_from,
    least(l.undone_by, 9223372036854775807), v.line_no
from crm.leads_versions as v
inner join crm.loads as l on l.load_id = v.load_id
cross join lateral (select coalesce(v.modified_at, l.started_at) as valid_from offset 0) as t
cross join lateral (
    values ('record_created', v.created_at, t.valid_from::text, null, true, true),
        ('record_gone', t.valid_from, 'false', v.is_deleted::text, false, true),
        ('record_qualified', v.qualified_at, null, null, true, v.qualified_at is not null and not v.is_deleted),
        ('record_converted', coalesce(v.converted_at, t.valid_from), t.valid_from::text, v.converted_opportunity_id, true,
            v.converted_opportunity_id is not null and not v.is_deleted),
        ('status', t.valid_from, null, v.status, true, true),
        ('source', t.valid_from, null, v.source, true, true)
) as f (field, at, old_value, new_value, is_version, applies)
where f.applies;
comment on view crm.lead_log is 'Everything that is known of how leads came to be as they are: changes, versions, events.';

-- Companies that buy or may buy, by name, as their records said at any time.
--
-- One row per: tenant, account and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   account_id: the account
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   account_name: its name; the id if nobody said
with versions as (
    select distinct on (tenant_id, account_id, valid_from)
        v.tenant_id,
        v.account_id,
        coalesce(v.modified_at, l.started_at) as valid_from,
        coalesce(v.name, v.account_id) as account_name
    from crm_remote.accounts_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
    where v.known_from <= (select ops.known_as_of())
    order by
        v.tenant_id asc, v.account_id asc, coalesce(v.modified_at, l.started_at) asc, v.known_from desc, v.line_no desc
)

select
    tenant_id,
    account_id,
    case when row_number() over account_by_time = 1 then '-infinity' else valid_from end as valid_from,
    lead(valid_from, 1, 'infinity') over account_by_time as valid_to,
    account_name
from versions
window account_by_time as (partition by tenant_id, account_id order by valid_from)

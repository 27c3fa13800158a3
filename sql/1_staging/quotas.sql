-- What is to be sold in a period, by a rep or by the whole company, as the source's records said at any time.
--
-- One row per: tenant, quota and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   quota_id: the quota
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   rep_id: whose quota; null for the company's target
--   period_start: first day of its period
--   period_end: last day of its period; null where period_type or the other quotas tell it
--   amount: how much, money
--   period_type: month, quarter or year, where the source says so
--   quota_type: kind of quota, where a source has several
with versions as (
    select distinct on (tenant_id, quota_id, valid_from)
        v.tenant_id,
        v.quota_id,
        coalesce(v.modified_at, l.started_at) as valid_from,
        v.rep_id,
        v.period_start,
        v.period_end,
        v.period_type,
        v.quota_type,
        v.amount,
        v.is_deleted
    from crm_remote.quotas_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
    where v.known_from <= (select ops.known_as_of())
    order by
        v.tenant_id asc, v.quota_id asc, coalesce(v.modified_at, l.started_at) asc, v.known_from desc, v.line_no desc
),

spans as (
    select
        *,
        row_number() over quota_by_time as version_number,
        lead(valid_from, 1, 'infinity') over quota_by_time as valid_to
    from versions
    window quota_by_time as (partition by tenant_id, quota_id order by valid_from)
)

select
    tenant_id,
    quota_id,
    case when version_number = 1 then '-infinity' else valid_from end as valid_from,
    valid_to,
    rep_id,
    period_start,
    period_end,
    amount,
    period_type,
    quota_type
from spans
where not is_deleted and amount is not null and period_start is not null

-- What is to be sold in a period, by a rep or by the whole company, as the source's records said at any time.
--
-- Grain: tenant, quota and span of time in which the record did not change.
-- Key: tenant_id, quota_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   quota_id text not null: the quota
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   rep_id text: whose quota; null for the company's target
--   period_start date not null: first day of its period
--   period_end date: last day of its period; null where period_type or the other quotas tell it
--   amount numeric(18, 2) not null: how much, money
--   period_type text: month, quarter or year, where the source says so
--   quota_type text: kind of quota, where a source has several
select
    tenant_id,
    quota_id,
    holds_from as valid_from,
    valid_to,
    rep_id,
    period_start,
    period_end,
    amount,
    period_type,
    quota_type
from history.quotas
where not is_deleted and amount is not null and period_start is not null

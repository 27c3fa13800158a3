-- Companies that buy or may buy, as their records said at any time.
--
-- Grain: tenant, account and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   account_id: the account
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   d_from: first business day at whose end it was so
--   d_to: first business day at whose end it was so no longer; infinity if it still is
--   account_name: its name; the id if nobody said
--   segment: its segment; null if nobody said
select
    tenant_id,
    account_id,
    holds_from as valid_from,
    valid_to,
    (holds_from at time zone (select ops.timezone()))::date as d_from,
    (valid_to at time zone (select ops.timezone()))::date as d_to,
    coalesce(name, account_id) as account_name,
    ops.group_key(segment) as segment
from history.accounts

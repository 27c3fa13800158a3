-- Companies that buy or may buy, by name, as their records said at any time.
--
-- One row per: tenant, account and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   account_id: the account
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   account_name: its name; the id if nobody said
select
    tenant_id,
    account_id,
    holds_from as valid_from,
    valid_to,
    coalesce(name, account_id) as account_name
from history.accounts

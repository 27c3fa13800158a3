-- Companies that buy or may buy, as their records said at any time.
--
-- Grain: tenant, account and span of time in which the record did not change.
-- Key: tenant_id, account_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   account_id text not null: the account
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   d_from date not null: first business day at whose end it was so
--   d_to date not null: first business day at whose end it was so no longer; infinity if it still is
--   account_name text not null: its name; the id if nobody said
--   segment text: its segment; null if nobody said
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

-- What was done with customers: calls, emails, meetings, demos and tasks, by business day. A two-way activity is a
-- meeting or demo held, an answered call, an email with a reply. What was planned and not done is left out.
--
-- Grain: tenant and activity.
-- Key: tenant_id, activity_id
-- Index: (tenant_id, contact_id) WHERE is_two_way
-- Columns:
--   tenant_id text not null: company the row belongs to
--   activity_id text not null: the activity
--   opportunity_id text: the deal, if any
--   rep_id text: who did it
--   contact_id text: with whom of the customer's
--   kind text: call, email, meeting, demo, task, or as the source calls it
--   occurred_at timestamptz not null: when
--   day date not null: on which business day
--   is_two_way boolean not null: whether the customer took part
select
    tenant_id,
    activity_id,
    opportunity_id,
    rep_id,
    contact_id,
    type as kind,
    occurred_at,
    (occurred_at at time zone (select ops.timezone()))::date as day,
    coalesce(type in ('meeting', 'demo') or type in ('call', 'email') and is_answered, false) as is_two_way
from history.activities
where occurred_at is not null and is_done is not false

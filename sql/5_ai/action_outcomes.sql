-- What became of next best actions, on the last day of every week (of the quarter) for those of four weeks before:
-- whether each was taken within two weeks (an activity of its kind on the deal, with its contact if it names one),
-- where the deal stands now, and how deals fared that were given the same kind of action, those that took it beside
-- those that did not. It shows what happened; that the action caused it does not follow. Other days have no rows.
--
-- Grain: tenant, last day of a week, rep and action of four weeks before.
-- Key: tenant_id, snapshot_date, action_id
-- Preview: d.is_taken desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the week
--   action_id uuid not null: the action, as in dashboard.next_best_actions
--   said_on date not null: the day that it was said on
--   rep_id text not null: whom it was said to
--   opportunity_id text not null: the deal
--   action_type text not null, one of call, email, meeting, task: the kind of action
--   urgency text not null, one of today, this_week, soon: its urgency
--   contact_id text: whom to speak to, if it named somebody
--   is_taken boolean not null: whether it was taken within two weeks
--   taken_on date: on which day first
--   deal_status text not null, one of open, won, lost, gone: where the deal stands now; gone if it was deleted or
--       merged
--   has_moved boolean: whether an open deal stands in another stage than then
--   alike_taken_count bigint not null, at least 0: deals with that kind of action that took it, this one included
--   alike_taken_won_count bigint not null, at least 0: those of them that are won now
--   alike_taken_lost_count bigint not null, at least 0: those of them that are lost now
--   alike_others_count bigint not null, at least 0: deals with that kind of action that did not take it
--   alike_others_won_count bigint not null, at least 0: those of them that are won now
--   alike_others_lost_count bigint not null, at least 0: those of them that are lost now
-- Rules:
--   taken_on does not agree with is_taken unless (taken_on is not null) = is_taken
--   taken_on lies outside the two weeks unless taken_on is null or taken_on between said_on + 1 and said_on + 14
with said as (
    select
        r.day,
        n.*
    from pg_temp.run_days as r
    inner join dashboard.next_best_actions as n on r.tenant_id = n.tenant_id and r.day - 28 = n.snapshot_date
    where ops.ends_week(r.day, r.quarter_start, r.quarter_end)
),

done as (
    select
        s.tenant_id,
        s.day,
        s.action_id,
        min(a.day) as taken_on
    from said as s
    inner join staging.activities as a
        on
            s.tenant_id = a.tenant_id and s.opportunity_id = a.opportunity_id
            and s.snapshot_date < a.day and s.snapshot_date + 14 >= a.day
            and (s.contact_id is null or s.contact_id = a.contact_id)
            and (s.action_type = a.kind or s.action_type = 'meeting' and a.kind = 'demo')
    group by s.tenant_id, s.day, s.action_id
),

became as (
    select
        s.*,
        d.taken_on,
        coalesce(b.status, 'gone') as deal_status,
        case
            when b.status = 'open' then coalesce(b.stage_id, '') <> coalesce(w.stage_id, '')
        end as has_moved
    from said as s
    left join done as d on s.tenant_id = d.tenant_id and s.day = d.day and s.action_id = d.action_id
    left join staging.deal_intervals as w
        on
            s.tenant_id = w.tenant_id and s.opportunity_id = w.opportunity_id
            and s.snapshot_date >= w.d_from and s.snapshot_date < w.d_to
    left join staging.deal_intervals as b
        on
            s.tenant_id = b.tenant_id and s.opportunity_id = b.opportunity_id
            and s.day >= b.d_from and s.day < b.d_to
)

select
    tenant_id,
    day as snapshot_date,
    action_id,
    snapshot_date as said_on,
    rep_id,
    opportunity_id,
    action_type,
    urgency,
    contact_id,
    taken_on is not null as is_taken,
    taken_on,
    deal_status,
    has_moved,
    count(*) filter (where taken_on is not null) over alike as alike_taken_count,
    count(*) filter (where taken_on is not null and deal_status = 'won') over alike as alike_taken_won_count,
    count(*) filter (where taken_on is not null and deal_status = 'lost') over alike as alike_taken_lost_count,
    count(*) filter (where taken_on is null) over alike as alike_others_count,
    count(*) filter (where taken_on is null and deal_status = 'won') over alike as alike_others_won_count,
    count(*) filter (where taken_on is null and deal_status = 'lost') over alike as alike_others_lost_count
from became
window alike as (partition by tenant_id, day, action_type)

-- What became of coaching, on the last day of every week (of the quarter) for what was said four weeks before: of each
-- improvement that a rep was told, whether the rep's figure has since moved towards the top performers' by a quarter
-- of the gap or more; of a focus on urgent deals, whether half of the actions that the rep was given then were taken
-- (ai.action_outcomes); what the rep has won and lost since, and how those fared who were told the same and followed
-- it so, beside those who did not. It shows what happened; that the coaching caused it does not follow. Other days have
-- no rows.
--
-- Grain: tenant, last day of a week, rep and improvement told four weeks before; and the focus, where it is none.
-- Key: tenant_id, snapshot_date, rep_id, insight_number
-- Preview: d.gap_closed_pct desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the week
--   rep_id text not null: whom it was said to
--   insight_number int not null, at least 0: its place among the rep's improvements; 0 for a focus that is none
--   said_on date not null: the day that it was said on
--   model_version text not null: template-1, or the name of the model that said it
--   title text not null: what was to be improved
--   suggested_action text: what was to be done
--   is_focus boolean not null: whether it was what to work on first
--   metric_name text: the figure that it names, as in dashboard.rep_driver_comparison; urgent_deals; null if it names
--       none
--   value_then numeric: the rep's figure when it was said
--   gap_then numeric: how far it was behind the top performers'
--   value_now numeric: the rep's figure now; null without open deals
--   gap_closed_pct numeric: share of that gap by which the figure has moved in the right direction; below 0 if it went
--       the other way, above 1 if beyond
--   actions_count bigint, at least 0: of urgent_deals: actions that the rep was given then
--   actions_taken_count bigint, at least 0: those of them that were taken within two weeks
--   is_followed boolean: whether a quarter of the gap or more was closed, or half of the actions were taken; null
--       where it cannot be told
--   won_count bigint not null, at least 0: deals credited to the rep that were won since and still are
--   lost_count bigint not null, at least 0: those that were lost since and still are
--   alike_followed_count bigint not null, at least 0: reps told the same who followed it, this one included
--   alike_followed_won_count bigint not null, at least 0: what they have won since
--   alike_followed_lost_count bigint not null, at least 0: what they have lost since
--   alike_others_count bigint not null, at least 0: reps told the same who did not
--   alike_others_won_count bigint not null, at least 0: what they have won since
--   alike_others_lost_count bigint not null, at least 0: what they have lost since
-- Rules:
--   is_followed does not agree with what was done unless is_followed is not distinct from coalesce(gap_closed_pct >=
--       0.25, actions_taken_count * 2 >= actions_count)
with told as (
    select
        r.tenant_id,
        r.day,
        n.snapshot_date as said_on,
        n.rep_id,
        n.model_version,
        n.improvements,
        n.primary_focus_area
    from pg_temp.run_days as r
    inner join ai.rep_coaching_insights as n on r.tenant_id = n.tenant_id and r.day - 28 = n.snapshot_date
    where ops.ends_week(r.day, r.quarter_start, r.quarter_end)
),

said as (
    select
        t.tenant_id,
        t.day,
        t.said_on,
        t.rep_id,
        t.model_version,
        i.number::int as insight_number,
        i.part ->> 'title' as title,
        i.part ->> 'suggested_action' as suggested_action,
        i.part ->> 'title' = t.primary_focus_area as is_focus
    from told as t
    cross join lateral jsonb_array_elements(t.improvements) with ordinality as i (part, number)
    union all
    select
        tenant_id,
        day,
        said_on,
        rep_id,
        model_version,
        0 as insight_number,
        primary_focus_area as title,
        null as suggested_action,
        true as is_focus
    from told
    where not improvements @> jsonb_build_array(jsonb_build_object('title', primary_focus_area))
),

-- A model's title may say more than the figure's name.
measured as (
    select distinct on (s.tenant_id, s.day, s.rep_id, s.insight_number)
        s.*,
        coalesce(
            w.metric_name,
            case when s.insight_number = 0 and strpos(lower(s.title), 'urgent') > 0 then 'urgent_deals' end
        ) as metric_name,
        w.rep_value as value_then,
        w.gap_to_top as gap_then,
        b.rep_value as value_now,
        case w.good_direction
            when 'higher' then b.rep_value - w.rep_value else w.rep_value - b.rep_value
        end / case when w.gap_to_top > 0 then w.gap_to_top end as gap_closed
    from said as s
    left join dashboard.rep_driver_comparison as w
        on
            s.tenant_id = w.tenant_id and s.said_on = w.snapshot_date and s.rep_id = w.rep_id
            and strpos(lower(s.title), lower(w.metric_label)) > 0
    left join dashboard.rep_driver_comparison as b
        on
            s.tenant_id = b.tenant_id and s.day = b.snapshot_date and s.rep_id = b.rep_id
            and w.metric_name = b.metric_name
    order by
        s.tenant_id asc, s.day asc, s.rep_id asc, s.insight_number asc, length(w.metric_label) desc, w.metric_name asc
),

closed as (
    select
        r.tenant_id,
        r.day,
        f.rep_id,
        count(*) filter (where f.is_won) as won_count,
        count(*) filter (where not f.is_won) as lost_count
    from pg_temp.run_days as r
    inner join staging.closing_facts as f
        on
            r.tenant_id = f.tenant_id and r.day >= f.d_from and r.day < f.d_to
            and r.day >= f.closed_on and r.day - 28 < f.closed_on
    where ops.ends_week(r.day, r.quarter_start, r.quarter_end)
    group by r.tenant_id, r.day, f.rep_id
),

acted as (
    select
        tenant_id,
        snapshot_date as day,
        rep_id,
        count(*) as actions_count,
        count(*) filter (where is_taken) as actions_taken_count
    from ai.action_outcomes
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, rep_id
),

became as (
    select
        m.*,
        round(m.gap_closed, 4) as gap_closed_pct,
        a.actions_count,
        a.actions_taken_count,
        coalesce(round(m.gap_closed, 4) >= 0.25, a.actions_taken_count * 2 >= a.actions_count) as is_followed,
        coalesce(c.won_count, 0) as won_count,
        coalesce(c.lost_count, 0) as lost_count
    from measured as m
    left join closed as c on m.tenant_id = c.tenant_id and m.day = c.day and m.rep_id = c.rep_id
    left join acted as a
        on m.tenant_id = a.tenant_id and m.day = a.day and m.rep_id = a.rep_id and m.metric_name = 'urgent_deals'
)

select
    tenant_id,
    day as snapshot_date,
    rep_id,
    insight_number,
    said_on,
    model_version,
    title,
    suggested_action,
    is_focus,
    metric_name,
    value_then,
    gap_then,
    value_now,
    gap_closed_pct,
    actions_count,
    actions_taken_count,
    is_followed,
    won_count,
    lost_count,
    count(*) filter (where is_followed) over alike as alike_followed_count,
    coalesce(sum(won_count) filter (where is_followed) over alike, 0) as alike_followed_won_count,
    coalesce(sum(lost_count) filter (where is_followed) over alike, 0) as alike_followed_lost_count,
    count(*) filter (where not is_followed) over alike as alike_others_count,
    coalesce(sum(won_count) filter (where not is_followed) over alike, 0) as alike_others_won_count,
    coalesce(sum(lost_count) filter (where not is_followed) over alike, 0) as alike_others_lost_count
from became
window alike as (partition by tenant_id, day, metric_name)

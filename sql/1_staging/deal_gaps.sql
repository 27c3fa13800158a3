-- Days at whose end a deal was deleted or merged: from the day of the deletion to the one of the restoration, if there
-- was any. What its record's versions say, and a logged status of deleted.
--
-- Grain: tenant, deal and span of days.
-- Key: tenant_id, opportunity_id, gone_on
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   gone_on date not null: first business day at whose end it was gone
--   back_on date not null: first day after it at whose end it was not; infinity while it is gone
--   gone_by text not null: deleted or merged
-- Rules:
--   back_on does not come after gone_on unless gone_on < back_on
with versions as (
    select
        tenant_id,
        opportunity_id,
        valid_from as changed_at,
        known_from,
        line_no,
        case when not is_deleted then 'there' when merged_into_id is null then 'deleted' else 'merged' end as kind,
        bool_or(is_deleted) over (partition by tenant_id, opportunity_id) as was_ever_gone
    from history.opportunities
),

statuses as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        known_from,
        line_no,
        case new_value when 'deleted' then 'deleted' else 'there' end as kind,
        bool_or(new_value = 'deleted') over (partition by tenant_id, opportunity_id) as was_ever_gone
    from history.opportunity_history
    where field = 'status' and new_value in ('open', 'won', 'lost', 'deleted') and changed_at is not null
),

events as (
    select * from versions
    where was_ever_gone
    union all
    select * from statuses
    where was_ever_gone
),

-- What a deal was at the end of each day on which that was said.
days as (
    select distinct on (tenant_id, opportunity_id, day)
        e.tenant_id,
        e.opportunity_id,
        d.day,
        e.kind
    from events as e
    cross join lateral (select (e.changed_at at time zone (select ops.timezone()))::date as day) as d
    order by
        e.tenant_id asc, e.opportunity_id asc, d.day asc, e.changed_at desc, e.known_from desc, e.line_no desc
),

turns as (
    select
        *,
        lag(kind, 1, 'there') over deal_in_time as previous_kind
    from days
    window deal_in_time as (partition by tenant_id, opportunity_id order by day)
),

spans as (
    select
        *,
        lead(day, 1, 'infinity') over (partition by tenant_id, opportunity_id order by day) as next_day
    from turns
    where (kind = 'there') <> (previous_kind = 'there')
)

select
    tenant_id,
    opportunity_id,
    day as gone_on,
    next_day as back_on,
    kind as gone_by
from spans
where kind <> 'there'
